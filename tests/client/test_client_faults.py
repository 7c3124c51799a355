"""A service that fails in every way: nothing is counted twice, nothing is lost without a count."""

import random
import threading
from collections import Counter

import pytest

import homeostat as hs
from homeostat.client import delivery
from homeostat.client.buffer import Bounds, Buffer
from homeostat.client.items import label_item

FIELDS = {"model_version": "v1", "predicted_label": "ok", "latency_ms": 5}


def send(client, n, **fields):
    return [client.send(**FIELDS, **fields) for _ in range(n)]


def ids_of(request):
    return [line["record_id"] for line in request[2]]


FAILURES = {
    "503 with Retry-After": lambda steps: steps.answers(503, Retry_After="0"),
    "429 with Retry-After": lambda steps: steps.answers(429, Retry_After="0"),
    "500": lambda steps: steps.answers(500),
    "507": lambda steps: steps.answers(507),
    "408": lambda steps: steps.answers(408),
    "hangs up": lambda steps: steps.hangs_up,
    "a page of somebody else": lambda steps: steps.answers(200, "<html>"),
    "an answer that does not add up": lambda steps: steps.answers(
        200, {"accepted": 1, "duplicates": 0, "rejected": []}
    ),
    "a rejected row that was not sent": lambda steps: steps.answers(
        200, {"accepted": 2, "duplicates": 0, "rejected": [{"row": 3}]}
    ),
    "a row rejected twice": lambda steps: steps.answers(
        200, {"accepted": 1, "duplicates": 0, "rejected": [{"row": 1}, {"row": 1}]}
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_failed_is_sent_again_with_the_same_ids(name, fake, steps, adds_up):
    fake.script = [FAILURES[name](steps)] * 3
    with fake.client() as client:
        with client._buffer._lock:  # so that they go together
            sent = send(client, 3)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.given, stats.sent, stats.accepted, stats.duplicates) == (3, 3, 3, 0)
    assert stats.retried == 3
    assert stats.last_error
    assert [ids_of(request) for request in fake.requests] == [sent] * 4
    bodies = [request[2] for request in fake.requests]
    assert bodies == [bodies[0]] * 4


@pytest.mark.parametrize("step", ["hangs", "trickles"])
def test_a_request_has_a_deadline_as_a_whole(step, fake, steps, adds_up):
    fake.script = [getattr(steps, step)]
    with fake.client(timeout=0.2) as client:
        [sent] = send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert stats.accepted + stats.duplicates == 1
    assert stats.retried >= 1
    assert [ids_of(request) for request in fake.requests] == [[sent]] * (1 + stats.retried)


@pytest.mark.parametrize("step", ["commits_and_hangs_up", "commits_and_stops_within_the_reply"])
def test_what_was_kept_before_the_answer_was_lost_is_a_duplicate(step, fake, steps, adds_up):
    fake.script = [getattr(steps, step)]
    with fake.client() as client:
        [sent] = send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.duplicates) == (0, 1)
    assert fake.known == {sent}


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_what_will_never_be_taken_is_told_once(status, fake, steps, adds_up):
    fake.script = [steps.answers(status)]
    told = []
    with fake.client(on_rejected=told.append) as client:
        [bad] = send(client, 1)
        assert client.flush(30)
        send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.rejected, stats.accepted, stats.retried) == (1, 1, 0)
    assert [(each.kind, each.record_id) for each in told] == [("record", bad)]
    assert told[0].problem == f"status {status}: as told"
    assert "as told" in stats.last_error


def test_rows_that_are_rejected_are_told_with_their_reason(fake, steps, adds_up):
    refusal = {"row": 1, "field": "latency_ms", "problem": "is odd", "hint": "make it even"}
    fake.script = [steps.answers(200, {"accepted": 2, "duplicates": 0, "rejected": [refusal]})]
    told = []
    with fake.client(on_rejected=told.append) as client:
        with client._buffer._lock:
            sent = send(client, 3)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected) == (2, 1)
    assert [(x.record_id, x.field, x.problem, x.hint) for x in told] == [
        (sent[1], "latency_ms", "is odd", "make it even")
    ]


