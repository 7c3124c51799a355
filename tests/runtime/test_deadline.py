"""Calls that do not return: ended where they are, and nowhere else."""

import threading
from contextlib import suppress

import pytest

from homeostat.engine import Engine
from homeostat.errors import Overdue
from homeostat.protocols import Series
from homeostat.runtime.deadline import Deadline
from homeostat.runtime.hangs import Hang, Hangs, marks

LOOKS = 8


def spin():
    while True:
        pass


def spin_on():
    while True:
        with suppress(Exception):
            spin()


class Looking:
    """A deadline whose thread is the test's own: it looks so many times at each call it finds."""

    def __init__(self, looks):
        self.hung, self.looks = [], looks
        self.deadline = Deadline(1.0, lambda *told: self.hung.append(told))
        self.guard = self.deadline.around("shop")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        seen, looks = None, 0
        while not self._stop.is_set():
            call = self.deadline._call
            if call is None or (call is seen and looks >= self.looks):
                continue
            seen, looks = self.deadline.look(seen, looks)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("do", [spin, spin_on], ids=["spins", "catches all errors"])
def test_a_call_that_runs_for_ever_is_ended(do):
    with Looking(LOOKS) as looking:
        with pytest.raises(Overdue, match="did not return within 1 s"):
            looking.guard("slow", do)
        assert looking.guard("slow", lambda x: x + 1, 1) == 2
    assert looking.hung == []


def test_what_a_call_answers_and_raises_passes():
    guard = Deadline(1.0, lambda *_: None).around("shop")
    assert guard("slow", divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        guard("slow", divmod, 7, 0)


def test_a_call_that_cannot_be_interrupted_is_told_while_it_cannot_return():
    with Looking(2 * LOOKS) as looking:
        blocked = threading.Lock()
        blocked.acquire()
        looking.deadline._on_hang = lambda *told: (looking.hung.append(told), blocked.release())
        with pytest.raises(Overdue):  # once it returns after all, it sees what was thrown
            looking.guard("slow", blocked.acquire)
    assert looking.hung == [
        ("shop", "slow", "did not return within 2 s, and could not be interrupted")
    ]


def test_nothing_strikes_between_calls():
    """Each call is struck at some instant of its end, or just before; its end absorbs that."""
    deadline = Deadline(1.0, lambda *_: None)
    guard = deadline.around("shop")
    stop = threading.Event()

    def strike():
        while not stop.is_set():
            call = deadline._call
            if call is not None and not call.struck:
                deadline._strike(call)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        for n in range(3_000):
            with suppress(Overdue):
                assert guard("slow", sum, range(n)) == n * (n - 1) // 2
            between = [n] * 10  # here it would be no Overdue, and would end the test
            assert len(between) == 10
    finally:
        stop.set()
        thread.join()
    assert deadline._call is None


def test_what_was_thrown_as_the_call_ended_is_taken_back():
    deadline = Deadline(1.0, lambda *_: None)
    ended, told = threading.Event(), []

    def call():
        told.append(deadline.around("shop")("slow", ended.wait))
        told.append(sum(range(1000)))

    thread = threading.Thread(target=call)
    thread.start()
    while deadline._call is None:
        pass
    deadline._call.struck = True  # as if it were on its way: a second one is never thrown
    ended.set()
    thread.join()
    assert told == [True, 499500]


class Columns:
    """A metric that never returns."""

    name = "columns"

    def __init__(self, window=3):
        self.window = window

    def on_record(self, record):
        raise NotImplementedError

    def on_batch(self, batch):
        return [Series(self.name, None, spin())]


def test_hangs_are_kept_until_they_are_mended(tmp_path):
    hangs = Hangs(tmp_path)
    assert hangs.all() == []
    first = Hang("shop", "slow", "abc", "did not return")
    hangs.add(first)
    hangs.add(Hang("shop", "other", "abc", "did not return"))
    hangs.add(Hang("till", "slow", "abc", "did not return"))
    hangs.add(Hang("shop", "slow", "def", "did not return"))
    assert [(each.model, each.plugin, each.mark) for each in hangs.all()] == [
        ("shop", "other", "abc"), ("till", "slow", "abc"), ("shop", "slow", "def"),
    ]  # fmt: skip
    assert [each.model for each in hangs.forget(model="shop", plugin="slow")] == ["shop"]
    assert len(hangs.forget(plugin="nothing")) == 0
    assert len(hangs.forget()) == 2
    assert hangs.all() == []


def test_a_mark_is_of_the_settings_and_of_the_source(tmp_path, monkeypatch):
    def mark(window=3):
        return marks(Engine([Columns(window)]))["columns"]

    assert mark() == mark()
    assert mark(4) != mark()
    before = mark()
    source = tmp_path / "changed.py"
    source.write_text("# mended")
    monkeypatch.setattr("homeostat.runtime.hangs._source", lambda kind: str(source))
    assert mark() != before
