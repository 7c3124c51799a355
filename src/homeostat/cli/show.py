"""`homeostat show`: files that other tools read."""

from __future__ import annotations

from importlib.resources import files

import click

from homeostat.cli.group import debug_option

_FILES = {"grafana": "grafana.json", "alerts": "alerts.yml"}


@click.command()
@click.argument("what", type=click.Choice(list(_FILES)))
@debug_option
def show(what: str) -> None:
    """Print a dashboard for Grafana, or alert rules for Prometheus.

    Both read what `homeostat serve` tells at /metrics:
    `homeostat show alerts > homeostat.rules.yml`.
    """
    folder = files("homeostat.service") / "observability"
    click.echo((folder / _FILES[what]).read_text(encoding="utf-8"), nl=False)
