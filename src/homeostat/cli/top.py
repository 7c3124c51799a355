"""`homeostat top`: a running service, live in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from homeostat.cli.group import USAGE, Failure, debug_option


@click.command()
@click.option("--url", default="http://127.0.0.1:8321", show_default=True, metavar="URL",
              help="The service.")  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", required=True,
              help="A token that may read: homeostat token create --scope read.")  # fmt: skip
@debug_option
def top(url: str, token_file: Path) -> None:
    """Watch a running service: its fleet, and each model closely.

    The keys stand at the bottom. What is shown is at most two seconds old; when the service does
    not answer, that is told, and what it said last stays.
    """
    if not sys.stdout.isatty():
        raise Failure("top needs a terminal; for programs there is GET /v1/fleet", USAGE)
    from homeostat.terminal.app import Top
    from homeostat.terminal.link import Service
    from homeostat.upkeep.asking import token_in

    token_in(token_file)  # so that a wrong file is told before the terminal is taken
    Top(Service(url, token_file)).run()
