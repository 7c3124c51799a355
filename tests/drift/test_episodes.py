"""Episodes: told once at the beginning and once at the end, whatever the detector repeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import homeostat as hs
from homeostat.drift.adwin import ADWIN
from homeostat.drift.episodes import Episodes
from homeostat.drift.page_hinkley import PageHinkley
from homeostat.errors import InvalidSetting
from homeostat.protocols import Note
from homeostat.sequential.alarms import Alarm, Sequential
from homeostat.testing import check


class Says(Sequential):
    """Alarms at every value that is not 0, with that change."""

    name, on, observed, threshold, change = "says", "error", 1.0, 1.0, 0.0
    memory = ("change",)

    def update(self, x: float) -> bool:
        return len(self.update_many([x])) > 0

    def _scan(self, values):
        for at in np.flatnonzero(values).tolist():
            self.change = float(values[at])
            yield Alarm(at, 1.0, 1.0, self.change)


def told(episodes: Episodes, xs) -> list[tuple[int, bool, int]]:
    found = episodes.alarms(np.asarray(xs, dtype=float))
    return [
        (at, note.ended, note.alarms)
        for at, note in zip(found.positions.tolist(), found.notes or [], strict=True)
    ]


def at(n: int, **changes: float) -> np.ndarray:
    xs = np.zeros(n)
    for place, change in changes.items():
        xs[int(place[1:])] = change
    return xs


def test_repeated_alarms_are_one_episode_that_silence_ends() -> None:
    xs = at(60, _5=1.0, _9=2.0, _12=1.0)
    assert told(Episodes(Says(), quiet=20), xs) == [(5, False, 1), (32, True, 3)]


def test_an_alarm_where_silence_would_end_it_prolongs_it() -> None:
    assert told(Episodes(Says(), quiet=20), at(60, _5=1, _25=1)) == [(5, False, 1), (45, True, 2)]
    assert told(Episodes(Says(), quiet=20), at(60, _5=1, _26=1)) == [
        (5, False, 1), (25, True, 1), (26, False, 1), (46, True, 1),
    ]  # fmt: skip


def test_the_opposite_change_ends_it_at_once() -> None:
    assert told(Episodes(Says(), quiet=20), at(40, _5=1, _9=-1)) == [(5, False, 1), (9, True, 2)]


def test_an_unknown_direction_ends_nothing() -> None:
    xs = at(40, _5=1, _9=-1)
    episodes = Episodes(Silent(), quiet=20)
    assert told(episodes, xs) == [(5, False, 1), (29, True, 2)]


class Silent(Says):
    def _scan(self, values):
        for alarm in super()._scan(values):
            yield alarm._replace(change=float("nan"))


class Two(Says):
    """Says which of two series changed, by the size of the change."""

    def _scan(self, values):
        for alarm in super()._scan(values):
            yield alarm._replace(note=Note("big" if abs(alarm.change) > 1 else "small", {"x": 1}))


def test_each_series_has_its_own_and_one_is_told_at_a_time() -> None:
    episodes = Episodes(Two(), quiet=10)
    found = episodes.alarms(at(40, _3=1, _4=2, _5=1, _6=2, _7=1))
    said = [(p, n.metric, n.ended) for p, n in zip(found.positions, found.notes, strict=True)]
    assert said == [(3, "small", False), (4, "big", False), (16, "big", True), (17, "small", True)]
    assert found.notes[0].evidence == {"x": 1}
    tie = Episodes(Two(), quiet=10)
    tie.alarms(at(5, _3=1, _4=2))
    tie.open = dict.fromkeys(tie.open, (1.0, 12, 1))  # both due at once
    assert told(tie, np.zeros(20)) == [(6, True, 1), (7, True, 1)]


def test_silence_follows_from_what_the_change_took() -> None:
    rng = np.random.default_rng(5)
    reference = (rng.random(2000) < 0.1).astype(float)
    detector = hs.drift.error_rate(reference)
    rates = np.repeat([0.1, 0.3, 0.1], [3000, 3000, 6000])
    found = told(Episodes(detector), (rng.random(12_000) < rates).astype(float))
    assert [ended for _, ended, _ in found] == [False, True]
    (begun, _, _), (over, _, alarms) = found
    assert 3000 <= begun < 3300
    assert 6000 < over < 8000
    assert alarms > 5


def test_nan_is_no_observation() -> None:
    xs = np.full(100, np.nan)
    xs[::2] = at(50, _5=1)
    assert told(Episodes(Says(), quiet=20), xs) == [(10, False, 1), (50, True, 1)]


def test_improvement_is_told_and_never_asks() -> None:
    rng = np.random.default_rng(1)
    engine = hs.Engine([], [Episodes(ADWIN(), quiet=500)], hs.DriftStrategy())
    rates = np.repeat([0.4, 0.1], 2000)
    events = [
        event
        for row, wrong in enumerate(rng.random(4000) < rates)
        for event in engine.observe(
            hs.InferenceRecord(
                model_version="1", predicted_label=0, ground_truth_label=int(wrong),
                latency_ms=1, created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=row),
            )
        )
    ]  # fmt: skip
    assert [event.kind for event in events] == ["DriftDetected", "DriftEnded"]
    assert events[0].direction == "better"


@pytest.mark.parametrize(
    "detector",
    [ADWIN(), PageHinkley(mode="up", threshold=20), hs.drift.ErrorRate(0.1, 2000)],
    ids=lambda detector: detector.name,
)
@pytest.mark.parametrize("quiet", [None, 7])
def test_laws(detector, quiet) -> None:
    results = check(Episodes(detector, quiet))
    assert [str(result) for result in results if not result.ok] == []


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="a detector, with update"):
        Episodes(ADWIN)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="quiet"):
        Episodes(ADWIN(), quiet=0)
