"""`imgflow doctor`."""

import json
import sys
from dataclasses import asdict

import click
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from imgflow.cli.telling import stdout, told_plainly
from imgflow.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True)
@told_plainly
def doctor(as_json: bool) -> None:
    """Check store, catalog, models, devices and the Dagster instance."""
    from imgflow.doctor import examine

    findings = examine(load_settings())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table("check", "", box=SIMPLE)
        for column in ("finding", "remedy"):
            table.add_column(column, overflow="fold")  # paths and commands are there to be copied
        marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}
        for finding in findings:
            table.add_row(finding.check, marks[finding.status], escape(finding.text), escape(finding.remedy))
        stdout.print(table)
    sys.exit(1 if any(finding.status == "fail" for finding in findings) else 0)
