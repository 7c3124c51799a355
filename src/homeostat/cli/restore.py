"""`homeostat restore`: a folder made of a backup."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import data_option
from homeostat.cli.group import debug_option


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@data_option
@click.option("--replace", is_flag=True,
              help="In place of the data that is there, which is kept beside it.")  # fmt: skip
@debug_option
def restore(source: Path, folder: Path, replace: bool) -> None:
    """Make a folder of the backup SOURCE; the server must not run.

    The backup is checked first, in full. The folder has the old data or the new, never neither.
    """
    from homeostat.upkeep.copies import restore as restored
    from homeostat.upkeep.folders import operator

    old = restored(source, folder, operator(), replace=replace)
    click.echo(f"{folder} is what {source} was")
    if old is not None:
        click.echo(f"what it was before is in {old}; delete that when you need it no more")
