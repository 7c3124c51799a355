"""`homeostat absorb`: states that were made elsewhere, added to a service's."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import debug_option
from homeostat.cli.waiting import waiting


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@data_option
@config_option
@debug_option
def absorb(files: tuple[str, ...], folder: Path, config: Path | None) -> None:
    """Add states from Spark, or from homeostat.profiles; the server must not run.

    FILES are Parquet files or folders. The same states count once, however often they are given.
    """
    from homeostat.upkeep.absorbing import absorb as absorbed
    from homeostat.upkeep.folders import operator

    with waiting("absorbing"):
        told = absorbed(store_of(folder, config), files, operator())
    for one in told:
        did = "was there already" if one.known else f"{one.records:,} records added"
        more = f"; left out: {one.left_out}" if one.left_out else ""
        name = f" of {one.model}: {one.minutes:,} minutes, {did}" if one.model else ""
        click.echo(f"{one.file}{name}{more}")
