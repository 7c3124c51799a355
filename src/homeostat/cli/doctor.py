"""`homeostat doctor`: whether a folder is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homeostat.cli.folder import config_option, data_option, show, store_of, table
from homeostat.cli.group import ERROR, debug_option
from homeostat.cli.waiting import waiting

if TYPE_CHECKING:
    from homeostat.upkeep.findings import Finding


@click.command(
    epilog="""\b
Exit status: 0 all is well, 1 something is not"""
)
@data_option
@config_option
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table",
              help="json: every finding as JSON.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@debug_option
@click.pass_context
def doctor(
    ctx: click.Context, folder: Path, config: Path | None, output: str, as_json: bool
) -> None:
    """Examine a folder, while a server may run; nothing in it is changed.

    Looks at the files, their rights, the disk, the log, the database and the clock; opens every
    checksum; and counts again what is kept twice. Tells what to do where something is wrong. Of a
    PostgreSQL, who holds it, its settings, its size and its clock, in place of the files.
    """
    from homeostat.upkeep.doctor import examine
    from homeostat.upkeep.remote import examine_server

    where = store_of(folder, config)
    with waiting("examining"):
        found = examine_server(where) if isinstance(where, str) else examine(where)
    ok = all(each.ok for each in found)
    if as_json or output == "json":
        told = {"folder": str(folder), "ok": ok, "findings": found}
        click.echo(msgspec.json.encode(told).decode())
    else:
        _print(found)
    ctx.exit(0 if ok else ERROR)


_MARKS = {"info": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[bold red]error[/]"}


def _print(found: list[Finding]) -> None:
    from rich.markup import escape

    made = table("", "check", "found")
    for each in found:
        told = each.seen if each.ok else f"{each.problem}\nto mend: {each.mend}"
        made.add_row(_MARKS[each.level], each.check, escape(told))
    show(made)
