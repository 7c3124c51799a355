"""SIGTERM: what has begun is finished, and a second one does not wait for it."""

import json
import signal

import pytest
from house import record
from live import Live, heard

CONFIG = """
[service]
grace = 600.0
headers = 600.0
readers = 0

[service.body]
seconds = 600.0
patience = 600.0
"""
BODY = json.dumps([record(1), record(2)]).encode()


@pytest.fixture
def live(tmp_path):
    begun = []

    def start():
        begun.append(Live(tmp_path, CONFIG))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one._errors.close()


def half_sent(live):
    """A connection on which half of a request is under way, and known to be."""
    one = live.connect()
    one.sendall(
        b"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
        % (live.token.encode(), len(BODY))
    )
    assert one.recv(100).startswith(b"HTTP/1.1 100")
    one.sendall(BODY[:20])
    return one


def told_to_end(live):
    """SIGTERM; returns when nobody new is let in."""
    live.process.send_signal(signal.SIGTERM)
    while True:
        try:
            live.connect().close()
        except OSError:
            return


def test_what_has_begun_is_finished_and_kept(live):
    one = live()
    with half_sent(one) as link:
        told_to_end(one)
        assert one.process.poll() is None
        link.sendall(BODY[20:])
        said = heard(link)
    assert said.startswith(b"HTTP/1.1 200")
    assert b'"accepted":2' in said
    assert one.process.wait(60) == 0
    assert live().get("/v1/models/default/status").json()["records"] == 2


def test_a_second_signal_waits_for_nobody(live):
    one = live()
    with half_sent(one) as link:
        told_to_end(one)
        assert one.process.poll() is None
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 0
        assert b"200" not in heard(link)
    two = live()
    assert two.get("/v1/models").json()["models"] == []
    assert "Traceback" not in two.log()
