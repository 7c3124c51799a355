"""Azure ML's data collector: a CloudEvent a line, inputs and outputs in files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.cloud_events import event_of, types_in
from homeostat.formats.format import Format, Found, State
from homeostat.formats.gathered import Gathered
from homeostat.formats.halves import REQUEST, RESPONSE, Half, Halves
from homeostat.formats.payload import Rows, ids, joined, rows_of, side
from homeostat.formats.plan import RESPONSE as ANSWERS
from homeostat.formats.table import Place, Table

_TYPE = "azureml.inference."


class Collected:
    """A reading of collected events: inputs and outputs of one correlation id are a half each."""

    def __init__(self) -> None:
        self._halves = Halves()

    def read(self, table: Table) -> Found:
        """The exchanges that these rows complete, and those that are whole."""
        gathered, found = Gathered(), Found({}, [])
        for at, row in enumerate(table.rows()):
            place = table.place(at)
            try:
                self._take(row, place, gathered, found)
            except InvalidInput as error:
                found.faults.append((place, error))
        found.columns, found.places = gathered.columns, gathered.places
        return found

    def _take(self, row: Mapping[str, Any], place: Place, gathered: Gathered, found: Found) -> None:
        about, data = event_of(row)
        collection = str(about.get("type", "")).removeprefix(_TYPE)
        sides = _sides(collection)
        if not sides:
            found.passed += 1
            return
        key = about.get("correlationid") or about.get("xrequestid")
        if len(sides) == 2:  # the collector was given both as one frame
            rows = rows_of(data, REQUEST)
            gathered.add({**_meta(about, key, rows.n), **side(rows, REQUEST)}, rows.n, place)
            return
        if not key:
            raise InvalidInput("correlationid", "is missing", "collect with the Python package")
        half = Half(sides[0], place, [dict(about), data])
        both = self._halves.put(str(key), half, found.faults)
        if both is None:
            return
        asked = both[REQUEST].body[0]
        columns, n = joined(_rows(both[REQUEST]), _rows(both[RESPONSE]))
        gathered.add({**_meta(asked, key, n), **columns}, n, place)

    def end(self) -> Found:
        """The halves that stayed alone."""
        return Found({}, [], self._halves.end())

    def state(self) -> State:
        """The halves that wait."""
        return self._halves.state()

    def resume(self, state: State) -> None:
        """Wait for these again."""
        self._halves.resume(state)


def _sides(collection: str) -> list[str]:
    named = {REQUEST: ("input", "request"), RESPONSE: ("output", "response")}
    return [which for which, words in named.items() if any(word in collection for word in words)]


def _rows(half: Half) -> Rows:
    return rows_of(half.body[1], half.side)


def _meta(about: Mapping[str, Any], key: Any, n: int) -> dict[str, Sequence[Any]]:
    parts = str(about.get("source", "")).split("/")
    named = dict(pairwise(parts))
    single = {
        "model": named.get("onlineEndpoints"),
        "deployment": named.get("deployments"),
        "version": _version(about.get("modelversion"), named.get("deployments")),
        "time": about.get("time"),
    }
    return {
        "id": ids(None if key is None else str(key), n),
        **{name: [value] * n for name, value in single.items()},
    }


def _version(version: Any, deployment: str | None) -> Any:
    """The collector writes "default" where it knows no version; then the deployment tells more."""
    return version if version and version != "default" else deployment


def _sniff(sample: Table) -> float:
    types = types_in(sample)
    return sum(each.startswith(_TYPE) for each in types) / max(len(types), 1)


FORMAT = Format(
    name="azureml",
    title="Azure ML data collector",
    rules={
        "model": ("model", "=default"),
        "model_version": ("version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("=0",),
        **ANSWERS,
    },
    sniff=_sniff,
    new=Collected,
)
"""The collector's `model_inputs` and `model_outputs`, `request` and `response`, or both."""
