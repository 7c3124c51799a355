"""Trap: a lasting drift was told again and again. With episodes it is told once, and its end.

What silence and the opposite change do: drift/test_episodes.py; events: test_watcher.py.
"""

import numpy as np
import pytest
from everything import OF_NUMBERS, detector
from samples import answers, batch, errors, people

import homeostat as hs

STEP = errors(0.05, 0.5, each=2000)


def told(watching, records):
    return [event.kind for event in hs.Engine([], [watching]).observe_batch(records)]


@pytest.mark.parametrize("name", sorted(set(OF_NUMBERS) - {"shewhart"}))  # blind to 0/1 errors
def test_a_beginning_is_followed_by_an_end(name):
    kinds = told(hs.Episodes(detector(name)), answers(STEP))
    assert kinds
    assert set(kinds[::2]) == {"DriftDetected"}
    assert set(kinds[1::2]) <= {"DriftEnded"}
    assert len(kinds[::2]) <= len(told(detector(name), answers(STEP)))


def test_a_rise_that_stays_is_one_episode():
    bare = told(detector("error_rate"), answers(STEP))
    assert bare.count("DriftDetected") > 10
    assert told(hs.Episodes(detector("error_rate")), answers(STEP)) == ["DriftDetected"]


def shifting(*shifts, rows=500):
    """Windows of people whose age moved by so much."""
    features = people(rows * len(shifts), 3)
    features["age"] = features["age"] + np.repeat(shifts, rows)
    return batch(features)


def test_inputs_that_stay_moved_are_one_episode():
    reference = hs.Reference.fit(people(5000, 0))
    records = shifting(0, 0, 8, 8, 8, 8, 8, 8)
    assert told(hs.drift.inputs(reference, 500), records) == ["DriftDetected"] * 6
    assert told(hs.Episodes(hs.drift.inputs(reference, 500)), records) == ["DriftDetected"]


def test_inputs_that_flap_are_one_episode():
    reference = hs.Reference.fit(people(5000, 0))
    records = shifting(0, 8, 0, 8, 0, 8, 0, 8)
    assert len(told(hs.drift.inputs(reference, 500), records)) == 4
    assert told(hs.Episodes(hs.drift.inputs(reference, 500)), records) == ["DriftDetected"]


def test_a_second_drift_is_a_second_episode():
    reference = hs.Reference.fit(people(5000, 0))
    records = shifting(0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 8, 8)
    kinds = told(hs.Episodes(hs.drift.inputs(reference, 500)), records)
    assert kinds == ["DriftDetected", "DriftEnded", "DriftDetected"]


def test_each_segment_has_one():
    features = people(6000, 3)
    wrong = errors(0.05, each=6000, seed=1)
    ill = (np.arange(6000) >= 3000) & (features["city"] != "Lima")
    wrong = wrong | (ill & errors(0.5, each=6000, seed=2))
    watching = hs.drift.BySegment(hs.Episodes(detector("error_rate")), by="city")
    events = hs.Engine([], [watching]).observe_batch(batch(features, wrong))
    assert sorted((event.kind, event.metric) for event in events) == [
        ("DriftDetected", "error[city=Oslo]"),
        ("DriftDetected", "error[city=Rome]"),
    ]


def test_one_drift_asks_once():
    engine = hs.Engine([], [hs.Episodes(detector("error_rate"))], hs.DriftStrategy())
    kinds = [event.kind for event in engine.observe_batch(answers(STEP))]
    assert kinds == ["DriftDetected", "RetrainRequested"]
