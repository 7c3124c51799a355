"""Numbers and states as a few characters: no state is told by its colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"


class Look(NamedTuple):
    """How a state looks: a sign of its own, and a colour that the colour-blind tell apart."""

    sign: str
    colour: str


LOOKS = {
    "degraded": Look("✖", "#d55e00"),
    "drifting": Look("▲", "#e69f00"),
    "retraining": Look("↻", "#56b4e9"),
    "provisional": Look("○", "#999999"),
    "healthy": Look("●", "#009e73"),
}
"""Of Okabe and Ito's palette; the worst first."""

_UNKNOWN = Look("?", "#999999")


def look(state: str) -> Look:
    """The look of a state."""
    return LOOKS.get(state, _UNKNOWN)


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The latest values, one a character or the mean of several; a dot where there is none."""
    shown = squeezed(values, width)
    low, high = _range(shown)
    return "".join(
        NOTHING if value is None else BARS[_step(value, len(BARS), low, high)] for value in shown
    )


def chart(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """The same in several lines, the topmost first, each `width` characters."""
    shown = squeezed(values, width)
    low, high = _range(shown)
    steps = [
        None if value is None else _step(value, height * len(BARS), low, high) + 1
        for value in shown
    ]
    floors = range((height - 1) * len(BARS), -1, -len(BARS))
    return ["".join(_block(step, floor) for step in steps) for floor in floors]


def _block(step: int | None, floor: int) -> str:
    if step is None:
        return NOTHING if floor == 0 else " "
    full = min(max(step - floor, 0), len(BARS))
    return BARS[full - 1] if full else " "


def squeezed(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values: of neighbours that share a place their mean."""
    n = len(values)
    if n <= width:
        return list(values)
    edges = [at * n // width for at in range(width + 1)]
    return [_mean(values[a:b]) for a, b in pairwise(edges)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _range(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _step(value: float, steps: int, low: float, high: float) -> int:
    if high <= low:
        return steps // 2
    return min(steps - 1, int((value - low) / (high - low) * steps))


def figure(value: Any) -> str:
    """A number in about five characters; a dash where there is none."""
    if not isinstance(value, int | float):
        return "-"
    return (
        f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else many(value)
    )


def many(value: float) -> str:
    """A count in at most five characters: 999, 12.3k, 4.5M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return (
                f"{value / size:.1f}{unit}" if value < 100 * size else f"{value / size:.0f}{unit}"
            )
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def ago(seconds: float) -> str:
    """How long since, in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def plain(text: Any) -> str:
    """Text in one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(str(text).split()))


def cut(text: Any, width: int) -> str:
    """Plain text of at most so many characters."""
    line = plain(text)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def said(kind: str, event: Mapping[str, Any]) -> str:
    """An event in a few words."""
    parts = [event.get(name) for name in ("metric", "detector", "plugin", "version", "reason")]
    words = [str(part) for part in parts if part not in (None, "")]
    return f"{kind}: {', '.join(dict.fromkeys(words))}" if words else kind
