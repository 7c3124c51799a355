"""The colours by name, for light and dark; told apart by people with any sight of colours.

Lines and areas are after Okabe and Ito; text has a contrast of at least 4.5 on its paper. No colour
says anything alone: a word or a sign stands beside it.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "wash": "#f5f7f9",
    "line": "#dfe4ea",
    "ink": "#17202b",
    "quiet": "#586474",
    "then": "#8b96a5",
    "now": "#0067ac",
    "good": "#00704f",
    "warn": "#855500",
    "bad": "#b23409",
    "good-wash": "#e3f4ee",
    "warn-wash": "#fdf1da",
    "bad-wash": "#fdeae3",
}

DARK = {
    "paper": "#12181f",
    "wash": "#1a222b",
    "line": "#2e3843",
    "ink": "#e7ecf2",
    "quiet": "#9eaab8",
    "then": "#8592a1",
    "now": "#5cb6ee",
    "good": "#41c79f",
    "warn": "#e9ad4e",
    "bad": "#ff9166",
    "good-wash": "#12312a",
    "warn-wash": "#352a14",
    "bad-wash": "#3a2017",
}

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
"""Several lines in one drawing, in this order."""
