"""`homeostat token`: who may ask the service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from homeostat.cli.folder import (
    as_json,
    config_option,
    data_option,
    minute,
    output_option,
    show,
    store_of,
    table,
)
from homeostat.cli.group import ERROR, Failure, debug_option
from homeostat.durations import seconds
from homeostat.errors import HomeostatError


@click.group()
@debug_option
def token() -> None:
    """Make, list and take back tokens. A server that runs knows of it within a second."""


@token.command()
@click.option("--scope", type=click.Choice(["ingest", "read", "admin"]), required=True,
              help="What it allows: to send, to read, or everything.")  # fmt: skip
@click.option("--model", "models", metavar="PREFIX", default="",
              help="Only for models whose names begin so.")  # fmt: skip
@click.option("--name", metavar="TEXT", default="", help="Whose it is, for the list.")
@click.option("--expires", metavar="SPAN", help='When it ends by itself, like "90d".')
@data_option
@config_option
@debug_option
def create(
    scope: str, models: str, name: str, expires: str | None, folder: Path, config: Path | None
) -> None:
    """Make a token and print it, this once."""
    from homeostat.service import tokens
    from homeostat.stores import audit
    from homeostat.upkeep.folders import opened, operator

    end = None if expires is None else _end(expires)
    with opened(store_of(folder, config)) as store, store.change():
        text = tokens.create(store, scope, models=models, name=name, expires=end)
        number = text.split("_")[1]
        audit.record(store, operator(), "token create", id=number, scope=scope, models=models,
                     name=name, expires=end)  # fmt: skip
    click.echo(text)
    click.echo(f"token {number}; keep it well, it is told this once", err=True)


@token.command("list")
@output_option
@data_option
@config_option
@debug_option
def list_tokens(output: str, folder: Path, config: Path | None) -> None:
    """List all tokens, without what would let one in."""
    from rich.markup import escape

    from homeostat.service import tokens
    from homeostat.upkeep.folders import opened

    with opened(store_of(folder, config), read_only=True) as store:
        found = tokens.listed(store)
    if as_json(output):
        told = [each | {name: _shown(each[name]) for name in _TIMES} for each in found]
        click.echo(msgspec.json.encode(told).decode())
        return
    made = table("id", "scope", "models", "name", "created, used", "ends")
    for column in made.columns[-2:]:
        column.no_wrap = True
    for each in found:
        models = f"{each['models']}*"
        row = (each["id"], each["scope"], models, each["name"])
        times = (_since(each), _ends(each))
        made.add_row(*(escape(str(part or "")) for part in (*row, *times)))
    show(made)


@token.command()
@click.argument("number", metavar="ID")
@data_option
@config_option
@debug_option
def revoke(number: str, folder: Path, config: Path | None) -> None:
    """Take the token ID back; the list has the ids."""
    from homeostat.service import tokens
    from homeostat.stores import audit
    from homeostat.upkeep.folders import opened, operator

    number = number.split("_")[1] if number.startswith("hs_") else number
    with opened(store_of(folder, config)) as store, store.change():
        if not tokens.revoke(store, number):
            raise Failure(f"there is no token {number} that is not revoked; "
                          "see: homeostat token list", ERROR)  # fmt: skip
        audit.record(store, operator(), "token revoke", id=number)
    click.echo(f"token {number} is revoked")


def _end(span: str) -> int:
    try:
        return time.time_ns() // 1000 + round(seconds(span) * 1e6)
    except (HomeostatError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint="--expires") from error


_TIMES = ("created", "used", "expires", "revoked")


def _since(token: Mapping[str, object]) -> str:
    """When a token was made, and below that when it was used last."""
    return "\n".join(minute(_shown(token[name])) for name in ("created", "used") if token[name])


def _ends(token: Mapping[str, object]) -> str:
    """When a token ends by itself, or was taken back."""
    revoked, expires = token["revoked"], token["expires"]
    return f"revoked\n{minute(_shown(revoked))}" if revoked else minute(_shown(expires))


def _shown(micros: object) -> str | None:
    if not isinstance(micros, int):
        return None
    try:
        return datetime.fromtimestamp(micros // 10**6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "never"
