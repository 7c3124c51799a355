"""The parts of the client by themselves."""

import random
import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import homeostat as hs
from homeostat.client.items import HEAVIEST, line_of, record_item, weight_of
from homeostat.client.pauses import LONGEST, asked_pause, pause
from homeostat.client.transport import address_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELDS = {"model_version": "v1", "predicted_label": "ok", "latency_ms": 5}


def test_pauses_double_are_spread_and_have_a_bound():
    assert [pause(n, 0.5, None, 1.0) for n in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert pause(0, 0.5, None, 0.0) == 0.25
    assert pause(1000, 0.5, None, 1.0) == LONGEST


def test_a_pause_is_never_shorter_than_the_service_asks():
    rng = random.Random(1)
    for attempt in range(10):
        assert pause(attempt, 0.5, 7.0, rng.random()) >= 7.0
    assert pause(0, 0.5, 1e9, 0.0) == 600.0  # nor longer than anybody would wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("0", 0.0), (" 17 ", 17.0), ("Thu, 01 Jan 2026 12:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0), ("Thu, 01 Jan 2026 12:01:00 -0000", 60.0),
        ("soon", None), ("-1", None), ("1.5", None), ("", None), ("٣", None),
        ("9" * 400, 999_999_999.0),
    ],
    ids=str,
)  # fmt: skip
def test_what_retry_after_asks_for(header, seconds):
    assert asked_pause(header, NOW) == seconds


@pytest.mark.parametrize(
    ("url", "authority", "prefix"),
    [
        ("https://h.example", "h.example", ""),
        ("https://h.example:8443/monitor/", "h.example:8443", "/monitor"),
        ("http://127.0.0.1:8321", "127.0.0.1:8321", ""),
        ("http://localhost", "localhost", ""),
        ("http://[::1]:80", "[::1]", ""),
    ],
)
def test_addresses(url, authority, prefix):
    address = address_of(url, insecure=False)
    assert (address.authority, address.prefix) == (authority, prefix)


@pytest.mark.parametrize(
    "url",
    [
        "", "h.example", "ftp://h.example", "https://", "https://h.example:x", "https://u:p@h.example",
        "https://h.example?a=b", "https://h.example#a", "https://h.exa mple", "https://h\r\n.example",
        "http://h.example", "http://10.0.0.1", "https://[::1", b"https://h.example", None,
    ],
    ids=repr,
)  # fmt: skip
def test_addresses_that_are_none(url):
    with pytest.raises(hs.InvalidSetting, match="url"):
        address_of(url, insecure=False)


