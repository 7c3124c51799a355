"""Alertmanager, files, standard output, Apprise."""

import json
import os
import sys
import types
from datetime import UTC, datetime

import msgspec
import pytest
from sinkworld import body_of, outgoing

from homeostat.errors import ConfigError, MissingExtra
from homeostat.events import DriftDetected, DriftEnded, DriftEvent, EpisodeEvent, SystemEvent
from homeostat.outbound.addresses import target_of
from homeostat.outbound.calling import Caller
from homeostat.outbound.secret import Secret
from homeostat.sinks import GiveUp, Retry
from homeostat.sinks.alertmanager import SEVERITY, Alertmanager, alert, alertmanager
from homeostat.sinks.apprise import Apprise, message
from homeostat.sinks.jsonl import JSONL
from homeostat.sinks.stdout import Stdout

AT = datetime(2026, 9, 21, 10, 0, tzinfo=UTC)
NOW = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 9, 21, 11, 0, tzinfo=UTC)


def event_of(event, seq=1):
    return outgoing("churn", seq, event.kind, event.to_json().encode())


BEGUN = event_of(DriftDetected(DriftEvent("v1", "error", 0.1, 0.2, AT, "adwin", "worse")))
ENDED = event_of(DriftEnded(EpisodeEvent("v1", "error", AT, 3, LATER, "adwin", "worse")), 2)


# Alertmanager -------------------------------------------------------------------------------------


def manager(receiver, token=None):
    target = target_of(receiver.url.replace("/hook", "/api/v2/alerts"), allow_http=True)
    return Alertmanager(target, Caller(allow_private=True, now=NOW.timestamp), 86_400.0, token)


def test_a_drift_is_an_alert_as_the_api_takes_it(receiver):
    manager(receiver).send(BEGUN)
    ((path, headers, body),) = receiver.requests
    assert (path, headers["content-type"]) == ("/api/v2/alerts", "application/json")
    assert json.loads(body) == [{
        "labels": {"alertname": "Drift", "model": "churn", "severity": "warning",
                   "metric": "error", "detector": "adwin", "affected_model": "v1"},
        "annotations": {"summary": "DriftDetected of churn", "event": "churn:1",
                        "direction": "worse", "observed": "0.2", "threshold": "0.1"},
        "startsAt": "2026-09-21T10:00:00Z", "endsAt": "2026-09-22T12:00:00Z",
    }]  # fmt: skip


def test_its_end_has_the_same_labels_and_ends_it():
    begun, ended = alert(BEGUN, NOW, 60.0), alert(ENDED, NOW, 60.0)
    assert begun["labels"] == ended["labels"]
    assert (ended["startsAt"], ended["endsAt"]) == ("2026-09-21T10:00:00Z", "2026-09-21T11:00:00Z")


def test_every_kind_that_leaves_has_a_severity():
    assert set(SEVERITY) == set(SystemEvent.kinds) - {"MetricUpdated"}


@pytest.mark.parametrize(("status", "error"), [(400, GiveUp), (413, GiveUp), (422, GiveUp),
                                               (404, Retry), (500, Retry), (302, Retry),
                                               (429, Retry)])  # fmt: skip
def test_what_alertmanager_refuses(receiver, status, error):
    receiver.replies = [(status, {})]
    with pytest.raises(error, match=str(status)):
        manager(receiver).send(BEGUN)


def test_a_token_goes_along(receiver, monkeypatch):
    monkeypatch.setenv("AM_TOKEN", "t0ken")
    manager(receiver, Secret("env:AM_TOKEN")).send(BEGUN)
    assert receiver.requests[0][1]["authorization"] == "Bearer t0ken"


def test_a_token_with_a_line_break_adds_no_header(receiver, monkeypatch):
    monkeypatch.setenv("AM_TOKEN", "t0ken\r\nX-Evil: 1")
    with pytest.raises(ConfigError, match="line break"):
        manager(receiver, Secret("env:AM_TOKEN")).send(BEGUN)
    assert receiver.requests == []


def test_alertmanager_from_its_settings():
    made = alertmanager("https://alerts.example/base/", lasts="2h")
    assert made._target == ("https", "alerts.example", 443, "/base/api/v2/alerts")
    with pytest.raises(ConfigError, match="https"):
        alertmanager("http://alerts.example")


# Files --------------------------------------------------------------------------------------------


