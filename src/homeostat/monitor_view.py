"""A monitor for people: what it is made of, and how each part is doing."""

from __future__ import annotations

from collections.abc import Mapping

from homeostat.display.markup import Markup, joined, short, tag
from homeostat.display.numerals import count
from homeostat.display.parts import Column, Row, badge, note, table, view
from homeostat.engine import Engine
from homeostat.health import Health

_COLUMNS = (Column("name", "name"), Column("part", "fit"), Column("state", "fit"),
            Column("settings", "text"), Column("errors"))  # fmt: skip
_PARTS = 100


def html(engine: Engine, health: Mapping[str, Health]) -> Markup:
    """For a notebook."""
    ill = [name for name, each in health.items() if not each.ok or each.off]
    failed = f"{len(ill)} part{'s' * (len(ill) != 1)} failed"
    word = badge("alarm", failed) if ill else badge("good", "all parts work")
    own = engine.health  # in the order of the plug-ins, the strategy last
    plugins: list[tuple[str, object]] = [("metric", each) for each in engine.metrics]
    plugins += [("detector", each) for each in engine.detectors]
    plugins += [("strategy", engine.strategy)] if engine.strategy is not None else []
    named = zip(own.items(), plugins, strict=True)
    rows = [_row(name, part, plugin, told) for (name, told), (part, plugin) in named]
    rows += [
        _row(name, "way in", "", told)
        for name, told in health.items()
        if name not in own and told.errors
    ]
    return view(
        "Monitor", word, f"{engine.records:,} records",
        table(_COLUMNS, rows[:_PARTS], len(rows) - _PARTS),
        note("It keeps no history: observe_batch answers with the events, which draw themselves."),
    )  # fmt: skip


def _row(name: str, part: str, plugin: object, told: Health) -> Row:
    word = badge("alarm", "off") if told.off else badge("alarm", "failed")
    cells = [
        short(name), part, badge("good", "works") if told.ok and not told.off else word,
        joined(short(_said(plugin), 120), _problem(told)),
        count(told.errors),
    ]  # fmt: skip
    return Row(cells, bad=not told.ok or told.off)


def _problem(told: Health) -> Markup | None:
    error = short(told.last_error, 160)
    return tag("div", error, class_="hs-sub") if error else None


def _said(plugin: object) -> str:
    """How a plug-in shows itself; "" where it does not, or cannot."""
    if isinstance(plugin, str):
        return plugin
    try:
        told = repr(plugin)
    except Exception as error:
        return f"a {type(plugin).__name__} whose repr raised {type(error).__name__}"
    return type(plugin).__name__ if " object at 0x" in told else told
