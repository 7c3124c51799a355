"""`homeostat events`: the log of a model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homeostat.cli.folder import as_json, config_option, data_option, output_option, store_of
from homeostat.cli.group import USAGE, Failure, debug_option

if TYPE_CHECKING:
    from homeostat.upkeep.following import Event


@click.command()
@click.argument("model")
@data_option
@config_option
@click.option("--url", help="Ask the service there, in place of reading the folder.")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
              help="The token for --url.")  # fmt: skip
@click.option("--after", type=click.IntRange(0), default=0, metavar="N",
              help="Only events with larger numbers.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is to come.")
@output_option
@debug_option
def events(
    model: str, folder: Path, config: Path | None, url: str | None, token_file: Path | None,
    after: int, limit: int | None, follow: bool, output: str,
) -> None:  # fmt: skip
    """Print the events of MODEL, the oldest first: drifts, requests, failures.

    JSON is one object a line: seq, kind and event. With --url and --follow the connection is
    taken up again where it ended.
    """
    where = store_of(folder, config) if url is None else folder
    found = _events(model, where, url, token_file, after, follow)
    line = _json if as_json(output) else _row
    for event in islice(found, limit):
        click.echo(line(event))


def _events(
    model: str,
    where: Path | str,
    url: str | None,
    token_file: Path | None,
    after: int,
    follow: bool,
) -> Iterator[Event]:
    from homeostat.upkeep.asking import token_in
    from homeostat.upkeep.following import Service, from_folder

    if url is None:
        return from_folder(where, model, after, follow, time.sleep)
    if token_file is None:
        raise Failure("--url needs --token-file, with a token that may read", USAGE)
    token = token_in(token_file)
    return Service(url, token).events(model, after, follow, time.sleep)


def _json(event: Event) -> str:
    return msgspec.json.encode(event).decode()


def _row(event: Event) -> str:
    body = msgspec.json.decode(event.event)
    told = body.get(event.kind, body) if isinstance(body, dict) else body
    parts = told.items() if isinstance(told, dict) else [("", told)]
    words = " ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in parts)
    return f"{event.seq:>8}  {event.kind:<18}  {words}"
