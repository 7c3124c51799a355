"""Webhooks over a real connection: signed, bounded in time and size, never led elsewhere."""

import shutil
import socket
import ssl
import subprocess
import threading
import time

import msgspec
import pytest
from sinkworld import DAY, outgoing
from standardwebhooks import Webhook as Oracle
from standardwebhooks import WebhookVerificationError

from homeostat.errors import ConfigError
from homeostat.outbound.calling import Caller
from homeostat.outbound.secret import Secret
from homeostat.outbound.signing import key_of
from homeostat.sinks import Gone, Retry
from homeostat.sinks.webhook import Webhook, webhook

ONE = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TWO = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def sink_to(url, monkeypatch, secrets=(ONE,), **settings):
    for at, secret in enumerate(secrets):
        monkeypatch.setenv(f"HOOK_{at}", secret)
    names = [Secret(f"env:HOOK_{at}") for at in range(len(secrets))]
    return Webhook(Secret(url, plain=True), names, Caller(allow_private=True, **settings),
                   allow_http=True)  # fmt: skip


def test_the_reference_library_verifies_it(receiver, monkeypatch):
    sink_to(receiver.url, monkeypatch).send(outgoing(seq=17))
    ((path, headers, body),) = receiver.requests
    told = Oracle(ONE).verify(body, headers)
    assert path == "/hook"
    assert headers["webhook-id"] == "churn:17"
    assert headers["content-type"] == "application/cloudevents+json"
    assert told == {
        "specversion": "1.0", "id": "churn:17", "source": "homeostat",
        "type": "dev.homeostat.RetrainRequested", "subject": "churn",
        "time": "2026-09-21T10:00:00Z", "datacontenttype": "application/json",
        "sequence": "00000000000000000017",
        "data": {"RetrainRequested": {"model_version": "v1", "reason": "reason 17",
                                      "created_at": "2026-09-21T10:00:00Z"}},
    }  # fmt: skip


@pytest.mark.parametrize("damage", ["body", "id", "timestamp", "secret"])
def test_what_was_tampered_with_does_not_verify(receiver, monkeypatch, damage):
    sink_to(receiver.url, monkeypatch).send(outgoing())
    ((_, headers, body),) = receiver.requests
    Oracle(ONE).verify(body, headers)
    changed = {
        "body": lambda: (ONE, body.replace(b"reason", b"Reason"), headers),
        "id": lambda: (ONE, body, headers | {"webhook-id": "churn:2"}),
        "timestamp": lambda: (
            ONE, body,
            headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)},
        ),
        "secret": lambda: (TWO, body, headers),
    }  # fmt: skip
    secret, body, headers = changed[damage]()
    with pytest.raises(WebhookVerificationError):
        Oracle(secret).verify(body, headers)


def test_every_secret_signs_so_that_one_can_follow_another(receiver, monkeypatch):
    sink_to(receiver.url, monkeypatch, [ONE, TWO]).send(outgoing())
    ((_, headers, body),) = receiver.requests
    assert len(headers["webhook-signature"].split(" ")) == 2
    Oracle(ONE).verify(body, headers)
    Oracle(TWO).verify(body, headers)


def test_a_secret_in_a_file_is_read_anew(receiver, tmp_path):
    file = tmp_path / "secret"
    sink = Webhook(Secret(receiver.url, plain=True), [Secret(f"file:{file}")],
                   Caller(allow_private=True), allow_http=True)  # fmt: skip
    for secret in (ONE, TWO):
        file.write_text(secret + "\n")
        sink.send(outgoing())
        _, headers, body = receiver.requests[-1]
        Oracle(secret).verify(body, headers)


def test_an_old_timestamp_is_one_that_receivers_can_refuse(receiver, monkeypatch):
    sink_to(receiver.url, monkeypatch, now=lambda: time.time() - 301).send(outgoing())
    ((_, headers, body),) = receiver.requests
    with pytest.raises(WebhookVerificationError, match="too old"):
        Oracle(ONE).verify(body, headers)


