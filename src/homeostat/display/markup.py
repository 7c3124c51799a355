"""Markup that cannot be broken by what stands in it: every text is escaped, where it is put in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_VOID = frozenset({"meta", "br", "hr", "col"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no page should hold: control characters, those that turn the direction, halves of pairs."""


class Markup(str):
    """Text that is markup already; made by `tag` and `joined` alone."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | Iterable[Child] | None"
Value: TypeAlias = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element. Texts among the children are escaped, None is left out, lists are opened.

    `class_` is `class`, `aria_label` is `aria-label`; None and False leave an attribute out, True
    is its bare name. ValueError for a name that is none, and for an attribute that runs a script.
    """
    if not _NAME.match(name) or name == "script":
        raise ValueError(f"{name!r} is no element that is written here")
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Several children, one after another."""
    return Markup("".join(map(_child, children)))


def style(sheet: str) -> Markup:
    """A style sheet of our own; ValueError for one that ends the element early."""
    if "</" in sheet:
        raise ValueError("a style sheet holds no markup")
    return Markup(f"<style>{sheet}</style>")


def clean(text: str) -> str:
    """A text without what no page should hold."""
    return _CONTROL.sub("\ufffd", text)


def short(text: str, most: int = 40) -> str:
    """A text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        return escape(clean(str(child)), quote=False)
    return "".join(map(_child, child))


def _attribute(key: str, value: Value) -> str:
    name = key.removesuffix("_").replace("_", "-")
    if not _NAME.match(name) or name.lower().startswith("on"):
        raise ValueError(f"{name!r} is no attribute that is written here")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{escape(clean(str(value)), quote=True)}"'
