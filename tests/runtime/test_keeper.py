"""The keeper with a store and a ledger of its own: what is together, what fails alone, its end."""

import threading
from concurrent.futures import CancelledError
from contextlib import contextmanager

import pytest

from homeostat.errors import Closed, Full, InvalidInput
from homeostat.runtime import keeper as keeping
from homeostat.runtime.keeper import Keeper
from homeostat.stores.faults import Busy, StoreBroken, StoreFull

LONGEST = 30  # seconds after which what has not come never will


class Paper:
    """A store: what is on it after each transaction. The next commits fail as `fails` says."""

    def __init__(self):
        self.kept, self.commits, self.fails = [], [], []
        self.snapped, self.tidied, self.closed = threading.Event(), 0, False
        self.database = self

    @contextmanager
    def change(self):
        before = list(self.kept)
        try:
            yield
            if self.fails:
                raise self.fails.pop(0)
        except BaseException:
            self.kept[:] = before
            raise
        self.commits.append(self.kept[len(before) :])

    def tidy(self):
        self.tidied += 1

    def close(self):
        self.closed = True

    @property
    def together(self):
        """What was kept, by transaction."""
        return [commit for commit in self.commits if commit]


class Book:
    """A ledger: what it remembers is read from the store once, as the real one does it."""

    def __init__(self, paper):
        self.paper, self.memory, self.new = paper, list(paper.kept), set()

    def add(self, word):
        self.memory.append(word)
        self.paper.kept.append(word)
        self.new.add(word)
        return len(self.memory)

    def mend(self):
        """No plug-in is off."""

    def save(self, snapshot=False):
        if snapshot:
            self.paper.snapped.set()
        new, self.new = self.new, set()
        return new


class Desk:
    """A keeper that runs, and whatever it told."""

    def __init__(self, **given):
        self.paper, self.books, self.events, self.broke = Paper(), 0, [], []
        self.keeper = Keeper(
            lambda: self.paper, self._book, on_events=self.events.append,
            on_broken=self.broke.append, **given,
        )  # fmt: skip
        self._held = threading.Event()

    def _book(self, paper):
        self.books += 1
        return Book(paper)

    def add(self, word, weight=0, turn=0):
        return self.keeper.submit(lambda book: book.add(word), weight, turn)

    @contextmanager
    def busy(self):
        """While it is at something else, what is submitted waits, and then goes together."""
        inside, go = threading.Event(), threading.Event()

        def wait(_):
            inside.set()
            assert go.wait(LONGEST)

        self.keeper.submit(wait)
        assert inside.wait(LONGEST)
        try:
            yield
        finally:
            go.set()


@pytest.fixture
def made(monkeypatch):
    """Makes desks; what is due when nobody asks comes soon."""
    monkeypatch.setattr(keeping, "_TICK", 0.01)
    desks = []

    def make(**given):
        desks.append(Desk(**given))
        desks[-1].keeper.start()
        return desks[-1]

    yield make
    for desk in desks:
        desk.keeper.close(LONGEST)


@pytest.fixture
def desk(made):
    return made()


def outcome(future):
    return future.result(LONGEST)


def problem(future):
    return future.exception(LONGEST)


# Together -----------------------------------------------------------------------------------------


def test_what_waits_is_one_transaction_in_order(desk):
    with desk.busy():
        futures = [desk.add(word) for word in "abc"]
        assert not any(future.done() for future in futures)
    assert [outcome(future) for future in futures] == [1, 2, 3]
    assert desk.paper.together == [["a", "b", "c"]]


def test_a_lower_turn_of_one_transaction_comes_first_and_each_gets_its_own_answer(desk):
    with desk.busy():
        futures = [desk.add(word, turn=turn) for word, turn in (("x", 1), ("a", 0), ("y", 1))]
        futures.append(desk.add("b"))
    assert [outcome(future) for future in futures] == [3, 1, 4, 2]
    assert desk.paper.together == [["a", "b", "x", "y"]]


def test_an_answer_comes_after_the_commit(desk):
    committed = []
    future = desk.add("a")
    future.add_done_callback(lambda _: committed.append(desk.paper.together[:]))
    outcome(future)
    outcome(desk.add("b"))  # the callback of the first has run by now
    assert committed[0][0] == ["a"]


def test_events_are_told_once_a_transaction_after_the_commit(desk):
    with desk.busy():
        futures = [desk.add(word) for word in "ab"]
    for future in futures:
        outcome(future)
    outcome(desk.keeper.submit(lambda _: None))  # which has none
    assert desk.events == [{"a", "b"}]


def test_a_crowd_takes_fewer_transactions_than_it_is(desk):
    with desk.busy():
        futures = [desk.add(number) for number in range(500)]
    assert [outcome(future) for future in futures] == list(range(1, 501))
    assert len(desk.paper.together) < 20
    assert [word for commit in desk.paper.together for word in commit] == list(range(500))