def lines(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_a_line_for_each_event(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = JSONL(str(path))
    for seq in (1, 2):
        sink.send(outgoing(seq=seq))
    sink.close()
    first, _ = path.read_text().splitlines()
    assert json.loads(first) == {
        "id": "churn:1", "model": "churn", "seq": 1, "kind": "RetrainRequested",
        "event": json.loads(body_of("RetrainRequested", 1)),
    }  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd)))
    path = tmp_path / "events.jsonl"
    sink = JSONL(str(path))
    sink.send(outgoing(seq=1))
    sink.send(outgoing(seq=2))
    sink.close()
    size = path.stat().st_size
    assert synced == [size // 2, size]


def test_a_file_that_was_rotated_is_begun_anew(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = JSONL(str(path))
    sink.send(outgoing(seq=1))
    path.rename(tmp_path / "events.jsonl.1")
    sink.send(outgoing(seq=2))
    path.unlink()
    sink.send(outgoing(seq=3))
    sink.close()
    assert lines(path) == ["churn:3"]
    assert lines(tmp_path / "events.jsonl.1") == ["churn:1"]


def test_a_file_that_was_emptied_goes_on_from_its_beginning(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = JSONL(str(path))
    sink.send(outgoing(seq=1))
    os.truncate(path, 0)
    sink.send(outgoing(seq=2))
    sink.close()
    assert lines(path) == ["churn:2"]


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": "churn:1", "mod')
    sink = JSONL(str(path))
    sink.send(outgoing(seq=1))
    sink.close()
    torn, whole = path.read_text().splitlines()
    assert torn == '{"id": "churn:1", "mod'
    assert json.loads(whole)["id"] == "churn:1"


@pytest.mark.parametrize("fault", ["short", "write", "fsync"])
def test_what_could_not_be_written_is_taken_back(tmp_path, monkeypatch, fault):
    path = tmp_path / "events.jsonl"
    sink = JSONL(str(path))
    sink.send(outgoing(seq=1))
    before, write = path.read_bytes(), os.write

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if fault == "short":
            broken.setattr(os, "write", lambda fd, line: write(fd, line[:10]))
        else:
            broken.setattr(os, fault, full)
        with pytest.raises(Retry, match="No space left"):
            sink.send(outgoing(seq=2))
    assert path.read_bytes() == before
    sink.send(outgoing(seq=2))
    sink.close()
    assert lines(path) == ["churn:1", "churn:2"]


def test_a_folder_that_is_not_there_is_waited_for(tmp_path):
    path = tmp_path / "later" / "events.jsonl"
    sink = JSONL(str(path))
    with pytest.raises(Retry, match="No such file"):
        sink.send(outgoing())
    path.parent.mkdir()
    sink.send(outgoing())
    sink.close()
    assert lines(path) == ["churn:1"]


def test_standard_output(capsys):
    Stdout().send(outgoing(seq=3))
    assert json.loads(capsys.readouterr().out)["id"] == "churn:3"


def test_a_reader_that_has_gone_is_waited_for(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError("nobody reads")

    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(Retry, match="nobody reads"):
        Stdout().send(outgoing())


# Apprise ------------------------------------------------------------------------------------------


class Notifier:
    """Stands in for apprise.Apprise, which says False and raises nothing."""

    adds, notifies, told = True, True, []

    def add(self, url):
        return self.adds

    def notify(self, **told):
        self.told.append(told)
        return self.notifies


@pytest.fixture
def notifier(monkeypatch):
    own = type("Own", (Notifier,), {"told": []})
    monkeypatch.setitem(sys.modules, "apprise", types.SimpleNamespace(Apprise=own))
    monkeypatch.setenv("CHAT", "slack://secret-token")
    return own


def test_an_event_as_a_message(notifier):
    sink = Apprise(["env:CHAT"])
    sink.check()
    sink.send(BEGUN)
    (told,) = notifier.told
    assert told["title"] == "churn: DriftDetected"
    assert "observed: 0.2" in told["body"]
    assert "event: churn:1" in told["body"]


@pytest.mark.parametrize("answer", [False, None])
def test_an_address_that_apprise_does_not_know(notifier, answer):
    notifier.adds = answer
    with pytest.raises(ConfigError, match=r"urls\[0\]") as refused:
        Apprise(["env:CHAT"]).check()
    assert "secret-token" not in str(refused.value)


@pytest.mark.parametrize("answer", [False, None])
def test_a_message_that_was_not_taken(notifier, answer):
    notifier.notifies = answer
    with pytest.raises(Retry):
        Apprise(["env:CHAT"]).send(BEGUN)


def test_without_apprise_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setenv("CHAT", "slack://secret-token")
    with pytest.raises(MissingExtra, match=r"homeostat\[notify\]"):
        Apprise(["env:CHAT"]).check()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_the_real_apprise_posts_to_a_receiver(receiver, monkeypatch):
    pytest.importorskip("apprise")
    monkeypatch.setenv("CHAT", receiver.url.replace("http://", "json://"))
    sink = Apprise(["env:CHAT"])
    receiver.replies = [(200, {}), (500, {})]
    sink.send(BEGUN)
    assert json.loads(receiver.requests[0][2])["title"] == "churn: DriftDetected"
    with pytest.raises(Retry):
        sink.send(BEGUN)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_the_real_apprise_refuses_what_it_does_not_know(monkeypatch):
    pytest.importorskip("apprise")
    monkeypatch.setenv("CHAT", "nonsense")
    with pytest.raises(ConfigError, match=r"urls\[0\]"):
        Apprise(["env:CHAT"]).check()


def test_a_message_holds_no_nested_evidence():
    told = {"DriftDetected": {"metric": "error", "evidence": {"rows": [1, 2]}}}
    _, body = message(outgoing(kind="DriftDetected", body=msgspec.json.encode(told)))
    assert body == "metric: error\nevent: churn:1"
