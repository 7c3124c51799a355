"""Requests and responses that are logged as CloudEvents, one event a half.

An event may be structured (`{"specversion": ..., "type": ..., "data": {...}}`) or as an HTTP
message was kept, with its attributes as `ce-type` headers, beside `data` or `body`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homeostat.errors import InvalidInput
from homeostat.formats.format import Found, State
from homeostat.formats.gathered import Gathered
from homeostat.formats.halves import REQUEST, RESPONSE, Half, Halves
from homeostat.formats.moments import micros
from homeostat.formats.payload import Rows, csv_rows, decoded, ids, joined, rows_of
from homeostat.formats.table import Place, Table


class Event(NamedTuple):
    """Attributes, in small letters and without `ce-`, and the data."""

    attributes: Mapping[str, Any]
    data: Any


def event_of(row: Mapping[str, Any]) -> Event:
    """A row as an event."""
    if "specversion" in row and "type" in row and "data" in row:
        return Event(row, row["data"])
    headers = row.get("headers")
    flat = {**row, **headers} if isinstance(headers, dict) else row
    lower = {str(name).lower(): value for name, value in flat.items() if value is not None}
    attributes = {name.removeprefix("ce-").removeprefix("ce_"): v for name, v in lower.items()}
    data = lower.get("data", lower.get("body"))
    if data is None and isinstance(lower.get("data_base64"), str):
        data = b64decode(lower["data_base64"])
    return Event(attributes, data)


def types_in(sample: Table) -> list[str]:
    """The types of the events of some rows; empty for what is none."""
    return [str(event_of(row).attributes.get("type", "")) for row in sample.rows()]


def share(sample: Table, prefixes: Sequence[str]) -> float:
    """How many of the first rows are events of such a type."""
    types = types_in(sample)
    return sum(each.startswith(tuple(prefixes)) for each in types) / max(len(types), 1)


_EVENT = ("namespace", "component", "endpoint")  # attributes that are columns of their own


class Names(NamedTuple):
    """What a server calls things: the types of both halves, the key, the model, the version."""

    request: tuple[str, ...]
    response: tuple[str, ...]
    key: tuple[str, ...]
    model: tuple[str, ...]
    version: tuple[str, ...]


class Exchanges:
    """A reading of events: each request with the response of the same key."""

    def __init__(self, names: Names, halves: Halves | None = None) -> None:
        self._names = names
        self._halves = halves or Halves()
        self._needed = ("time", *names.model, *names.version, *_EVENT)

    def read(self, table: Table) -> Found:
        """The exchanges that these rows complete."""
        gathered, found = Gathered(), Found({}, [])
        for row, given in enumerate(table.rows()):
            place = table.place(row)
            try:
                self._take(event_of(given), place, gathered, found)
            except (InvalidInput, ValueError) as error:
                found.faults.append((place, _told(error)))
        found.columns, found.places = gathered.columns, gathered.places
        return found

    def _take(self, event: Event, place: Place, gathered: Gathered, found: Found) -> None:
        kind = str(event.attributes.get("type", ""))
        side = _side(kind, self._names)
        if side is None:
            found.passed += 1
            return
        key = _first(event.attributes, self._names.key)
        if key is None:
            raise InvalidInput("event", f"has no {self._names.key[0]}", "log its attributes too")
        half = Half(side, place, [self._kept(event.attributes), _text(event.data)])
        both = self._halves.put(str(key), half, found.faults)
        if both is not None:
            block, n = self._exchange(str(key), both)
            gathered.add(block, n, place)

    def _kept(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """What is needed of the attributes when the other half comes."""
        return {name: attributes[name] for name in self._needed if attributes.get(name)}

    def _exchange(self, key: str, both: dict[str, Half]) -> tuple[Mapping[str, Sequence[Any]], int]:
        asked, _ = both[REQUEST].body
        told, answer = both[RESPONSE].body
        answer = decoded(answer, RESPONSE) if not _is_csv(answer) else answer
        columns, n = joined(_rows(both[REQUEST].body[1], REQUEST), _rows(answer, RESPONSE))
        version = answer.get("model_version") if isinstance(answer, dict) else None
        name = answer.get("model_name") if isinstance(answer, dict) else None
        began, ended = micros(asked.get("time")), micros(told.get("time"))
        known = began is not None and ended is not None
        latency = max(ended - began, 0) / 1000 if known else None  # type: ignore[operator]
        model = _first(asked, self._names.model) or _first(told, self._names.model) or name
        meta = {
            "id": ids(key, n), "time": [asked.get("time")] * n, "latency_ms": [latency] * n,
            "model": [model] * n,
            "version": [_first(asked, self._names.version) or version] * n,
            **{
                f"event.{each}": [asked[each]] * n
                for each in _EVENT if asked.get(each)
            },
        }  # fmt: skip
        return {**meta, **columns}, n

    def end(self) -> Found:
        """The halves that stayed alone."""
        return Found({}, [], self._halves.end())

    def state(self) -> State:
        """The halves that wait."""
        return self._halves.state()

    def resume(self, state: State) -> None:
        """Wait for these again."""
        self._halves.resume(state)


def _side(kind: str, names: Names) -> str | None:
    if kind in names.request:
        return REQUEST
    return RESPONSE if kind in names.response else None


def _first(attributes: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name)), None)


def _text(data: Any) -> Any:
    return data.decode() if isinstance(data, bytes) else data


def _is_csv(data: Any) -> bool:
    return isinstance(data, str) and not data.lstrip().startswith(("{", "["))


def _rows(data: Any, what: str) -> Rows:
    return csv_rows(data, what) if _is_csv(data) else rows_of(data, what)


def _told(error: Exception) -> InvalidInput:
    return (
        error if isinstance(error, InvalidInput) else InvalidInput("event", f"is no text: {error}")
    )