def test_a_dot_in_a_name_does_not_end_the_id_in_what_is_signed(receiver, monkeypatch):
    sink_to(receiver.url, monkeypatch).send(outgoing(model="churn.v2"))
    ((_, headers, body),) = receiver.requests
    assert headers["webhook-id"] == "churn%2Ev2:1"
    assert Oracle(ONE).verify(body, headers)["id"] == "churn.v2:1"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_will_do(receiver, monkeypatch, status):
    receiver.replies = [(status, {})]
    sink_to(receiver.url, monkeypatch).send(outgoing())
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500, 501])
def test_an_error_is_tried_again_whatever_it_asks(receiver, monkeypatch, status):
    receiver.replies = [(status, {"Retry-After": "7"})]
    with pytest.raises(Retry, match=str(status)) as refused:
        sink_to(receiver.url, monkeypatch).send(outgoing())
    assert refused.value.after is None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_one_that_is_overloaded_says_when(receiver, monkeypatch, status):
    receiver.replies = [(status, {"Retry-After": "120"}), (status, {})]
    sink = sink_to(receiver.url, monkeypatch)
    for after in (120.0, None):
        with pytest.raises(Retry) as refused:
            sink.send(outgoing())
        assert refused.value.after == after


@pytest.mark.parametrize(("text", "after"), [
    ("Wed, 21 Oct 2026 07:28:10 GMT", 10.0), ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ("soon", None), ("-5", None), ("1e9", None), ("9" * 40, None),
])  # fmt: skip
def test_what_retry_after_says(receiver, monkeypatch, text, after):
    receiver.replies = [(503, {"Retry-After": text})]
    with pytest.raises(Retry) as refused:
        sink_to(receiver.url, monkeypatch, now=lambda: 1_792_567_680.0).send(outgoing())
    assert refused.value.after == after