@pytest.mark.parametrize("kind", [KeyError, SystemExit])
def test_a_callback_that_fails_is_counted(kind, fake, steps, adds_up):
    fake.script = [steps.answers(422)]

    def fails(rejection):
        raise kind(rejection.record_id)

    with fake.client(on_rejected=fails) as client:
        send(client, 1)
        assert client.flush(30)
        send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected, stats.errors) == (1, 1, 1)
    assert f"on_rejected: {kind.__name__}" in stats.last_error


def test_a_request_that_is_too_large_is_halved(fake, steps, adds_up):
    def too_large(fake, handler, lines):
        step = steps.answers(413) if len(lines) > 2 else None
        if step is None:
            steps.answers(200, fake.commit(lines))(fake, handler, lines)
        else:
            step(fake, handler, lines)

    fake.script = [too_large] * 50
    with fake.client() as client:
        with client._buffer._lock:
            sent = send(client, 9)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected) == (9, 0)
    assert fake.known == set(sent)


def test_one_that_is_too_large_alone_is_rejected(fake, steps, adds_up):
    fake.script = [steps.answers(413)] * 7
    with fake.client() as client:
        with client._buffer._lock:
            send(client, 4)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected, len(fake.requests)) == (0, 4, 7)


def test_no_redirect_is_followed(fake, steps, adds_up):
    fake.script = [steps.answers(307, Location=f"{fake.url}/elsewhere")]
    with fake.client() as client:
        send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, len(fake.requests)) == (1, 2)
    assert "elsewhere" in stats.last_error


@pytest.mark.parametrize("status", [401, 403, 404, 405, 421])
def test_what_somebody_has_to_mend_holds_everything_and_loses_nothing(
    status, fake, steps, adds_up, caplog
):
    fake.script = [steps.answers(status)] * 3
    told = []
    with fake.client(on_rejected=told.append) as client:
        with client._buffer._lock:
            sent = send(client, 3)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected, stats.dropped, stats.retried) == (3, 0, 0, 3)
    assert [ids_of(request) for request in fake.requests] == [sent] * 4
    assert not told
    assert stats.held == ""
    [warning] = caplog.records  # once, however often it was tried
    assert f"status {status}" in warning.getMessage()


def test_a_new_token_ends_the_wait_at_once(fake, steps, adds_up):
    fake.script = [steps.answers(401)]
    with fake.client(backoff=3600.0) as client:
        send(client, 1)
        assert fake.arrived.acquire(timeout=30)
        with client._buffer._changed:
            assert client._buffer._changed.wait_for(lambda: client._buffer._held, 30)
        assert "status 401" in client.stats.held
        client.token = "another-token"
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 1
    tokens = [headers["Authorization"] for _, headers, _ in fake.requests]
    assert tokens == ["Bearer a-token", "Bearer another-token"]


def test_a_function_gives_the_token_of_each_request(fake, steps, adds_up):
    given = iter(["one", None, "with a blank", "two"])
    with hs.Client(fake.url, lambda: next(given), linger=0.0, backoff=0.001) as client:
        send(client, 1)
        assert client.flush(30)
        send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.retried) == (2, 2)
    assert "token" in stats.last_error
    assert "with a blank" not in stats.last_error
    tokens = [headers["Authorization"] for _, headers, _ in fake.requests]
    assert tokens == ["Bearer one", "Bearer two"]


def test_what_is_held_stays_within_its_bounds_and_is_told_at_the_end(fake, steps, adds_up, caplog):
    fake.script = [steps.answers(401)] * 1000
    client = fake.client(capacity=5, backoff=3600.0)
    send(client, 1)
    assert fake.arrived.acquire(timeout=30)
    send(client, 20)
    assert adds_up(client.stats).waiting == 5
    assert not client.close(0.0)
    assert adds_up(client.stats).dropped == 21
    assert "21 records and labels were dropped" in caplog.text


