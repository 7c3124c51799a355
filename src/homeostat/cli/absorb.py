"""`homeostat absorb`: states that were made elsewhere, added to a service's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import USAGE, Failure, debug_option
from homeostat.cli.waiting import waiting

if TYPE_CHECKING:
    from homeostat.upkeep.absorbing import Absorbed


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@data_option
@config_option
@click.option("--url", metavar="URL", help="The service that runs, in place of --data.")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
              envvar="HOMEOSTAT_TOKEN_FILE", show_envvar=True,
              help="A token for it, with the scope admin.")  # fmt: skip
@debug_option
def absorb(
    files: tuple[str, ...], folder: Path, config: Path | None, url: str | None,
    token_file: Path | None,
) -> None:  # fmt: skip
    """Add states from Spark, or from homeostat.profiles, to what a service has counted.

    To a folder, which no server may have then, or with --url to a service that runs. FILES are
    Parquet files or folders. The same states count once, however often they are given.
    """
    if url is None:
        from homeostat.upkeep.absorbing import absorb as absorbed
        from homeostat.upkeep.folders import operator

        with waiting("absorbing"):
            told = absorbed(store_of(folder, config), files, operator())
        _say(told)
        return
    from homeostat.upkeep.absorbing_afar import absorb_afar

    if token_file is None:
        raise Failure("--url needs --token-file, with a token of the scope admin", USAGE)
    with waiting("absorbing"):
        for one in absorb_afar(url, token_file, files):
            _say([one])


def _say(told: Iterable[Absorbed]) -> None:
    for one in told:
        did = "was there already" if one.known else f"{one.records:,} records added"
        more = f"; left out: {one.left_out}" if one.left_out else ""
        name = f" of {one.model}: {one.minutes:,} minutes, {did}" if one.model else ""
        click.echo(f"{one.file}{name}{more}")
