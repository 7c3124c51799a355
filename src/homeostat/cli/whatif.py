"""`homeostat whatif`: history with other settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homeostat.cli.configuration import settings_of
from homeostat.cli.folder import as_json, data_option, output_option, show, table
from homeostat.cli.group import debug_option, import_from_here
from homeostat.cli.replay import journal, warn_of_gaps
from homeostat.cli.waiting import waiting

if TYPE_CHECKING:
    from homeostat.backtest.whatif import WhatIf

_HEIGHTS = " ▁▂▃▄▅▆▇█"


@click.command()
@data_option
@click.option("-c", "--config", "config_path", metavar="FILE", required=True,
              help="The other settings.")  # fmt: skip
@click.option("-m", "--model", help="Only this model. Default: all, the oldest first.")
@output_option
@debug_option
def whatif(folder: Path, config_path: str, model: str | None, output: str) -> None:
    """Show what a service would have told with other settings, beside what it told.

    The journal is folded again with the settings of FILE; nothing is changed. What came from
    outside (trainings, promotions, a person's word) happens as it happened.
    """
    import_from_here()
    from homeostat.backtest.replay import models_of, recorded, replayed
    from homeostat.backtest.whatif import whatif as compare
    from homeostat.events import SystemEvent

    settings = settings_of(config_path)
    with journal(folder, settings) as store:
        for each in models_of(store, model):
            warn_of_gaps(store, each)
            then = (SystemEvent.from_json(bytes(line.event)) for line in recorded(store, each))
            with waiting(f"folding the journal of {each.name} again"):
                found = compare(each.name, then, replayed(store, each, settings.engine_of))
            if as_json(output):
                click.echo(msgspec.json.encode(found).decode())
            else:
                _show(found)


def _show(found: WhatIf) -> None:
    from rich.text import Text

    from homeostat.times import from_micros, to_text

    counts = table(found.model, "then", "now")
    for column in counts.columns[1:]:
        column.justify = "right"
    for kind, (then, now) in found.kinds.items():
        counts.add_row(kind, f"{then:,}", Text(f"{now:,}", "" if then == now else "yellow"))
    show(counts)
    if not found.differences:
        show(Text("No event differs.\n"))
        return
    for stretch in found.timelines:
        most = max(*stretch.then, *stretch.now)
        if most:
            show(Text(f"{stretch.kind}, at most {most:,} in a column", "bold"))
            show(Text(f"  then {_bars(stretch.then, most)}"))
            show(Text(f"  now  {_bars(stretch.now, most)}"))
    ends = (to_text(from_micros(at)) for at in (found.start, found.end))
    start, end = (text[:16].replace("T", " ") for text in ends)
    show(Text(f"       {start}{end:>{len(_bars([0] * 60, 1)) - len(start)}}\n", "dim"))
    for title, events in (("Only then", found.only_then), ("Only now", found.only_now)):
        if events:
            show(Text(f"{title}, the first {len(events)}:", "bold"))
            for event in events:
                show(Text("  " + _said(event)))


def _bars(parts: list[int], most: int) -> str:
    """Numbers as heights; whatever is above 0 is seen."""
    steps = len(_HEIGHTS) - 1
    return "".join(_HEIGHTS[-(-n * steps // most)] for n in parts)


def _said(event: dict[str, dict[str, object]]) -> str:
    ((kind, told),) = event.items()
    moment = str(told.get("created_at", ""))[:19]
    why = told.get("reason") or told.get("metric") or told.get("error") or ""
    return f"{moment}  {kind}  {why}"
