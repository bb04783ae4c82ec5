"""`imgflow link`."""

import click

from imgflow.cli.telling import told_plainly
from imgflow.settings import load_settings


@click.command()
@click.argument("keys", nargs=-1, required=True)
@told_plainly
def link(keys: tuple[str, ...]) -> None:
    """Links to the results of photos, named by their paths below the inbox. On S3 they are presigned."""
    from imgflow.defs.resources import WorkspaceResource
    from imgflow.pipeline.links import published_link

    workspace = WorkspaceResource(load_settings()).open()
    for key in keys:
        click.echo(published_link(workspace, key))
