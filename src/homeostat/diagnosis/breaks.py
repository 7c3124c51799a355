"""Breaks of the data: columns that no longer hold what they held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np

from homeostat.comparison import two_sample
from homeostat.diagnosis.sides import Column, Mask, Side
from homeostat.diagnosis.units import unit_change

_ENOUGH = 10  # rows on a side
_JUMP = 0.05  # a share that rises by less is drift
_RARE = 0.2  # how much rarer a value was before, for its share to be a spike
_FEW = 5  # values, among which none can be told to be a default
_DEFAULTS = (0.0, -1.0, 1.0, 99.0, 999.0, 9999.0, -99.0, -999.0, -9999.0)
_NAMES = (
    "",
    "-",
    "?",
    "unknown",
    "none",
    "null",
    "nan",
    "n/a",
    "na",
    "missing",
    "default",
    "other",
)


class Break(NamedTuple):
    """What is broken: the column, how, the p-value (0 where no chance is in it), and which rows.

    `rule` says in words which current rows are broken, `rows` marks them; None: all.
    """

    column: str
    kind: str
    text: str
    p_value: float
    rule: str
    rows: Mask | None = None


Check = Callable[[str, Column, Column], Break | None]


def breaks(
    reference: Side, current: Side, features: list[str], outputs: list[str], alpha: float
) -> list[Break]:
    """All breaks, one a column, corrected for the number of columns and checks (Bonferroni).

    Features are checked for all, outputs (prediction, score, label) for those that a change of
    the features cannot bring about.
    """
    found = [*_schema(reference, current, features)]
    both = [name for name in features if name in reference.columns and name in current.columns]
    outputs = [n for n in outputs if n in reference.columns and n in current.columns]
    asked: list[tuple[str, tuple[Check, ...]]] = [(name, _CHECKS) for name in both]
    asked += [(name, _OF_OUTPUTS) for name in outputs]
    tests = max(1, len(asked) * len(_CHECKS))
    for name, checks in asked:
        before, after = reference.columns[name], current.columns[name]
        for check in checks:
            one = check(name, before, after)
            if one is not None and one.p_value * tests <= alpha:
                found.append(one._replace(p_value=one.p_value * tests))
                break
    return found


def _schema(reference: Side, current: Side, features: list[str]) -> Iterator[Break]:
    for name in features:
        if name not in current.columns:
            yield Break(name, "vanished", "is gone", 0.0, "all rows")
        elif name not in reference.columns:
            yield Break(name, "appeared", "is new", 0.0, "the whole column")


def _type(name: str, before: Column, after: Column) -> Break | None:
    if "empty" in (before.kind, after.kind):
        return None
    if before.kind == after.kind or (before.numeric and after.numeric):
        return None
    text = f"changed its type from {before.kind} to {after.kind}"
    return Break(name, "type", text, 0.0, "all rows")


def _missing(name: str, before: Column, after: Column) -> Break | None:
    n, m = len(before.missing), len(after.missing)
    if min(n, m) < _ENOUGH:
        return None
    a, b = float(before.missing.mean()), float(after.missing.mean())
    if b - a < _JUMP:
        return None
    p = two_sample("z_proportions", before.missing, after.missing).p_value
    text = f"is missing in {b:.1%} of rows, before in {a:.1%}"
    return Break(name, "missing", text, p, f"{name} is missing", after.missing)


def _constant(name: str, before: Column, after: Column) -> Break | None:
    was, now = before.present, after.present
    if min(len(was), len(now)) < _ENOUGH or not (now == now[0]).all():
        return None
    share = float((was == now[0]).mean())
    if share == 1.0:
        return None
    return Break(name, "constant", f"is constant, {_shown(now[0])}", share ** len(now), "all rows")


def _unit(name: str, before: Column, after: Column) -> Break | None:
    if not (before.numeric and after.numeric):
        return None
    was, now = before.present, after.present
    found = unit_change(was, now)
    if found is None or not found.sure:
        return None
    unit, kind = found.unit, "sign" if found.unit.scale < 0 else "unit"
    return Break(name, kind, f"is {unit.text}", two_sample("ks", was, now).p_value, "all rows")


def _spike(name: str, before: Column, after: Column) -> Break | None:
    """One value that became frequent, all others being as they were."""
    was, now = before.present, after.present
    if min(len(was), len(now)) < _ENOUGH:
        return None
    values, counts = np.unique(now.astype(str) if now.dtype == object else now, return_counts=True)
    for at in np.argsort(-counts, kind="stable")[:3]:
        value = values[at].item()
        a, b = float((was == value).mean()), float(counts[at]) / len(now)
        if b - a < _JUMP or not (a <= _RARE * b or value in _DEFAULTS):
            continue
        if not _default(value, a, was, now):
            continue
        p = two_sample("z_proportions", was == value, now == value).p_value * len(values)
        text = f"is {_shown(value)} in {b:.1%} of rows, before in {a:.1%}"
        rule = f"{name} == {_shown(value)}"
        return Break(name, "default value", text, p, rule, _among(after, [value]))
    return None


def _default(value: Any, share: float, was: Any, now: Any) -> bool:
    """Whether a frequent value stands for something else: it was never there, or others stayed."""
    if isinstance(value, str):
        return value.strip().casefold() in _NAMES
    distinct = len(np.unique(was))
    if distinct > len(was) / 10 and share < 0.001:  # no ties to speak of
        return True
    rest = was[was != value], now[now != value]
    if min(map(len, rest)) < _ENOUGH:
        return share == 0.0
    if distinct <= _FEW and share > 0:  # a mere shift of shares
        return False
    return two_sample("ks", *rest).p_value > 0.01


def _spelling(name: str, before: Column, after: Column) -> Break | None:
    """Categories that changed their case, spaces or encoding, or their names."""
    if before.kind != "category" or after.kind != "category":
        return None
    was, now = _shares(before), _shares(after)
    new = {value: share for value, share in now.items() if value not in was}
    if sum(new.values()) < _JUMP:
        return None
    plain = {_plain(value) for value in was}
    spelt = {value: share for value, share in new.items() if _plain(value) in plain}
    m = len(after.missing)
    if sum(spelt.values()) >= _JUMP:
        example = max(spelt, key=spelt.__getitem__)
        text = f"is spelt another way in {sum(spelt.values()):.1%} of rows, such as {example!r}"
        p = _never(len(before.missing), sum(spelt.values()), m)
        return Break(name, "spelling", text, p, _rule(name, spelt), _among(after, spelt))
    pairs = _pairs(was, now, new, (len(before.missing), m))
    share = sum(new[value] for value in pairs)
    if share < _JUMP:
        return None
    fresh, old = next(iter(pairs.items()))
    text = f"has other names in {share:.1%} of rows, such as {fresh!r} for {old!r}"
    p = _never(len(before.missing), share, m)
    return Break(name, "renamed", text, p, _rule(name, pairs), _among(after, pairs))


def _pairs(
    was: dict[str, float], now: dict[str, float], new: dict[str, float], rows: tuple[int, int]
) -> dict[str, str]:
    """New categories, each with one that is gone and was as frequent."""
    gone = {value: share for value, share in was.items() if value not in now and share >= 0.01}
    pairs: dict[str, str] = {}
    for value, share in sorted(new.items(), key=lambda item: -item[1]):
        near = [old for old in gone if _alike(gone[old], share, rows)]
        if near:
            pairs[value] = min(near, key=lambda old: abs(gone[old] - share))
            del gone[pairs[value]]
    return pairs


def _alike(p: float, q: float, rows: tuple[int, int]) -> bool:
    both = (p * rows[0] + q * rows[1]) / sum(rows)
    return bool(abs(p - q) <= 3 * np.sqrt(both * (1 - both) * (1 / rows[0] + 1 / rows[1])))


def _never(n: int, share: float, m: int) -> float:
    """The chance of a share of m rows, and of none before in n, if nothing had changed."""
    pooled = share * m / (n + m)
    return float((1 - pooled) ** n)


def _shares(column: Column) -> dict[str, float]:
    values, counts = np.unique(column.present.astype(str), return_counts=True)
    total = max(1, int(counts.sum()))
    return {str(v): c / total for v, c in zip(values, counts.tolist(), strict=True)}


def _rule(name: str, values: Iterable[str]) -> str:
    return f"{name} in {sorted(values)[:10]!r}"


def _among(column: Column, values: Iterable[Any]) -> Mask:
    found: Mask = np.isin(column.values, np.array(list(values), dtype=column.values.dtype))
    return found & ~column.missing


def _plain(text: str) -> str:
    """Text without case, spaces, and the traces of a wrong decoding."""
    for wrong in ("latin-1", "cp1252"):
        try:
            text = text.encode(wrong).decode("utf-8")
            break
        except UnicodeError:
            continue
    folded = normalize("NFKD", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


_CHECKS: tuple[Check, ...] = (_type, _missing, _constant, _unit, _spike, _spelling)
_OF_OUTPUTS: tuple[Check, ...] = (_type, _spelling)
