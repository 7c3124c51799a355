"""`homeostat restore`: a folder made of a backup."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import debug_option
from homeostat.cli.waiting import waiting


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@data_option
@config_option
@click.option("--replace", is_flag=True,
              help="In place of the data that is there, which is kept beside it.")  # fmt: skip
@debug_option
def restore(source: Path, folder: Path, config: Path | None, replace: bool) -> None:
    """Make a folder of the backup SOURCE; the server must not run.

    The backup is checked first, in full. The folder has the old data or the new, never neither.
    With a PostgreSQL in the configuration, it is made of a database in which there is nothing yet.
    Of which kind of store the backup is does not matter.
    """
    from homeostat.upkeep.copies import restore as restored
    from homeostat.upkeep.folders import operator

    where = store_of(folder, config)
    with waiting("checking, and restoring"):
        old = restored(source, where, operator(), replace=replace)
    click.echo(f"{folder if where == folder else 'the database'} is what {source} was")
    if old is not None:
        click.echo(f"what it was before is in {old}; delete that when you need it no more")
