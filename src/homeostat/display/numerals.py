"""Numbers as people read them, everywhere alike: a true minus, a dash for what is not known."""

from __future__ import annotations

from math import isfinite, isnan

NOTHING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """A number to some digits; a dash for NaN and None."""
    if value is None or isnan(value):
        return NOTHING
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value and not 1e-4 <= abs(value) < 1e7:
        return _minus(f"{value:.{digits}g}")
    return _minus(f"{float(f'{value:.{digits}g}'):,.10g}")


def signed(value: float | None, digits: int = 3) -> str:
    """A change: with its sign."""
    told = number(value, digits)
    return f"+{told}" if value is not None and value > 0 else told


def count(value: int) -> str:
    """A whole number, thousands apart."""
    return _minus(f"{value:,}")


def share(value: float | None, digits: int = 1) -> str:
    """A share in percent; a dash for NaN and None."""
    if value is None or isnan(value):
        return NOTHING
    if 0 < value < 10 ** -(digits + 2):
        return f"<{10.0**-digits:g} %"
    return f"{100 * value:.{digits}f} %"


def probability(value: float | None) -> str:
    """A p-value: small ones by their size."""
    if value is None or isnan(value):
        return NOTHING
    return "<1e−16" if value < 1e-16 else _minus(f"{value:.2g}")


def interval(low: float | None, high: float | None, digits: int = 4) -> str:
    """Both ends; nothing at all where neither is known."""
    if low is None or high is None or (isnan(low) and isnan(high)):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
