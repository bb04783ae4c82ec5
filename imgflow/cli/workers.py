"""`imgflow workers`."""

import json
import sys
from dataclasses import asdict

import click
from rich.table import Table

from imgflow.cli.telling import stdout, tell, told_plainly
from imgflow.settings import load_settings


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
@told_plainly
def workers(context: click.Context, as_json: bool) -> None:
    """The resident workers: what each is doing, and with what in memory."""
    if context.invoked_subcommand:
        return
    from imgflow.execution.workers import Workers

    standings = Workers(load_settings()).standings()
    if as_json:
        click.echo(json.dumps([asdict(standing) for standing in standings]))
        return
    table = Table("worker", "pid", "device", "models", "memory", "steps done", "now")
    for standing in standings:
        models = ", ".join(standing.models) or "none"
        memory = f"{standing.memory / 1e6:.0f} MB"
        table.add_row(
            standing.name, str(standing.pid), standing.device, models, memory, str(standing.steps_done), standing.now
        )
    stdout.print(table if standings else "no workers; one is started when a step needs it")


@workers.command("stop")
@click.option("--now", is_flag=True, help="Do not wait for running steps; Dagster tries them again.")
@told_plainly
def stop_workers(now: bool) -> None:
    """End all workers, each after the steps it has taken."""
    from imgflow.execution.workers import Workers

    # A step may take its time, and Ctrl-C stops only the waiting.
    left = Workers(load_settings()).stop(now, seconds=30 if now else 24 * 3600)
    for worker in left:
        tell(f"worker {worker.name} (pid {worker.pid}) does not stop", "red")
    sys.exit(1 if left else 0)