def test_410_is_the_end(receiver, monkeypatch):
    receiver.replies = [(410, {})]
    with pytest.raises(Gone):
        sink_to(receiver.url, monkeypatch).send(outgoing())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_is_not_led_elsewhere(receiver, monkeypatch, status):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        to = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/latest/meta-data"
        receiver.replies = [(status, {"Location": to})]
        with pytest.raises(Retry, match="give the address that it leads to"):
            sink_to(receiver.url, monkeypatch).send(outgoing())
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_proxies_of_the_environment_are_not_used(receiver, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        sink_to(receiver.url, monkeypatch).send(outgoing())
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert len(receiver.requests) == 1


class Raw:
    """A receiver that reads a request and then writes what `chunks` yields, until it is let go."""

    def __init__(self, chunks, wrap=lambda connection: connection):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.written, self.read = 0, b""
        self._chunks, self._wrap = chunks, wrap
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self.socket.close()

    def _serve(self):
        connection, _ = self.socket.accept()
        try:
            with self._wrap(connection) as connection:
                while b"\r\n\r\n" not in self.read:
                    self.read += connection.recv(65536)
                for chunk in self._chunks:
                    connection.sendall(chunk)
                    self.written += len(chunk)
        except OSError:
            pass  # the other side has had enough
        finally:
            connection.close()


def test_a_reply_of_one_byte_a_second_is_cut_by_the_deadline(monkeypatch):
    seconds = [0.0]

    def drips():
        yield b"HTTP/1.1 200 OK\r\nX: "
        while True:
            seconds[0] += 1.0
            yield b"x"

    with (
        Raw(drips()) as slow,
        pytest.raises(Retry, match="no reply within 15 s"),
    ):
        sink_to(slow.url, monkeypatch, clock=lambda: seconds[0]).send(outgoing())
    assert seconds[0] >= 15


def test_a_body_that_never_ends_is_not_waited_for(monkeypatch):
    sent = threading.Event()

    def drips():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        sent.wait(30)

    with Raw(drips()) as slow:
        sink_to(slow.url, monkeypatch).send(outgoing())
        sent.set()


def test_a_reply_of_100_mb_is_not_read(monkeypatch):
    def floods():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"
        for _ in range(1600):
            yield b"x" * 65_536

    with Raw(floods()) as large:
        sink_to(large.url, monkeypatch).send(outgoing())
    assert large.written < 50_000_000


def test_a_head_of_100_mb_is_cut(monkeypatch):
    def floods():
        yield b"HTTP/1.1 200 OK\r\n"
        for _ in range(1600):
            yield b"X: " + b"x" * 65_531 + b"\r\n"

    with Raw(floods()) as large, pytest.raises(Retry, match="too long"):
        sink_to(large.url, monkeypatch).send(outgoing())
    assert large.written < 50_000_000


@pytest.mark.parametrize(("reply", "problem"), [
    (b"", "ended before a reply"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 2x0 OK\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\n", "ended before a reply"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "ended before a reply"),
])  # fmt: skip
def test_what_is_no_reply(monkeypatch, reply, problem):
    with Raw([reply]) as raw, pytest.raises(Retry, match=problem):
        sink_to(raw.url, monkeypatch).send(outgoing())


def test_an_interim_reply_is_passed_over(monkeypatch):
    reply = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n"
    with Raw([reply]) as raw, pytest.raises(Gone):
        sink_to(raw.url, monkeypatch).send(outgoing())


def test_one_that_is_not_there(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Retry, match="refused"):
        sink_to(f"http://127.0.0.1:{port}/", monkeypatch).send(outgoing())


def test_one_that_accepts_and_says_nothing(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Retry, match=r"no reply within 0\.05 s"):
            sink_to(url, monkeypatch, timeout=0.05).send(outgoing())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for hooks.example that trusts itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize(("host", "trusted", "passes"), [
    ("hooks.example", True, True), ("other.example", True, False), ("hooks.example", False, False),
])  # fmt: skip
def test_the_certificate_has_to_be_of_the_host_whatever_the_address(
    monkeypatch, certificate, host, trusted, passes
):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    ca = str(certificate / "cert.pem") if trusted else None
    settings = {"resolve": lambda *_: ["127.0.0.1"], "ca": ca}
    with Raw([b"HTTP/1.1 204 No Content\r\n\r\n"],
             lambda raw: tls.wrap_socket(raw, server_side=True)) as raw:  # fmt: skip
        url = f"https://{host}:{raw.socket.getsockname()[1]}/"
        if passes:
            sink_to(url, monkeypatch, **settings).send(outgoing())
            assert raw.read.startswith(b"POST / HTTP/1.1\r\n")
        else:
            with pytest.raises(Retry, match="certificate"):
                sink_to(url, monkeypatch, **settings).send(outgoing())
    assert bool(raw.read) == passes  # nothing is said to one that is not who it says


def test_a_secret_is_no_text_of_the_configuration():
    with pytest.raises(ConfigError, match="env:NAME") as refused:
        webhook("https://hooks.example/", [ONE])
    assert ONE not in str(refused.value)


def test_it_is_signed_unless_that_is_said():
    with pytest.raises(ConfigError, match="unsigned = true"):
        webhook("https://hooks.example/")
    with pytest.raises(ConfigError, match="unsigned = true"):
        webhook("https://hooks.example/", ["env:X"], unsigned=True)


def test_unsigned_it_has_no_signature(receiver, monkeypatch):
    sink_to(receiver.url, monkeypatch, []).send(outgoing())
    assert "webhook-signature" not in receiver.requests[0][1]


@pytest.mark.parametrize("secret", ["", "short", "whsec_c2hvcnQ=", "not base64 !" * 5])
def test_what_is_no_secret(secret):
    with pytest.raises(ConfigError, match="openssl rand") as refused:
        key_of(secret)
    assert not secret or secret not in str(refused.value)


def test_a_key_with_and_without_its_padding_and_prefix():
    assert key_of("whsec_" + "QUFB" * 8) == b"AAA" * 8
    assert key_of("QUFB" * 8 + "QQ") == key_of("QUFB" * 8 + "QQ==") == b"AAA" * 8 + b"A"


def test_secrets_show_nothing_of_themselves(monkeypatch):
    monkeypatch.setenv("HOOK_0", ONE)
    assert repr(Secret("env:HOOK_0")) == str(Secret("env:HOOK_0")) == "***"
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("env:HOOK_0"))


def test_down_for_a_day_then_everything_in_order_with_the_same_ids(world, receiver, monkeypatch):
    began = world.clock()
    sink = sink_to(receiver.url, monkeypatch)
    down = [(503, {})] * 100_000
    receiver.replies = down
    follower = world.follower(sink)
    world.log("churn", 12)
    while world.clock() - began < DAY * 1_000_000:
        world.clock.forward(follower.step() + 0.001)
    assert set(receiver.ids) == {"churn:1"}
    tries = len(receiver.ids)
    down.clear()
    world.run(follower)
    assert receiver.ids[tries:] == [f"churn:{seq}" for seq in range(1, 13)]
    for _, headers, body in receiver.requests[tries:]:
        Oracle(ONE).verify(body, headers)