@pytest.mark.parametrize(
    ("n", "path"), [(100, "/v1/records?partial=1"), (101, "/v1/records?partial=1&faults=101")]
)
def test_it_asks_to_be_told_of_every_row(n, path, fake):
    with fake.client() as client:
        with client._buffer._lock:
            send(client, n)
        assert client.flush(30)
    assert [request[0] for request in fake.requests] == [path]


def test_while_things_come_nobody_is_woken_for_the_first(adds_up):
    """To wake a thread costs more than the rest of a call, so it is for a batch that is full."""
    buffer = Buffer(Bounds(100, 1 << 20, "drop_oldest", 0.0, 3, 3600.0))
    woken = []
    buffer._changed.notify_all = lambda: woken.append(len(buffer._queue))
    for at in range(3):
        buffer.put(label_item(str(at), "ok", None, None))
    assert woken == [3]
    buffer._queue.clear()
    buffer._idle = True  # as the sender says after a while without any
    buffer.put(label_item("x", "ok", None, None))
    buffer.put(label_item("y", "ok", None, None))
    assert woken == [3, 1]


@pytest.mark.parametrize("status", [400, 422])
def test_a_verdict_on_one_of_several_finds_that_one(status, fake, steps, adds_up):
    def refuses(fake, handler, lines):
        bad = any(line["record_id"] == "bad" for line in lines)
        (steps.answers(status) if bad else steps.answers(200, fake.commit(lines)))(
            fake, handler, lines
        )

    fake.script = [refuses] * 100
    told = []
    with fake.client(on_rejected=told.append) as client:
        with client._buffer._lock:
            send(client, 5)
            send(client, 1, record_id="bad")
            send(client, 5)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected) == (10, 1)
    assert [each.record_id for each in told] == ["bad"]


def test_no_proxy_of_the_environment_is_used(fake, monkeypatch, adds_up):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with fake.client() as client:
        send(client, 1)
        assert client.flush(30)
        assert adds_up(client.stats).retried == 0


def test_a_request_says_who_asks_and_that_it_may_be_taken_in_part(fake):
    with fake.client(linger=60.0) as client:
        send(client, 40)
        client.label("someone", "ok", time="2026-01-01T00:00:00+01:00", model="m")
        assert client.flush(30)
    (records_path, headers, _), (labels_path, _, labels) = fake.requests
    assert (records_path, labels_path) == ("/v1/records?partial=1", "/v1/labels?partial=1")
    assert headers["Authorization"] == "Bearer a-token"
    assert headers["Content-Encoding"] == "gzip"
    assert labels == [
        {"record_id": "someone", "label": "ok", "time": "2025-12-31T23:00:00Z", "model": "m"}
    ]


def test_a_batch_is_no_larger_than_told_and_none_waits_that_is_full(fake):
    with fake.client(batch=10, linger=3600.0) as client:
        with client._buffer._lock:
            send(client, 25)
        assert fake.arrived.acquire(timeout=30)
        assert fake.arrived.acquire(timeout=30)  # two are full; the rest waits for company
        assert client.flush(30)
    assert [len(request[2]) for request in fake.requests] == [10, 10, 5]


@pytest.fixture
def nobody(fake):
    """The address of a service that is not there."""
    fake.close()
    return fake.url


def test_with_nobody_there_memory_is_bounded_and_every_record_counted(nobody, adds_up):
    client = hs.Client(nobody, "t", capacity=100, batch=10, backoff=0.001)
    for n in range(1, 1001):
        client.send(**FIELDS)
        stats = adds_up(client.stats)
        assert stats.given == n
        assert stats.waiting <= 100
    assert stats.dropped == 900
    assert "Refused" in stats.last_error or "wait already" in stats.last_error
    assert not client.flush(0.0)
    assert not client.close(0.0)
    stats = adds_up(client.stats)
    assert (stats.dropped, stats.waiting) == (1000, 0)
    client.send(**FIELDS)
    assert adds_up(client.stats).dropped == 1001
    assert client.stats.last_error == "the client is closed"


