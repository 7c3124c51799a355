"""A page as a whole: one file that loads nothing, runs nothing, and says what it is first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.display.markup import Child, Markup, joined, style, tag
from homeostat.display.parts import Mood, badge
from homeostat.display.style import sheet
from homeostat.report.sheet import RULES

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Tile(NamedTuple):
    """A figure with its name, and what there is to add in small."""

    name: str
    value: str
    small: str = ""


class Top(NamedTuple):
    """What stands above all else: where from, the title, its state, sentences, figures."""

    over: str
    moment: str
    title: str
    mood: Mood
    word: str
    sentences: Sequence[str]
    tiles: Sequence[Tile]


def page(top: Top, sections: Sequence[Markup | None], foot: str) -> str:
    """The whole document."""
    head = tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"{top.title}: {top.word}"), style(sheet() + RULES),
    )  # fmt: skip
    body = tag("main", _top(top), sections, tag("footer", foot), class_="hs hs-page")
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def section(title: str, intro: str, *children: Child) -> Markup:
    """A part of the page; None among the children is left out."""
    return tag(
        "section", tag("h2", title), tag("p", intro, class_="hs-intro") if intro else None, children
    )


def _top(top: Top) -> Markup:
    first, *more = top.sentences
    return joined(
        tag("div", tag("span", top.over), tag("span", top.moment), class_="hs-over"),
        tag("div", tag("h1", top.title), badge(top.mood, top.word), class_="hs-top"),
        tag("p", first, class_="hs-lede"),
        [tag("p", text, class_="hs-more") for text in more],
        tag("dl", [_tile(tile) for tile in top.tiles], class_="hs-tiles") if top.tiles else None,
    )


def _tile(tile: Tile) -> Markup:
    small = tag("small", tile.small) if tile.small else None
    return tag("div", tag("dt", tile.name), tag("dd", tile.value, small), class_="hs-tile")
