"""Trap: a restart in the middle of a window forgot what the window, or a detector, had seen.

Plug-ins one by one: the law "resume" (laws/test_plugins.py); any build at any prefix:
test_engine.py; windows: test_windows.py; profiles: reference/test_profile.py.
"""

import numpy as np
import pytest
from everything import OF_NUMBERS, detector, engine
from everything import stream as drifting
from samples import answers, batch, errors, people

import homeostat as hs
from homeostat.state import from_bytes, to_bytes

REFERENCE = hs.Reference.fit(people(3000, 0))


def stream(n=900, moved_from=300):
    features = people(n, 1)
    features["age"] = features["age"] + np.where(np.arange(n) < moved_from, 0, 9)
    return batch(features, errors(0.1, 0.6, each=n // 2))


def later(make, records, stop, kept=True):
    """What is told after a stop; everything is made anew, and restored if `kept`."""
    first, second = make(), make()
    first.observe_batch(records[:stop])
    packed = to_bytes(first.snapshot())
    if kept:
        second.restore(from_bytes(packed))
    return list(second.observe_batch(records[stop:])), to_bytes(second.snapshot())


def uninterrupted(make, records, stop):
    one = make()
    one.observe_batch(records[:stop])
    return list(one.observe_batch(records[stop:])), to_bytes(one.snapshot())


WINDOWS = {
    "by count": {"window": 200, "budget": "1 per 10000 records"},
    "sliding": {"window": 200, "step": 50, "budget": "1 per 10000 records"},
    "by time": {"window": "150s", "budget": "1 per week"},
    "by time, late": {"window": "150s", "lateness": "40s", "budget": "1 per week"},
}


@pytest.mark.parametrize("wrap", [lambda x: x, hs.Episodes], ids=["bare", "episodes"])
@pytest.mark.parametrize("stop", [1, 199, 290, 310, 333, 450])
@pytest.mark.parametrize("window", WINDOWS)
def test_windows_of_inputs_go_on(window, stop, wrap):
    def make():
        return hs.Engine([], [wrap(hs.drift.inputs(REFERENCE, **WINDOWS[window]))])

    expected = uninterrupted(make, stream(), stop)
    assert "DriftDetected" in {event.kind for event in expected[0]} or stop > 333
    assert later(make, stream(), stop) == expected


@pytest.mark.parametrize("window", WINDOWS)
def test_forgetting_would_show(window):
    def make():
        return hs.Engine([], [hs.drift.inputs(REFERENCE, **WINDOWS[window])])

    assert later(make, stream(), 333, kept=False) != uninterrupted(make, stream(), 333)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_detectors_alarm_at_the_same_records(name):
    records = answers(errors(0.05, 0.5, each=400))

    def make():
        return hs.Engine([], [hs.Episodes(detector(name))])

    for stop in (37, 399, 430):
        assert later(make, records, stop) == uninterrupted(make, records, stop)


@pytest.mark.parametrize("stop", [750, 777])
def test_all_at_once(stop):
    expected = uninterrupted(engine, drifting(), stop)
    assert {event.kind for event in expected[0]} >= {"DriftDetected", "MetricUpdated"}
    assert later(engine, drifting(), stop) == expected


def test_a_restart_at_every_record():
    records = stream(140, moved_from=60)

    def make():
        inputs = hs.drift.inputs(REFERENCE, 40, "1 per 3000 records", step=20)
        return hs.Engine([hs.Windowed(hs.AccuracyMetric(30), window=25)], [hs.Episodes(inputs)])

    straight = make()
    expected = list(straight.observe_batch(records))
    assert "DriftDetected" in {event.kind for event in expected}
    found, kept = [], None
    for at in range(len(records)):
        one = make()
        if kept is not None:
            one.restore(from_bytes(kept))
        found += one.observe_batch(records[at : at + 1])
        kept = to_bytes(one.snapshot())
    assert found == expected
    assert kept == to_bytes(straight.snapshot())