def test_bytes_are_bounded_too(nobody, adds_up):
    client = hs.Client(nobody, "t", capacity_bytes=1 << 20, backoff=0.001)
    for _ in range(100):
        client.send(**FIELDS, metadata={"text": "x" * 100_000})
        assert client._buffer._bytes <= 1 << 20
    assert 9 <= adds_up(client.stats).waiting <= 10
    client.send(**FIELDS, metadata=["x" * 2_000_000])  # would empty the buffer for nothing
    assert 9 <= adds_up(client.stats).waiting <= 10
    client.close(0.0)
    assert adds_up(client.stats).dropped == 101


def test_the_oldest_are_dropped_first(fake, steps, adds_up):
    fake.script = [steps.hangs]
    with fake.client(capacity=5, batch=2, timeout=30) as client:
        with client._buffer._lock:
            sent = send(client, 2)
        assert fake.arrived.acquire(timeout=30)  # two are in flight, which are not dropped
        sent += send(client, 6)
        fake.released.set()
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.dropped, stats.accepted) == (3, 5)
    assert fake.known == set(sent[:2] + sent[5:])


def test_the_policy_error_says_so_at_once(nobody, adds_up):
    client = hs.Client(nobody, "t", capacity=3, policy="error", backoff=0.001)
    send(client, 3)
    with pytest.raises(hs.Full, match="3 items"):
        client.send(**FIELDS)
    with pytest.raises(hs.Full):
        client.label("a", "ok")
    assert adds_up(client.stats).dropped == 2
    client.close(0.0)
    with pytest.raises(hs.Closed):
        client.send(**FIELDS)
    assert adds_up(client.stats).given == 6


def test_the_policy_block_waits_for_room(fake, steps, adds_up):
    fake.script = [steps.hangs]
    with fake.client(capacity=2, batch=2, policy="block", patience=30.0, timeout=30) as client:
        with client._buffer._lock:
            send(client, 2)
        assert fake.arrived.acquire(timeout=30)
        waiting = threading.Thread(target=send, args=(client, 1))
        waiting.start()
        assert client.stats.dropped == 0
        fake.released.set()
        waiting.join(30)
        assert not waiting.is_alive()
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.dropped) == (3, 0)


def test_the_policy_block_gives_up_in_time(nobody, adds_up):
    client = hs.Client(nobody, "t", capacity=2, policy="block", patience=0.0)
    send(client, 5)
    assert adds_up(client.stats).dropped == 3
    client.close(0.0)


def test_who_blocks_is_let_go_when_the_client_closes(nobody, adds_up):
    client = hs.Client(nobody, "t", capacity=1, policy="block", patience=3600.0)
    send(client, 1)
    blocked = threading.Thread(target=send, args=(client, 1))
    blocked.start()
    client.close(0.0)
    blocked.join(30)
    assert not blocked.is_alive()
    assert adds_up(client.stats).dropped == 2


def test_closing_ends_a_request_that_hangs(fake, steps, adds_up):
    fake.script = [steps.hangs]
    client = fake.client(timeout=3600)
    send(client, 1)
    assert fake.arrived.acquire(timeout=30)
    assert not client.close(0.0)
    client._thread.join(30)
    assert not client._thread.is_alive()
    assert adds_up(client.stats).dropped == 1


def test_closing_tries_once_more_at_once(fake, steps, adds_up):
    fake.script = [steps.answers(500)]
    client = fake.client(backoff=3600.0)
    send(client, 1)
    assert fake.arrived.acquire(timeout=30)
    assert client.close(30)
    assert adds_up(client.stats).accepted == 1


