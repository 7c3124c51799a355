"""What the commands that look after a folder have in common."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

data_option = click.option(
    "-d", "--data", "folder", metavar="DIR", default="homeostat-data", show_default=True,
    type=click.Path(path_type=Path), help="The folder that serve has.",
)  # fmt: skip
config_option = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path),
    help="The configuration that serve has, where its store is a PostgreSQL.",
)  # fmt: skip
output_option = click.option(
    "-o", "--output", type=click.Choice(["auto", "table", "json"]), default="auto",
    help="auto: a table on a terminal, else JSON.",
)  # fmt: skip


def store_of(folder: Path, config: Path | None) -> Path | str:
    """Where the store is: in the folder, or at the address that the configuration names."""
    if config is None:
        return folder
    from homeostat.cli.configuration import service_settings, settings_of

    return service_settings(settings_of(str(config))).where(folder)


def as_json(output: str) -> bool:
    """Whether --output asks for JSON."""
    return output == "json" or (output == "auto" and not sys.stdout.isatty())


def table(*columns: str) -> Any:
    """An empty table, as they all look."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def minute(at: str | None) -> str:
    """A time as it fits into a table, where it breaks before the hour and never within."""
    return (at or "")[:16].replace("T", " ")


def show(made: Any) -> None:
    """Print a table; what is not of a terminal gets it as wide as it is."""
    from rich.console import Console

    Console(highlight=False, emoji=False).print(made)
