"""The records that a retraining gets: chosen by the configuration, the same whenever it is asked.

What is chosen is a function of the journal before a position, so that a job that is begun again
gets the same file, and its hash says so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.durations import seconds
from homeostat.errors import HomeostatError, MissingExtra
from homeostat.lifecycle.course import LATEST, REGIMES, Data
from homeostat.runtime.holding import held
from homeostat.runtime.joined import Joined, labelled_back, picked
from homeostat.runtime.regimes import FOR_EVER, Past, past_of
from homeostat.runtime.sampling import Mix
from homeostat.stores.jobs import Job
from homeostat.stores.packing import pack_batch
from homeostat.stores.store import Store
from homeostat.times import from_micros, parse, to_micros, to_text

_SECOND = 1_000_000


class TooFew(HomeostatError):
    """There are not enough labelled records to train on."""


class Chosen:
    """Labelled records for a training, in the order of their positions, and what they are.

    cut: records from this position on are for the comparison, and none of them is in here: all of
    them, or those held out of the window (`homeostat.runtime.holding`) and all after it.
    """

    def __init__(self, batch: Batch, weights: NDArray[np.float64] | None, cut: int,
                 manifest: dict[str, Any]) -> None:  # fmt: skip
        self.batch, self.weights, self.cut, self.manifest = batch, weights, cut, manifest


def choose(
    store: Store, model: int, name: str, position: int, data: Data, job: Job | None = None
) -> Chosen:
    """The records before a position that this model is to be trained on; raises TooFew.

    job: for which they are; alarms that came after it was asked for, or approved, are not known.
    """
    picker = _Picker(data, _past_of(store, model, job, data), position)
    for joined in labelled_back(store, model, name, position):
        picker.see(joined)
        if picker.full:
            break
    return picker.chosen()


def older(
    store: Store, model: int, name: str, manifest: dict[str, Any], most: int, data: Data,
    job: Job | None = None,
) -> Batch:  # fmt: skip
    """Labelled records from before those of a manifest, as many of each regime, as of then.

    Those of quarantined spans are left out here, too. job: whose manifest it is.
    """
    past, first = _past_of(store, model, job, data), to_micros(parse(manifest["from"]))
    mix = Mix(most, past.onsets)
    for joined in labelled_back(store, model, name, manifest["before"]):
        times = joined.batch.created_at
        before = np.flatnonzero((times < first) & ~past.broken_at(times))
        if len(before):
            mix.see(picked(joined, before))
    parts = mix.parts()
    return Batch.joined([part.batch for part in parts]) if parts else Batch.from_records([])


def _past_of(store: Store, model: int, job: Job | None, data: Data) -> Past:
    """What the log says of the past, with what the configuration leaves out."""
    past = past_of(store, model, job)
    told = past.broken if data.quarantine else []
    given = [(to_micros(began), to_micros(ended)) for began, ended in data.without]
    return past._replace(broken=[*told, *given])


class _Picker:
    """Goes back through labelled records: those held out, the window, then history."""

    def __init__(self, data: Data, past: Past, position: int) -> None:
        self._data, self._position = data, position
        self._known = past
        self._quarantined: list[NDArray[np.int64]] = []  # times of what was left out
        self._latest = data.held_out if data.held == LATEST else 0
        self._every: int | None = None  # one in so many of the window is held out
        self._held = 0
        self._cut = position
        window = data.window
        self._rows = window if isinstance(window, int) else None
        self._span = round(seconds(window) * _SECOND) if isinstance(window, str) else None
        self._start: int | None = None  # of the window, in the records' time
        self._window: list[Joined] = []
        self._taken = self._left_out = 0
        self._past = Mix(data.history, past.onsets if data.mix == REGIMES else [])
        self.full = False

    def see(self, joined: Joined) -> None:
        joined = self._without_held(self._without_broken(joined))
        if not len(joined.positions):
            return
        inside = self._inside(joined)
        if inside.any():
            kept = picked(joined, np.flatnonzero(inside))
            self._window.append(kept)
            self._taken += len(kept.positions)
        if not inside.all():
            if self._data.history:
                self._past.see(picked(joined, np.flatnonzero(~inside)))
            else:
                self.full = not inside.any()

    def _without_held(self, joined: Joined) -> Joined:
        n = len(joined.positions)
        if self._latest <= 0 or not n:
            return joined
        last = min(self._latest, n)
        self._latest -= last
        self._held += last
        self._cut = int(joined.positions[n - last])
        return picked(joined, np.arange(n - last))

    def _without_broken(self, joined: Joined) -> Joined:
        times = joined.batch.created_at
        bad = self._known.broken_at(times)
        if not bad.any():
            return joined
        self._left_out += int(bad.sum())
        self._quarantined.append(times[bad])
        return picked(joined, np.flatnonzero(~bad))

    def _inside(self, joined: Joined) -> NDArray[np.bool_]:
        n = len(joined.positions)
        if self._rows is not None:
            room = max(0, self._rows - self._taken)
            return np.arange(n) >= n - room
        if self._span is None:
            return np.ones(n, dtype=bool)
        times = joined.batch.created_at
        if self._start is None:
            self._start = int(times.max()) - self._span
        return np.asarray(times >= self._start, dtype=bool)

    def _spread(self) -> None:
        """Hold records out of the window, wherever they stand in it."""
        if self._data.held == LATEST or not self._data.held_out or not self._taken:
            return
        self._every = max(2, round(self._taken / self._data.held_out))
        for at, joined in enumerate(self._window):
            out = held(joined.positions, self._every)
            if out.any():
                self._held += int(out.sum())
                self._cut = min(self._cut, int(joined.positions[out].min()))
                self._window[at] = picked(joined, np.flatnonzero(~out))

    def chosen(self) -> Chosen:
        self._spread()
        parts = [*self._past.parts(), *reversed(self._window)]
        n = sum(len(part.positions) for part in parts)
        if n < max(1, self._data.least):
            raise TooFew(
                f"there are {n:,} labelled records to train on, at least {self._data.least:,} "
                "are needed; see retraining.data"
            )
        batch = Batch.joined([part.batch for part in parts])
        weights = _weights(batch, self._data.half_life)
        manifest = self._manifest(batch, [part.positions for part in parts], weights)
        return Chosen(batch, weights, self._cut, manifest)

    def _manifest(
        self, batch: Batch, positions: list[NDArray[np.int64]], weights: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        every = np.concatenate(positions)
        times = batch.created_at
        digest = hashlib.sha256(pack_batch(batch))
        digest.update(np.ascontiguousarray(every).tobytes())
        if weights is not None:
            digest.update(weights.tobytes())
        return {
            "hash": digest.hexdigest(),
            "records": len(batch),
            "window": self._data.window,
            "of_history": self._past.n,
            "left_out": self._left_out,
            "held_out": self._held,
            **self._where_it_applies(),
            "before": self._position,
            "cut": self._cut,
            "from": _text(int(times.min())),
            "to": _text(int(times.max())),
            "versions": sorted(set(batch.model_version.tolist())),
            "features": list(batch.features),
        }

    def _where_it_applies(self) -> dict[str, Any]:
        """What most manifests have no need of: an order may have to be short."""
        data = self._data
        spans = [
            [_text(began), _text(ended)] for began, ended in sorted(self._known.broken)
            if any(((at >= began) & (at <= ended)).any() for at in self._quarantined)
        ]  # fmt: skip
        told = {
            "held_every": self._every,
            "quarantined": spans or None,
            "regimes": [[_text(began), n] for began, n in self._past.shares()]
            if data.mix == REGIMES else None,
            "half_life": data.half_life,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}


def _text(at: int | None) -> str | None:
    """A time of the records; None for the beginning, and for what has no end yet."""
    return None if at is None or at >= FOR_EVER else to_text(from_micros(at))


def _weights(batch: Batch, half_life: str | float | None) -> NDArray[np.float64] | None:
    if half_life is None:
        return None
    age = (batch.created_at.max() - batch.created_at) / _SECOND
    return np.asarray(0.5 ** (age / seconds(half_life)), dtype=np.float64)


def write(chosen: Chosen, path: Path) -> None:
    """The records as a Parquet file, with the columns that `homeostat run` reads."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("frames", "pyarrow", "Handing records to a trainer") from error
    batch = chosen.batch
    columns: dict[str, Any] = {
        "record_id": pa.array(batch.column("record_id").tolist(), pa.string()),
        "model": pa.array(batch.column("model").tolist(), pa.string()),
        "model_version": pa.array(batch.model_version.tolist(), pa.string()),
        "created_at": pa.array(batch.created_at, pa.timestamp("us", "UTC")),
        "predicted_label": _values(pa, batch.predicted_label),
        "ground_truth_label": _values(pa, batch.ground_truth_label),
        "latency_ms": pa.array(batch.latency_ms),
    }
    for group in ("scores", "features"):
        for name, values in getattr(batch, group).items():
            columns[f"{group}.{name}"] = _values(pa, values)
    if chosen.weights is not None:
        columns["weight"] = pa.array(chosen.weights)
    pq.write_table(pa.table(columns), path)


def _values(pa: Any, column: NDArray[Any]) -> Any:
    """Numbers with null for NaN; other kinds as they are, and as text where they are mixed."""
    values = [None if v != v else v for v in column.tolist()]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int, float} and len(kinds) == 2:
        values = [None if v is None else float(v) for v in values]
    elif len(kinds) > 1:
        values = [None if v is None else str(v) for v in values]
    return pa.array(values)
