"""`homeostat backup`: all that is kept, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import debug_option
from homeostat.cli.waiting import waiting


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@data_option
@config_option
@debug_option
def backup(target: Path, folder: Path, config: Path | None) -> None:
    """Write all that is committed to the file TARGET, while the server goes on.

    It is checked, and on the disk, before it has its name; nothing is overwritten.
    """
    from homeostat.upkeep.copies import back_up
    from homeostat.upkeep.folders import operator

    with waiting("writing, and checking what was written"):
        size = back_up(store_of(folder, config), target, operator())
    click.echo(f"{target}: {size:,} bytes, checked")
