"""`homeostat audit`: who did what to a service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from homeostat.stores.audit import Entry


@click.command(
    epilog="""\b
Exit status: 0 the log is whole, 1 an entry was changed, taken out or cut off"""
)
@click.option("--action", metavar="NAME", help='Only acts of this kind, like "token create".')
@click.option("--after", type=click.IntRange(0), default=0, metavar="N",
              help="Only entries with larger numbers.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@output_option
@data_option
@config_option
@debug_option
def audit(
    action: str | None, after: int, limit: int | None, output: str, folder: Path,
    config: Path | None,
) -> None:  # fmt: skip
    """Print the audit log, the oldest act first: tokens, promotions, configurations and the like.

    Each entry seals the one before it, which is looked at, too. JSON is one object a line.
    """
    from homeostat.stores import audit as acts
    from homeostat.upkeep.folders import opened

    with opened(store_of(folder, config), read_only=True) as store:
        problem = acts.broken(store)
        wanted = (
            each for each in acts.entries(store)
            if each.id > after and action in (None, each.action)
        )  # fmt: skip
        _print(islice(wanted, limit), as_json(output))
    if problem:
        raise Failure(f"the audit log was changed: {problem}; restore a backup, and keep this "
                      "folder for whoever looks into it", ERROR)  # fmt: skip


def _print(found: Iterator[Entry], as_json: bool) -> None:
    if as_json:
        for each in found:
            told = {"id": each.id, "at": _time(each), "actor": each.actor, "action": each.action,
                    "detail": msgspec.Raw(each.detail.encode())}  # fmt: skip
            click.echo(msgspec.json.encode(told).decode())
        return
    from rich.markup import escape

    made = table("", "when", "who", "what", "")
    made.columns[1].no_wrap = True
    for each in found:
        row = (str(each.id), minute(_time(each)), each.actor, each.action, _words(each.detail))
        made.add_row(*map(escape, row))
    show(made)


def _time(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at // 10**6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _words(detail: str) -> str:
    """What there is to it, without what is empty."""
    told = msgspec.json.decode(detail, type=dict[str, object])
    return ", ".join(
        f"{name} {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in told.items()
        if value not in (None, "", {})
    )
