"""Formats of traffic at work: recognised by their first rows, and made into chunks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec.structs import asdict

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.formats import Format, Found, Plan, Table, named, recognised, resolve
from homeostat.formats.halves import WAITING
from homeostat.formats.moments import micros
from homeostat.intake import Faults
from homeostat.sources.chunk import Chunk, Options, Reject, Truth
from homeostat.validation import CHECKS

_OWN = {"model_version", "predicted_label"}  # columns that only homeostat's records have
NOTHING = Batch.from_records([])
"""A batch of no record."""


def is_own(sample: Table) -> bool:
    """Whether some rows are plainly homeostat's own."""
    return bool(_OWN & set(sample.names))


class Traffic:
    """One format over any number of files; the mapping is settled by the first rows."""

    def __init__(self, format: Format, options: Options) -> None:
        self.format, self._options = format, options
        self._reading = format.new()
        self.plan: Plan | None = None
        self._unsaid: set[str] | None = None
        self.passed = 0

    def chunk(self, table: Table, rejects: list[Reject], strict: bool = False) -> Chunk:
        """What some more rows come to, beside those that were set aside already.

        Raises InvalidInput where the mapping does not fit the columns.
        """
        return self._chunk(self._reading.read(table), rejects, strict, table.source)

    def end(self) -> Chunk:
        """What is left when nothing more comes."""
        return self._chunk(self._reading.end(), [], False, self.format.name)

    def _chunk(self, found: Found, rejects: list[Reject], strict: bool, source: str) -> Chunk:
        self.passed += found.passed
        rejects = rejects + [Reject.of(error, *place) for place, error in found.faults]
        if not len(found.places):
            return _cut(NOTHING, [], rejects, strict)
        if self.plan is None:
            self.plan = self._resolved(found, source)
        if self._unsaid is None or self._unsaid:
            unsaid = self.plan.unsaid(found)
            self._unsaid = unsaid if self._unsaid is None else self._unsaid & unsaid
        if self.format.labels:
            return self._labels(found, self.plan, rejects)
        faults: Faults = []
        batch = self.plan.batch(found, faults)
        bad = {row for row, _ in faults}
        rejects += [Reject.of(error, *found.places[row]) for row, error in faults]
        if not strict:
            return _cut(batch, [], rejects, strict)
        kept = [row for row in range(len(found.places)) if row not in bad]
        return _cut(batch, [found.places[row].number for row in kept], rejects, strict)

    def _resolved(self, found: Found, source: str) -> Plan:
        options = self._options
        try:
            return resolve(self.format.rules, options.mapping, found, options.zone)
        except InvalidInput as error:
            raise error.at(f"{source} ({self.format.title})") from None

    def _labels(self, found: Found, plan: Plan, rejects: list[Reject]) -> Chunk:
        columns = plan.truths(found)
        truths = []
        for row, values in enumerate(zip(*columns.values(), strict=True)):
            try:
                truths.append(_truth(dict(zip(columns, values, strict=True))))
            except InvalidInput as error:
                rejects.append(Reject.of(error, *found.places[row]))
        return Chunk(NOTHING, rejects, truths)

    def told(self) -> dict[str, Any]:
        """What was recognised, and how each field is mapped."""
        lines = () if self.plan is None else self.plan.told(self._unsaid or ())
        about = {
            "name": self.format.name, "title": self.format.title, "passed_over": self.passed,
            "waiting": len(self._reading.state().get("waiting", ())),
        }  # fmt: skip
        return {**about, "fields": [asdict(line) for line in lines]}

    def state(self) -> Mapping[str, Any]:
        """What waits for its other half."""
        return self._reading.state()

    def resume(self, state: Mapping[str, Any]) -> None:
        """Wait for it again."""
        self._reading.resume(state)


def _cut(batch: Batch, numbers: list[int], rejects: list[Reject], strict: bool) -> Chunk:
    """When strict, only what precedes the first reject."""
    rejects.sort(key=lambda reject: reject.number)
    if not (strict and rejects):
        return Chunk(batch, rejects)
    return Chunk(batch.take(np.arange(bisect_left(numbers, rejects[0].number))), rejects[:1])


def _truth(given: Mapping[str, Any]) -> Truth:
    one = CHECKS["record_id"]("record_id", given["record_id"])
    label = CHECKS["ground_truth_label"]("label", given["label"])
    if one is None:
        raise InvalidInput("record_id", "is missing", "a label is of a record")
    return Truth(one, label, micros(given["time"]), given["model"])


class Recogniser:
    """The formats of all files of a run: files of one format are read together."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[str, Traffic] = {}
        self._left: dict[str, Any] = {}

    def of(self, sample: Table) -> Traffic | None:
        """The traffic that these first rows are of; None for homeostat's own records."""
        options = self._options
        if options.traffic is not None:
            return self._traffic(named(options.traffic))
        if not sample.names:  # no row of it could be read
            return None
        if is_own(sample) and not options.mapping:
            return None
        found = recognised(sample)
        if found is None and options.mapping:
            found = named("columns")
        return None if found is None else self._traffic(found)

    def _traffic(self, format: Format) -> Traffic:
        if format.name not in self._known:
            made = self._known[format.name] = Traffic(format, self._options)
            made.resume(self._left.pop(format.name, {}))
        return self._known[format.name]

    def end(self) -> Iterator[Chunk]:
        """What is left of each when nothing more comes."""
        for traffic in self._known.values():
            chunk = traffic.end()
            if chunk.rejects or len(chunk.batch):
                yield chunk

    def told(self) -> list[dict[str, Any]]:
        """What was recognised."""
        return [traffic.told() for traffic in self._known.values()]

    def state(self) -> dict[str, Any]:
        """What waits in each, by its name; empty for nothing.

        Where veiled, halves are not in it: they are as they came.
        """
        states = {name: traffic.state() for name, traffic in self._known.items()} | self._left
        hidden = WAITING if self._options.veiled else None
        kept = {
            name: {key: what for key, what in state.items() if key != hidden}
            for name, state in states.items()
        }
        return {name: state for name, state in kept.items() if state}

    def resume(self, states: Iterable[tuple[str, Any]]) -> None:
        """Take up what waited."""
        self._left = dict(states)
        for name, traffic in self._known.items():
            traffic.resume(self._left.pop(name, {}))
