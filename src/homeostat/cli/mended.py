"""`homeostat mended`: plug-ins that hung are tried again."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.folder import data_option
from homeostat.cli.group import debug_option


@click.command()
@click.argument("plugin", required=False)
@click.option("--model", metavar="NAME", help="Only of this model; of all otherwise.")
@data_option
@debug_option
def mended(plugin: str | None, model: str | None, folder: Path) -> None:
    """Let plug-ins that hung be tried again, at the next start of the service.

    PLUGIN is one as `health` in a model's status calls it; all of them where it is left out. One
    whose settings or source file have changed is tried without this.
    """
    from homeostat.runtime.hangs import Hangs

    for each in Hangs(folder).forget(model, plugin):
        click.echo(f"{each.plugin} of {each.model} is tried at the next start")
