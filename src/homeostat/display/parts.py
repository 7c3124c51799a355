"""What views are put together from: a frame, a badge, a table, facts, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from homeostat.display.markup import Child, Markup, joined, style, tag
from homeostat.display.style import sheet

Mood = Literal["good", "warn", "alarm", "calm"]
_SIGNS: dict[Mood, str] = {"good": "✓", "warn": "!", "alarm": "▲", "calm": "○"}


class Column(NamedTuple):
    """A column's head; `kind` is `name`, `text`, `num` (to the right) or `fit` (narrow).

    `hint` is shown where one points at the head.
    """

    head: str
    kind: Literal["name", "text", "num", "fit"] = "num"
    hint: str = ""


class Row(NamedTuple):
    """A row's cells; a bad one is marked, and says so in a cell as well."""

    cells: Sequence[Child]
    bad: bool = False
    hint: str = ""


def view(title: str, badge: Markup | None, sub: str, *children: Child) -> Markup:
    """A framed view for a notebook, with its style sheet: works alone, wherever it is put."""
    return joined(style(sheet()), tag("div", heading(title, badge, sub), *children, class_="hs"))


def heading(title: str, badge: Markup | None, sub: str = "") -> Markup:
    """The first line of a view."""
    return tag(
        "div",
        tag("span", title, class_="hs-title"),
        badge,
        tag("span", sub, class_="hs-sub") if sub else None,
        class_="hs-head",
    )


def badge(mood: Mood, word: str) -> Markup:
    """A state: its sign, its word, and only then its colour."""
    return tag(
        "span",
        tag("span", _SIGNS[mood], class_="hs-sign", aria_hidden="true"),
        word,
        class_=f"hs-badge hs-{mood}",
    )


def caption(text: str) -> Markup:
    """A small head above a part."""
    return tag("div", text, class_="hs-cap", role="heading", aria_level="3")


def note(text: Child) -> Markup:
    """A remark."""
    return tag("p", text, class_="hs-note")


def notes(texts: Iterable[str], most: int = 50) -> Markup | None:
    """Remarks as a list; None for none."""
    told = list(texts)
    more = [f"... and {len(told) - most:,} more"] if len(told) > most else []
    return tag("ul", [tag("li", text) for text in told[:most] + more]) if told else None


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Names and what they are."""
    return tag(
        "dl", [(tag("dt", name), tag("dd", told)) for name, told in pairs], class_="hs-facts"
    )


def table(columns: Sequence[Column], rows: Sequence[Row], left_out: int = 0) -> Markup:
    """A table; `left_out` rows are told to be missing at its end.

    It takes the focus, so that one too wide for its place is scrolled by keys.
    """
    heads = [_head(each) for each in columns]
    body = [_row(columns, row) for row in rows]
    more = note(f"... and {left_out:,} more") if left_out > 0 else None
    made = tag(
        "table", tag("thead", tag("tr", heads)), tag("tbody", body),
        class_="hs-table", tabindex="0",
    )  # fmt: skip
    return joined(made, more)


def _head(column: Column) -> Markup:
    if not column.head:  # what stands below speaks for itself; a head without words says nothing
        return tag("td", class_=_class(column))
    return tag("th", column.head, scope="col", class_=_class(column), title=column.hint or None)


def _row(columns: Sequence[Column], row: Row) -> Markup:
    cells = [
        tag("th", cell, scope="row", class_=_class(column))
        if column.kind == "name"
        else tag("td", cell, class_=_class(column))
        for column, cell in zip(columns, row.cells, strict=True)
    ]
    return tag("tr", cells, class_="hs-bad" if row.bad else None, title=row.hint or None)


def _class(column: Column) -> str | None:
    return f"hs-{column.kind}" if column.kind in ("num", "fit") else None
