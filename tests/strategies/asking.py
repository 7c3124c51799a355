"""What strategies are fed with in these tests, and ways to feed it."""

import copy
from datetime import timedelta
from itertools import pairwise

from homeostat import DriftDetected, DriftEvent, MetricEvent, MetricUpdated
from homeostat.state import from_bytes, recall, remember, to_bytes
from homeostat.strategy import adopt, request
from homeostat.testing.events import Given
from homeostat.testing.streams import START


def value(x, name="accuracy", at=0.0, version="v1"):
    return MetricUpdated(MetricEvent(name, x, version, START + timedelta(seconds=at)))


def values(xs, name="accuracy", step=1.0):
    return [value(x, name, step * place) for place, x in enumerate(xs)]


def drift(metric="error", direction="worse", at=0.0, detector="adwin"):
    moment = START + timedelta(seconds=at)
    return DriftDetected(DriftEvent("v1", metric, 0.1, 0.25, moment, detector, direction))


def answers(strategy, events):
    """The strategy's answers to events fed singly, None where it is silent."""
    return [strategy.on_event(event) for event in events]


def asked(strategy, events):
    """Where it asks: a 1 for each event that it answers."""
    return [int(answer is not None) for answer in answers(strategy, events)]


def in_batches(strategy, events, cuts):
    """The same answers from events fed in batches."""
    strategy, found = adopt(strategy), []
    for start, end in pairwise(sorted({0, *(min(c, len(events)) for c in cuts), len(events)})):
        told = strategy.on_events(Given(events[start:end]).events())
        said = dict(zip((told.answered // 2).tolist(), told.make(range_of(told)), strict=True))
        found += [said.get(row) for row in range(end - start)]
    return found


def range_of(told):
    import numpy as np

    return np.arange(len(told.answered))


def agrees(strategy, events, cuts=()):
    """Batches give the answers of single events, and a restored one goes on as if never stopped."""
    single, batched, again = (copy.deepcopy(strategy) for _ in range(3))
    want = answers(single, events)
    assert in_batches(batched, events, cuts) == want
    assert kept(batched) == kept(single)
    first = cuts[0] if cuts else len(events) // 2
    stopped = copy.deepcopy(strategy)
    answers(stopped, events[:first])
    recall(again, from_bytes(kept(stopped)))
    assert answers(again, events[first:]) == want[first:]
    assert kept(again) == kept(single)


def kept(strategy):
    return to_bytes(remember(strategy))


class Duck:
    """No strategy by birth: asks at every value below a half, and counts."""

    def __init__(self, name="accuracy"):
        self.name, self.asked = name, 0

    def on_event(self, event):
        if type(event) is MetricUpdated and event.name == self.name and event.value < 0.5:
            self.asked += 1
            return request(event, f"the {self.asked}. time")
        return None
