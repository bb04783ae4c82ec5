"""`python -m imgflow.samples OUT [--truth DIR] [--megapixels X] [--seed N]` writes the sample photos."""

from pathlib import Path

import click

from imgflow.samples.files import write_both, write_photos


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--truth", type=click.Path(file_okay=False, path_type=Path), help="folder for alpha, ground and shadow")
@click.option("--megapixels", type=click.FloatRange(min=0.01, max=50), help="size of each photo (default: its own)")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="same seed, same pixels")
def main(out: Path, truth: Path | None, megapixels: float | None, seed: int) -> None:
    """Render the sample product photos into OUT."""
    if truth is None:
        paths = write_photos(out, megapixels=megapixels, seed=seed)
    else:
        paths = write_both(out, truth, megapixels, seed)
    for path in paths:
        click.echo(path)


if __name__ == "__main__":
    main()
