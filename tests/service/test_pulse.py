"""How late the event loop is: by a clock that the test turns, and in the real service."""

import asyncio
import heapq
import re
import warnings

import pytest

from homeostat.service.pulse import Pulse


class Loop:
    """As much of an event loop as a pulse needs; in `pass_by` it works as it should."""

    def __init__(self):
        self.now, self._calls, self._n = 100.0, [], 0

    def time(self):
        return self.now

    def call_at(self, when, callback):
        self._n += 1
        call = Call(callback)
        heapq.heappush(self._calls, (when, self._n, call))
        return call

    def pass_by(self, seconds):
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            when, _, call = heapq.heappop(self._calls)
            self.now = max(self.now, when)
            call()
        self.now = end

    def waiting(self):
        """How many calls are to come."""
        return sum(not call.cancelled for _, _, call in self._calls)

    def hold_up(self, seconds):
        """Nothing is called for so long."""
        self.now += seconds


class Call:
    def __init__(self, callback):
        self._callback, self.cancelled = callback, False

    def cancel(self):
        self.cancelled = True

    def __call__(self):
        if not self.cancelled:
            self._callback()


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def pulse(loop):
    one = Pulse()
    one.start(loop)
    return one


def test_a_loop_that_is_on_time(loop, pulse):
    loop.pass_by(300.0)
    assert pulse.worst() == pytest.approx(0.0, abs=1e-9)


def test_what_holds_it_up_is_told_for_a_minute(loop, pulse):
    loop.pass_by(5.0)
    loop.hold_up(2.0)
    loop.pass_by(0.0)
    told = pulse.worst()
    assert 1.9 <= told <= 2.0
    loop.pass_by(49.0)
    assert pulse.worst() == told
    loop.pass_by(11.0)
    assert pulse.worst() == pytest.approx(0.0, abs=1e-9)


def test_the_worst_counts_and_not_the_latest(loop, pulse):
    for seconds in (0.5, 3.0, 1.0):
        loop.hold_up(seconds)
        loop.pass_by(1.0)
    assert 2.9 <= pulse.worst() <= 3.0


def test_one_that_is_held_up_now_is_told_by_another_thread(loop, pulse):
    loop.pass_by(1.0)
    loop.hold_up(7.0)
    assert 6.9 <= pulse.worst() <= 7.0


def test_a_stop_of_longer_than_a_minute_leaves_nothing_old(loop, pulse):
    loop.hold_up(100.0)
    loop.pass_by(0.0)
    loop.hold_up(70.0)
    assert 69 <= pulse.worst() <= 70
    loop.pass_by(0.0)
    assert 69 <= pulse.worst() <= 70
    loop.pass_by(61.0)
    assert pulse.worst() == pytest.approx(0.0, abs=1e-9)


def test_it_beats_no_more_once_it_is_stopped(loop, pulse):
    loop.hold_up(4.0)
    assert loop.waiting() == 1
    pulse.stop()
    assert loop.waiting() == 0
    loop.pass_by(10.0)
    assert pulse.worst() == 0.0
    pulse.stop()


def test_one_that_never_began_tells_nothing():
    assert Pulse().worst() == 0.0


def test_it_keeps_no_loop_from_ending():
    """Nor has one that is left beating anything to complain of."""

    async def main():
        Pulse().start(asyncio.get_running_loop())
        return len(asyncio.all_tasks())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main(), debug=True) == 1


def test_the_service_beats(live):
    """No loop is on time to the last bit, so that a beat is seen by a number above 0."""
    for _ in range(100):
        told = live.get("/metrics").text
        (late,) = re.findall(r"^homeostat_event_loop_lag_seconds (\S+)$", told, re.MULTILINE)
        if float(late) > 0:
            break
    assert 0 < float(late) < 60
    assert 0 < live.get("/v1/condition").json()["event_loop_lag_seconds"] < 60