def test_threads_and_faults_together_count_exactly(fake, steps, adds_up):
    def too_large(fake, handler, lines):
        whole = steps.answers(413) if len(lines) > 1 else steps.hangs_up
        whole(fake, handler, lines)

    rng = random.Random(7)
    choices = [
        steps.hangs_up, steps.commits_and_hangs_up, steps.commits_and_stops_within_the_reply,
        steps.answers(503, Retry_After="0"), too_large, None, None,
    ]  # fmt: skip
    fake.script = [rng.choice(choices) for _ in range(60)]
    every, done = [], threading.Event()

    def watch():
        while not done.wait(0.001):
            adds_up(client.stats)

    with fake.client(batch=50, linger=0.001, capacity=100_000) as client:
        watcher = threading.Thread(target=watch)
        watcher.start()
        senders = [
            threading.Thread(target=lambda: every.extend(send(client, 400))) for _ in range(6)
        ]
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join()
        assert client.flush(60)
        done.set()
        watcher.join()
        stats = adds_up(client.stats)
    assert stats.given == 2400
    assert stats.accepted + stats.duplicates + stats.rejected == 2400
    assert max(Counter(every).values()) == 1
    assert len(fake.known) == stats.accepted + stats.duplicates
    assert fake.known <= set(every)


def test_a_flush_waits_for_what_is_in_flight_even_where_later_ones_are_dropped(fake, steps):
    fake.script = [steps.hangs]
    with fake.client(capacity=2, batch=1, timeout=30) as client:
        send(client, 1)
        assert fake.arrived.acquire(timeout=30)
        send(client, 5)
        assert not client.flush(0.01)
        fake.released.set()
        assert client.flush(30)


def test_a_fault_of_ours_costs_one_batch_and_is_counted(fake, monkeypatch, adds_up):
    with fake.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "line_of", lambda item: 1 / 0)
            with client._buffer._lock:
                send(client, 3)
                client.label("a", "ok")
            assert client.flush(30)
        send(client, 1)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.dropped, stats.accepted, stats.errors) == (4, 1, 1)
    assert client._buffer._bytes == 0


def test_a_buffer_smaller_than_a_batch_does_not_wait_for_one(fake, adds_up):
    with fake.client(capacity=2, batch=500, linger=3600.0) as client:
        with client._buffer._lock:
            send(client, 2)
        assert fake.arrived.acquire(timeout=30)
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 2


def test_nor_does_a_heavy_one(fake, adds_up):
    settings = {"capacity_bytes": 1 << 20, "linger": 3600.0, "policy": "block", "patience": 30.0}
    with fake.client(**settings) as client:
        send(client, 40, metadata="x" * 100_000)
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 40
    assert client._buffer._bytes == 0


def test_it_waits_as_long_as_the_service_asks(fake, steps, adds_up):
    fake.script = [steps.answers(429, Retry_After="3600")]
    client = fake.client(backoff=0.001)
    send(client, 1)
    assert fake.arrived.acquire(timeout=30)
    assert not client.flush(0.05)
    assert not client.close(0.05)
    assert len(fake.requests) == 1
    assert adds_up(client.stats).dropped == 1


def test_an_answer_after_the_end_changes_no_count(adds_up):
    buffer = Buffer(Bounds(10, 1 << 20, "drop_oldest", 0.0, 10, 0.0))
    for n in range(3):
        buffer.put(label_item(f"{n}", "ok", None, None))
    items = buffer.take()
    buffer.sent(3)
    assert buffer.settle(items[:1], accepted=1)
    assert not buffer.close(0.0)
    assert not buffer.settle(items[1:], accepted=2)
    buffer.sent(3)
    assert buffer.take() == []
    stats = adds_up(buffer.stats())
    assert (stats.sent, stats.accepted, stats.dropped) == (3, 1, 2)