def test_a_token_goes_in_the_clear_only_where_it_is_allowed_to():
    assert address_of("http://10.0.0.1", insecure=True).host == "10.0.0.1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""}, {"token": "a b"}, {"token": "a\r\nX: y"}, {"token": None}, {"capacity": 0},
        {"capacity_bytes": -1}, {"policy": "drop"}, {"patience": -1}, {"batch": 10_001},
        {"linger": float("nan")}, {"timeout": 0}, {"backoff": "1"}, {"exit_timeout": -1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_settings_that_are_none(wrong):
    with pytest.raises(hs.InvalidSetting, match=next(iter(wrong))):
        hs.Client("http://127.0.0.1", **{"token": "t", **wrong})


def test_a_client_does_not_show_its_token():
    with hs.Client("http://127.0.0.1:1", "very-secret") as client:
        assert "very-secret" not in repr(client)
        assert repr(client) == "<Client of http://127.0.0.1:1>"


def test_weights_grow_with_what_is_there_and_counting_ends():
    plain = weight_of(("a", 1, None))
    assert weight_of(("a" * 1000, 1, None)) == plain + 999
    assert weight_of(({"k" * 50: 1.0},)) > weight_of(({"k": 1.0},))
    assert weight_of(([["x" * 10_000]],)) > 10_000
    endless: list = []
    endless += [endless, endless]
    assert weight_of((endless,)) > HEAVIEST


def test_fields_are_as_they_were_at_the_call():
    features, scores = {"a": 1.0}, {"ok": 0.5}
    item = record_item(None, {**FIELDS, "features": features, "scores": scores}, "id")
    features["a"] = scores["ok"] = 9.0
    features["b"] = 2.0
    kept = hs.InferenceRecord.from_json(line_of(item))
    assert (kept.features, kept.scores) == ({"a": 1.0}, {"ok": 0.5})


def test_a_record_and_its_fields_are_the_same_line():
    record = hs.InferenceRecord(**FIELDS, created_at=NOW, features={"a": 1}, metadata=[1, {"b": 2}])
    fields = {"created_at": NOW, "features": {"a": 1}, "metadata": [1, {"b": 2}]}
    first = line_of(record_item(record, {}, "id"))
    assert first == line_of(record_item(None, {**FIELDS, **fields}, "id"))
    assert hs.InferenceRecord.from_json(first).record_id == "id"


WRONG = {
    "a field that is none": {"nonsense": 1},
    "a field that is missing": {"model_version": None},
    "a number that is none": {"latency_ms": float("nan")},
    "an id that is a number": {"record_id": 7},
    "an array as id": {"record_id": np.array([1, 2])},
    "features without names": {"features": {1: 2}},
    "metadata that is no JSON": {"metadata": object()},
    "metadata without end": {"metadata": [[[["x" * (9 << 20)]]]]},
    "a time without zone": {"created_at": datetime(2026, 1, 1)},
    "half a character": {"predicted_label": "\ud800"},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_record_is_rejected_and_raises_nothing(name, fake, adds_up):
    told = []
    with fake.client(on_rejected=told.append) as client:
        sent = client.send(**{**FIELDS, **WRONG[name]})
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.given, stats.rejected, stats.sent) == (1, 1, 0)
    assert [(each.kind, each.record_id) for each in told] == [("record", sent)]


def test_neither_is_anything_else(fake, adds_up):
    told = []
    with fake.client(on_rejected=told.append) as client:
        client.send({"model_version": "v1"})
        client.send(hs.InferenceRecord.dummy_ok(), model_version="v2")
        client.label("a", float("inf"))
        client.label("a", [1])
        client.label(7, "ok")
        client.label("", "ok")
        client.label("a", "ok", time="yesterday")
        client.label("a", "ok", time=7)
        client.label("a", "ok", model=7)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.given, stats.rejected) == (9, 9)
    fields = [
        "record",
        "record",
        "label",
        "label",
        "record_id",
        "record_id",
        "time",
        "time",
        "model",
    ]
    assert sorted(each.field for each in told) == sorted(fields)


def test_labels_with_values_of_numpy_are_plain(fake):
    with fake.client() as client:
        client.label("a", np.int64(3), time=NOW)
        client.label("b", None)
        assert client.flush(30)
    lines = [line for request in fake.requests for line in request[2]]
    assert lines == [
        {"record_id": "a", "label": 3, "time": "2026-01-01T12:00:00Z"},
        {"record_id": "b", "label": None},
    ]


def test_ids_are_nobody_elses_and_ones_own_are_kept(fake):
    with fake.client() as one, fake.client() as other:
        ids = [client.send(**FIELDS) for client in (one, other) for _ in range(500)]
        own = one.send(**FIELDS, record_id="mine")
        record = hs.InferenceRecord(**FIELDS, created_at=NOW, record_id="recorded")
        assert one.send(record) == "recorded"
        assert one.flush(30)
        assert other.flush(30)
    assert own == "mine"
    assert len(set(ids)) == 1000
    assert fake.known == {*ids, "mine", "recorded"}


def test_fields_without_a_time_get_that_of_the_call(fake):
    before = datetime.now(UTC)
    with fake.client() as client:
        client.send(**FIELDS)
        after = datetime.now(UTC)
        assert client.flush(30)
    made = datetime.fromisoformat(fake.requests[0][2][0]["created_at"])
    assert before - timedelta(milliseconds=1) <= made <= after


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "3650", "-subj", "/CN=here",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_who_cannot_prove_to_be_the_service_gets_nothing(certificate, fake, adds_up):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    fake._server.socket = server.wrap_socket(fake._server.socket, server_side=True)
    url = fake.url.replace("http:", "https:")
    with hs.Client(url, "t", linger=0.0, backoff=0.001) as stranger:
        stranger.send(**FIELDS)
        while not stranger.stats.retried:
            assert not stranger.flush(0.01)
        assert "certificate verify failed" in stranger.stats.last_error
        stranger.close(0.0)
    assert not fake.requests
    trusted = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    with hs.Client(url, "t", linger=0.0, context=trusted) as client:
        client.send(**FIELDS)
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 1