def test_submitted_from_many_threads_each_is_done_once(desk):
    def send(first):
        for number in range(first, first + 50):
            outcome(desk.add(number))

    threads = [threading.Thread(target=send, args=(50 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    assert sorted(desk.paper.kept) == list(range(400))


# Looks --------------------------------------------------------------------------------------------


def test_a_look_waits_for_no_transaction_but_the_one_under_way(desk):
    commits = []
    with desk.busy():
        added = [desk.add(number) for number in range(300)]
        look = desk.keeper.look(lambda book: (list(book.memory), len(desk.paper.together)))
        look.add_done_callback(lambda _: commits.append(len(desk.paper.together)))
        assert not look.done()
    assert outcome(look) == ([], 0)
    assert commits == [0]
    assert [outcome(future) for future in added] == list(range(1, 301))


def test_a_look_sees_what_was_answered_before_and_is_no_transaction(desk):
    outcome(desk.add("a"))
    outcome(desk.keeper.submit(lambda _: None))  # the transaction of the first is over
    words = [word for word in desk.paper.commits if word]
    assert outcome(desk.keeper.look(lambda book: list(book.memory))) == ["a"]
    assert [word for word in desk.paper.commits if word] == words


def test_a_look_that_raises_undoes_nothing_and_hurts_nobody(desk):
    with desk.busy():
        wrong, right = desk.keeper.look(lambda _: 1 / 0), desk.keeper.look(lambda _: "seen")
        one = desk.add("a")
    assert isinstance(problem(wrong), ZeroDivisionError)
    assert (outcome(right), outcome(one)) == ("seen", 1)
    assert desk.books == 1


def test_a_look_after_a_transaction_that_failed_is_at_what_the_store_has(desk):
    outcome(desk.add("a"))
    assert problem(desk.keeper.submit(raising)) is not None
    assert outcome(desk.keeper.look(lambda book: list(book.memory))) == ["a"]


def test_who_looks_often_keeps_nothing_that_is_due_waiting(made):
    tended = []
    desk = made(tend=lambda _: tended.append(1) and False)
    before = len(tended)
    for _ in range(100):
        outcome(desk.keeper.look(lambda _: None))
    assert len(tended) > before


def test_who_looked_when_the_store_broke_is_told(desk):
    error = StoreBroken("torn")
    with desk.busy():
        desk.keeper.submit(lambda _: desk.paper.fails.append(error))
        first = desk.keeper.look(lambda _: "seen")
    assert outcome(first) == "seen"
    assert desk.keeper._thread.join(LONGEST) is None
    with pytest.raises(StoreBroken):
        desk.keeper.look(lambda _: None)


def test_a_look_at_a_service_that_shuts_down_is_answered_or_refused(made):
    desk = made()
    with desk.busy():
        look = desk.keeper.look(lambda _: "seen")
        ending = threading.Thread(target=desk.keeper.close, args=(LONGEST,))
        ending.start()
    ending.join(LONGEST)
    assert outcome(look) == "seen"
    with pytest.raises(Closed):
        desk.keeper.look(lambda _: None)


# One that fails -----------------------------------------------------------------------------------


def refusing(_):
    raise InvalidInput("x", "is wrong")


def raising(book):
    book.add("half of it")
    raise ValueError("a bug")


def test_what_is_refused_disturbs_nobody(desk):
    with desk.busy():
        one, wrong, two = desk.add("a"), desk.keeper.submit(refusing), desk.add("b")
    assert isinstance(problem(wrong), InvalidInput)
    assert (outcome(one), outcome(two)) == (1, 2)
    assert desk.paper.together == [["a", "b"]]
    assert desk.books == 1


def test_of_several_the_one_at_fault_fails_alone(desk):
    with desk.busy():
        one, wrong, two = desk.add("a"), desk.keeper.submit(raising), desk.add("b")
    assert str(problem(wrong)) == "a bug"
    assert (outcome(one), outcome(two)) == (1, 2)
    assert desk.paper.kept == ["a", "b"]


def test_after_a_transaction_that_failed_the_ledger_is_as_the_store_has_it(desk):
    outcome(desk.add("a"))
    assert problem(desk.keeper.submit(raising)) is not None
    assert outcome(desk.keeper.submit(lambda book: list(book.memory))) == ["a"]
    assert desk.books == 2


@pytest.mark.parametrize("kind", [StoreFull, Busy])
def test_a_store_that_cannot_now_fails_all_of_them_and_goes_on(desk, kind):
    refusal = kind("not now")
    with desk.busy():
        futures = [desk.add(word) for word in "ab"]
        futures.append(desk.keeper.submit(lambda _: desk.paper.fails.append(refusal)))
    assert all(problem(future) is refusal for future in futures)
    assert desk.paper.kept == []
    assert outcome(desk.add("c")) == 1
    assert desk.broke == []
    assert desk.keeper.broken is None


def test_a_store_that_is_broken_breaks_the_keeper(desk):
    broken = StoreBroken("a page is not what was written")
    with desk.busy():
        futures = [desk.keeper.submit(lambda _: desk.paper.fails.append(broken)), desk.add("a")]
    assert all(problem(future) is broken for future in futures)
    desk.keeper.close(LONGEST)
    assert desk.broke == [broken]
    with pytest.raises(StoreBroken, match="not what was written"):
        desk.add("b")
    assert desk.paper.kept == []
    assert desk.paper.closed


def test_broken_while_each_is_tried_alone_nobody_waits_for_ever(desk):
    broken = StoreBroken("gone")

    def breaking(book):
        book.add("x")
        raise broken if desk.books > 1 else ValueError("first of all, not this")

    with desk.busy():
        one, wrong, two = desk.add("a"), desk.keeper.submit(breaking), desk.add("b")
    assert outcome(one) == 1
    assert problem(wrong) is broken
    assert problem(two) is broken
    assert desk.paper.kept == ["a"]


def test_what_cannot_be_opened_is_told_at_the_start():
    def opened():
        raise StoreBroken("no such disk")

    one = Keeper(opened, Book)
    with pytest.raises(StoreBroken, match="no such disk"):
        one.start()
    with pytest.raises(StoreBroken, match="no such disk"):
        one.submit(lambda _: None)


# Room ---------------------------------------------------------------------------------------------


def test_more_than_there_is_room_for_is_refused(made):
    desk = made(capacity=10)
    with desk.busy():
        futures = [desk.add("a", 6), desk.add("b", 4)]
        assert desk.keeper.waiting == 10
        with pytest.raises(Full, match="10 bytes of requests wait already"):
            desk.add("c", 1)
    assert [outcome(future) for future in futures] == [1, 2]
    assert outcome(desk.add("d", 10)) == 3
    assert desk.paper.kept == ["a", "b", "d"]


def test_one_that_is_larger_than_all_room_is_taken_when_nobody_waits(made):
    desk = made(capacity=10)
    assert outcome(desk.add("a", 11)) == 1


FATES = {"done": lambda book: book.add("a"), "refused": refusing, "fails": raising}


@pytest.mark.parametrize("fate", FATES)
def test_room_comes_back_whatever_became_of_it(made, fate):
    desk = made(capacity=10)
    with desk.busy():
        future = desk.keeper.submit(FATES[fate], 10)
    problem(future)
    assert desk.keeper.waiting == 0


def test_whoever_has_gone_is_not_served_and_leaves_room(made):
    desk = made(capacity=10)
    with desk.busy():
        gone = desk.add("gone", 10)
        assert gone.cancel()
    outcome(desk.add("a"))
    assert desk.keeper.waiting == 0
    assert desk.paper.kept == ["a"]
    with pytest.raises(CancelledError):
        outcome(gone)


# The end ------------------------------------------------------------------------------------------


def test_what_was_submitted_is_done_before_the_end(made):
    desk = made()
    with desk.busy():
        futures = [desk.add(number) for number in range(200)]
        closing = threading.Thread(target=desk.keeper.close, args=(LONGEST,))
        closing.start()
        while True:
            try:
                futures.append(desk.add("more"))
            except Closed:
                break
    closing.join(LONGEST)
    assert all(future.done() for future in futures)
    assert desk.paper.kept[:200] == list(range(200))
    assert len(desk.paper.kept) == len(futures)
    assert desk.paper.snapped.is_set()
    assert desk.paper.closed


def test_closed_it_takes_nothing(made):
    desk = made()
    desk.keeper.close(LONGEST)
    desk.keeper.close(LONGEST)  # again is nothing
    with pytest.raises(Closed, match="shutting down"):
        desk.add("a")


# What else is due ---------------------------------------------------------------------------------


class Chores:
    """So many pieces of work that are due; `done` is set when there are none."""

    def __init__(self, pieces):
        self.left, self.done = list(pieces), threading.Event()

    def __call__(self, book):
        if self.left:
            book.add(self.left[0])
            self.left.pop(0)
        if not self.left:
            self.done.set()
        return bool(self.left)


def test_when_nobody_asks_what_is_due_is_done_piece_by_piece(made):
    chores = Chores("abc")
    desk = made(tend=chores)
    assert chores.done.wait(LONGEST)
    desk.keeper.close(LONGEST)
    assert desk.paper.together == [["a"], ["b"], ["c"]]
    assert desk.paper.tidied > 0


def test_among_requests_it_is_done_too(made, monkeypatch):
    monkeypatch.setattr(keeping, "_TICK", LONGEST)  # nobody ever is idle
    chores = Chores("t")
    desk = made(tend=chores)
    for number in range(100):
        outcome(desk.add(number))
    assert chores.done.is_set()
    assert "t" in desk.paper.kept


@pytest.mark.parametrize("kind", [StoreFull, Busy])
def test_what_could_not_be_done_is_undone_and_tried_again(made, kind):
    tries, done = [], threading.Event()

    def tend(book):
        tries.append(list(book.memory))
        book.add("a")
        if len(tries) == 1:
            raise kind("not now")
        done.set()
        return False

    desk = made(tend=tend)
    assert done.wait(LONGEST)
    outcome(desk.keeper.submit(lambda _: None))
    assert tries[1] == []  # nothing of the first try is remembered
    assert desk.broke == []


def test_when_nobody_asks_a_snapshot_is_written(desk):
    assert desk.paper.snapped.wait(LONGEST)
