"""How many false alarms are acceptable, in the user's words, as an average run length.

A detector that is right to alarm on average once in R records of a healthy stream has an average
run length R (E. S. Page, Biometrika 41, 1954). Alarms that come late and rarely are nearly a
Poisson process, so that a probability `a` over N records is the run length N / -log(1 - a), and
budgets of several series add up: each of n series gets the n-th part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from homeostat.errors import InvalidSetting, did_you_mean, require, several, whole, within

DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
LIFETIME = 1_000_000  # records, unless told otherwise

_NUMBER = r"(\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)"
_TEXT = re.compile(rf"{_NUMBER} per (?:{_NUMBER} )?([a-z]+)(?: of {_NUMBER} records)?")
_FORMS = '"1 per month", "2 per 100000 records" or "0.05 per lifetime of 1000000 records"'


class AlarmBudget:
    """How many false alarms a healthy stream may raise: per records, per time, or in a lifetime.

    `AlarmBudget("1 per month")`, or with "hour", "day", "week", "year", or several of them ("1
    per 2 weeks"); `AlarmBudget(false_alarms=1, per=100_000)` records, where `per` may also be a
    word for a time; `AlarmBudget(lifetime=0.05, records=1_000_000)`: the probability of any false
    alarm in that many records. `str` gives a text that reads back as an equal budget.

    Anything else raises InvalidSetting, which names what is not understood. O(1).
    """

    __slots__ = ("false_alarms", "lifetime", "per", "records", "text", "unit")

    def __init__(
        self,
        text: str | None = None,
        *,
        false_alarms: float | None = None,
        per: float | str | None = None,
        lifetime: float | None = None,
        records: float | None = None,
    ) -> None:
        given = [text is not None, false_alarms is not None or per is not None]
        if sum([*given, lifetime is not None]) != 1:
            raise InvalidSetting(
                f"a budget is one of: a text like {_FORMS}; false_alarms= and per=; or lifetime="
            )
        if records is not None and lifetime is None:
            raise InvalidSetting("records belongs to lifetime; write false_alarms=, per= otherwise")
        unit = "records"
        if text is not None:
            false_alarms, per, unit, lifetime, records = _read(text)
        elif given[1]:
            if false_alarms is None or per is None:
                raise InvalidSetting("false_alarms and per belong together")
            if isinstance(per, str):
                unit, per = _unit(per, per), 1.0
                require(unit in DAYS, "per", unit, 'a number of records or a time like "month"')
        if lifetime is not None:
            _positive("lifetime", lifetime)
            require(lifetime < 1, "lifetime", lifetime, "a probability below 1")
            if records is not None:
                _positive("records", records)
            false_alarms, unit = -math.log1p(-lifetime), "lifetime"
            per = records = LIFETIME if records is None else records
        assert false_alarms is not None
        assert per is not None
        assert not isinstance(per, str)
        _positive("false_alarms", false_alarms)
        _positive("records" if unit == "lifetime" else "per", per)
        self.false_alarms = float(false_alarms)
        self.per = float(per)
        self.unit = unit
        self.lifetime = None if lifetime is None else float(lifetime)
        self.records = self.per if unit == "lifetime" else None
        self.text = self._written()

    @classmethod
    def of(cls, budget: AlarmBudget | str) -> AlarmBudget:
        """A budget, or the one that a text describes."""
        return budget if isinstance(budget, AlarmBudget) else cls(budget)

    def share(self, n: int) -> AlarmBudget:
        """The part of each of `n` series, so that all together keep to this budget."""
        whole("n", n)
        if self.lifetime is not None:  # union bound
            return AlarmBudget(lifetime=self.lifetime / n, records=self.records)
        part = AlarmBudget(false_alarms=self.false_alarms / n, per=self.per)
        part.unit = self.unit
        part.text = part._written()
        return part

    def over(self, detectors: Sequence[Any], records_per_day: float | None = None) -> list[Any]:
        """The detectors, each new with an equal share, so that all together keep this budget.

        Raises InvalidSetting for a detector that cannot keep one, which has no method `within`. Put
        such a one beside the others on purpose: `detectors=[*budget.over([a, b]), hs.ADWIN()]`.
        """
        detectors = several("detectors", detectors, "a list of detectors")
        for detector in detectors:
            if not hasattr(detector, "within"):
                raise InvalidSetting(
                    f"{getattr(detector, 'name', detector)} cannot keep a budget of alarms; take "
                    "one that can (hs.drift.error_rate, ...), or leave it out of the budget: "
                    "detectors=[*budget.over([...]), this one] in Python, and budgeted = false in "
                    "its table of a configuration file"
                )
        part = self.share(max(1, len(detectors)))
        return [detector.within(part, records_per_day) for detector in detectors]

    def run_length(self, records_per_day: float | None = None) -> float:
        """Healthy records from one false alarm to the next, on average; at least 1.

        A budget per time needs `records_per_day`, the traffic of the one series.
        """
        if records_per_day is not None:
            _positive("records_per_day", records_per_day)
        if self.unit not in DAYS:
            return max(1.0, self.per / self.false_alarms)
        if records_per_day is None:
            raise InvalidSetting(
                f'"{self.text}" becomes a number of records only with the traffic: give '
                "records_per_day, or a budget per records"
            )
        return max(1.0, self.per * DAYS[self.unit] * records_per_day / self.false_alarms)

    def _written(self) -> str:
        if self.lifetime is not None:
            return f"{_plain(self.lifetime)} per lifetime of {_plain(self.per)} records"
        if self.unit == "records":
            return f"{_plain(self.false_alarms)} per {_plain(self.per)} records"
        if self.per == 1:
            return f"{_plain(self.false_alarms)} per {self.unit}"
        return f"{_plain(self.false_alarms)} per {_plain(self.per)} {self.unit}s"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f'AlarmBudget("{self.text}")'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AlarmBudget) and other.text == self.text

    def __hash__(self) -> int:
        return hash((AlarmBudget, self.text))


def _read(text: str) -> tuple[float | None, float | None, str, float | None, float | None]:
    """Alarms, per how many, of what, or the probability over a lifetime and its records."""
    found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise InvalidSetting(f"{text!r} is no alarm budget; write it like {_FORMS}")
    count, many, word, lifetime = found.groups()
    if word == "lifetime" and many is None:
        return None, None, word, float(count), None if lifetime is None else float(lifetime)
    unit = _unit(word, text)
    if lifetime is not None or unit == "lifetime":
        raise InvalidSetting(f"{text!r} is no alarm budget; write it like {_FORMS}")
    if unit == "records" and many is None:
        raise InvalidSetting(f'{text!r} does not say how many records; like "1 per 100000 records"')
    return float(count), 1.0 if many is None else float(many), unit, None, None


def _unit(word: str, text: str) -> str:
    known = {"record": "records", "records": "records", "lifetime": "lifetime"}
    known |= {unit: unit for unit in DAYS} | {f"{unit}s": unit for unit in DAYS}
    if word not in known:
        raise InvalidSetting(f"{text!r}: {word!r} is no unit; {did_you_mean(word, known)}")
    return known[word]


def _positive(name: str, value: float) -> None:
    within(name, value, 0, math.inf)


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and number < 1e15 else repr(number)
