"""Replies with bodies: by length, in chunks, to the end; and those that are none."""

import socket
import threading

import pytest

from homeostat.outbound import Caller, Retry, target_of
from homeostat.outbound.environment import environment

HEAD = b"HTTP/1.1 200 OK\r\n"


def answered(*pieces, method="GET", body=b"", most=1000, timeout=30.0, hold=False):
    """What comes of a reply in these pieces, and what was asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            with connection:
                while b"\r\n\r\n" + body not in b"".join(asked):
                    asked.append(connection.recv(1 << 16))
                for piece in pieces:
                    connection.sendall(piece)
                if hold:
                    connection.recv(1)  # until the other side has given up

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            target = target_of(f"http://127.0.0.1:{listening.getsockname()[1]}/x?y=1", True)
            caller = Caller(allow_private=True, timeout=timeout)
            return caller.call(method, target, {"A": "b"}, body, most), b"".join(asked)
        finally:
            thread.join()


GOOD = [
    ("length", [HEAD + b"Content-Length: 5\r\n\r\nhello"], b"hello"),
    ("pieces", [HEAD[:9], HEAD[9:] + b"content-length:5\r", b"\n\r", b"\nhe", b"llo"], b"hello"),
    ("more than it says", [HEAD + b"Content-Length: 5\r\n\r\nhello world"], b"hello"),
    ("chunks", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"],
     b"hello"),
    ("chunks in pieces", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"A", b"\r\nhello worl\r",
                          b"\n1\r\nd\r\n", b"0\r\n\r\n"], b"hello world"),
    ("to the end", [HEAD + b"\r\n", b"hello"], b"hello"),
    ("empty", [HEAD + b"Content-Length: 0\r\n\r\n"], b""),
    ("after a 100", [b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi"],
     b"hi"),
    ("204", [b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n"], b""),
]  # fmt: skip


@pytest.mark.parametrize(("pieces", "body"), [row[1:] for row in GOOD],
                         ids=[row[0] for row in GOOD])  # fmt: skip
def test_bodies(pieces, body):
    answer, _ = answered(*pieces)
    assert answer.body == body


BAD = [
    ("short", [HEAD + b"Content-Length: 6\r\n\r\nhello"], "ended before a reply"),
    ("no end of chunks", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"], "ended"),
    ("wrong chunk", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"], "no"),
    ("no chunk", [HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"], "is not HTTP"),
    ("no length", [HEAD + b"Content-Length: -5\r\n\r\nhello"], "is not HTTP"),
    ("long", [HEAD + b"Content-Length: 1001\r\n\r\n"], "longer than the 1,000 bytes"),
    ("long chunks", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n"], "longer than"),
    ("endless", [HEAD + b"\r\n" + b"x" * 2000], "longer than the 1,000 bytes"),
    ("long head", [HEAD + b"X: " + b"x" * 70_000], "too long"),
    ("nothing", [], "ended before a reply"),
]


@pytest.mark.parametrize(("pieces", "message"), [row[1:] for row in BAD],
                         ids=[row[0] for row in BAD])  # fmt: skip
def test_replies_that_are_none(pieces, message):
    with pytest.raises(Retry, match=message):
        answered(*pieces)


def test_a_body_that_does_not_come():
    with pytest.raises(Retry, match=r"no reply within 0\.2 s"):
        answered(HEAD + b"Content-Length: 5\r\n\r\nhe", timeout=0.2, hold=True)


def test_what_is_asked():
    answer, asked = answered(HEAD + b"X-Y: z\r\n\r\n", method="DELETE", body=b"{}")
    first, *lines = asked.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert first == "DELETE /x?y=1 HTTP/1.1"
    assert {"A: b", "Content-Length: 2", "Connection: close"} <= set(lines)
    assert answer.fields["x-y"] == "z"
    assert "Content-Length" not in answered(HEAD + b"\r\n")[1].decode()


def test_the_environment_of_a_program():
    given = {"PATH": "/bin", "LC_ALL": "C", "SECRET": "x", "AWS_KEY": "y", "AWS_REGION": "z"}
    assert environment(given=given) == {"PATH": "/bin", "LC_ALL": "C"}
    found = environment(["AWS_*"], {"PATH": "/other", "A": "1"}, given)
    assert found == {"PATH": "/other", "LC_ALL": "C", "AWS_KEY": "y", "AWS_REGION": "z", "A": "1"}
