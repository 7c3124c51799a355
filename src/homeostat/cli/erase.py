"""`homeostat erase`: what a record says of a person, gone."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import debug_option
from homeostat.cli.waiting import waiting


@click.command()
@click.option("--record-id", required=True, metavar="ID", help="The record.")
@click.option("--model", metavar="NAME", help="Only of this model; of all that have it otherwise.")
@data_option
@config_option
@debug_option
def erase(record_id: str, model: str | None, folder: Path, config: Path | None) -> None:
    """Erase the features and the metadata of one record; the server must not run.

    What it was counted in stays as it is. Backups have it still: make a new one, delete the old.
    """
    from homeostat.upkeep.erasure import erase as erased
    from homeostat.upkeep.folders import operator

    with waiting("erasing"):
        told = erased(store_of(folder, config), record_id, operator(), model)
    click.echo(f"{record_id} is erased, of {', '.join(told)}; backups made before have it still")
