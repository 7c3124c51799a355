"""What the dashboard is told, held against the records themselves."""

import asyncio
import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from house import House, record

from homeostat.dashboard import charts
from homeostat.dashboard.happening import Happening
from homeostat.dashboard.happenings import OFTEN, Happenings
from homeostat.dashboard.sparks import Sparks
from homeostat.dashboard.states import Facts, state_of
from homeostat.dashboard.stories import stories
from homeostat.runtime.cells import MINUTE
from homeostat.service.views import _changes
from homeostat.stores import audit, silences
from homeostat.stores.store import Stored
from homeostat.times import parse, to_micros

START = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017


def records(n, minutes=1.0, **changes):
    """Records, every third of them wrong, every fifth without a label."""
    return [
        record(
            k, created_at=(START + timedelta(minutes=minutes * k)).isoformat(),
            ground_truth_label=None if k % 5 == 0 else "ab"[k % 3 == 0], latency_ms=5 + k % 4,
            **changes,
        )
        for k in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    one = House(tmp_path_factory.mktemp("views") / "data")
    one.send(*records(600, model="shop"))
    one.send(*records(20, model="small"))
    yield one
    one.close()


def test_charts_are_the_sums_of_the_records(full):
    asked = "start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&points=20"
    told = full("GET", f"/v1/models/shop/charts?{asked}").json()
    step = told["step_seconds"] * 1000
    own = [(to_micros(parse(r["created_at"])) // 1000, r.get("ground_truth_label"))
           for r in records(600)]  # fmt: skip
    for at, n, value in zip(told["at"], told["records"],
                            told["metrics"]["accuracy"]["value"], strict=True):  # fmt: skip
        inside = [label for when, label in own if at <= when < at + step]
        known = [label for label in inside if label is not None]
        assert n == len(inside)
        assert value == pytest.approx(known.count("a") / len(known), abs=1e-6)
    assert sum(told["records"]) == 600


def test_the_interval_is_wilsons(full):
    told = full("GET", "/v1/models/shop/charts?points=30").json()["metrics"]["accuracy"]
    z = 1.959963984540054
    for p, n, low, high in zip(*(told[k] for k in ("value", "n", "low", "high")), strict=True):
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        assert (low, high) == pytest.approx((middle - half, middle + half), abs=2e-6)


def test_no_peak_disappears(full):
    told = full("GET", "/v1/models/shop/charts?points=10").json()["metrics"]["latency_ms"]
    assert min(told["least"]) == 5.0
    assert max(told["most"]) == 8.0


@pytest.mark.parametrize("most", [10, 100, 300])
@pytest.mark.parametrize("span", [MINUTE, 60 * MINUTE, 1440 * MINUTE, 525_600 * MINUTE])
def test_there_are_no_more_points_than_asked_for(span, most):
    step = charts.step_of(span, most)
    assert step % MINUTE == 0
    assert span / step <= most or step == 43_200 * MINUTE


def test_the_newest_points_are_provisional_while_labels_are_to_come():
    at = np.arange(10) * 1000
    table = np.zeros((10, 8))
    table[:, 0], table[:, 1] = 100, 95
    assert charts.provisional_from(at, table) is None
    table[8:, 1] = 40, 3
    assert charts.provisional_from(at, table) == 8000
    table[:, 1] = 0
    assert charts.provisional_from(at, table) is None


def test_sparks_read_bit_by_bit_are_those_read_at_once(tmp_path):
    house = House(tmp_path / "data")
    try:
        given = records(3_000, minutes=0.7, model="m")
        bit = Sparks()
        for at in range(0, len(given), 250):
            house.send(*given[at : at + 250])
            newest = to_micros(parse(given[at + 249]["created_at"]))
            bit.read(house.wires.reader, 1, "m", newest, (at,), 0)
            whole = Sparks()
            whole.read(house.wires.reader, 1, "m", newest, (at,), 0)
            assert bit.of("m").told == whole.of("m").told
    finally:
        house.close()


def test_the_fleet_is_a_page_of_what_the_token_is_for(full):
    red = full.token("read", models="sm")
    assert [row["model"] for row in full("GET", "/v1/fleet", token=red).json()["models"]] == [
        "small"
    ]
    told = full("GET", "/v1/fleet?search=shop").json()
    assert [row["model"] for row in told["models"]] == ["shop"]
    assert told["models"][0]["records"] == 600
    assert told["models"][0]["labels"] == 480
    none = full("GET", "/v1/fleet?limit=1&offset=5").json()
    assert (none["total"], none["models"]) == (2, [])
    assert full("GET", "/v1/fleet?state=ill").status_code == 422
    assert full("GET", "/v1/decisions", token=red).json() == {"stories": [], "waiting": []}


def test_the_delay_is_from_the_record_to_its_label(tmp_path):
    house = House(tmp_path / "data")
    try:
        house.send(*(record(k, created_at=START.isoformat(), model="m") for k in range(100)))
        labels = [
            {"record_id": f"r{k}", "label": "a", "model": "m",
             "time": (START + timedelta(minutes=k)).isoformat()}
            for k in range(100)
        ]  # fmt: skip
        house.send(*labels, path="/v1/labels")
        told = house("GET", "/v1/models/m/delay").json()
        assert told["n"] == 100
        assert told["p50"] == pytest.approx(49.5 * 60)
        assert dict(map(tuple, told["within"]))[3600] == pytest.approx(0.61)
    finally:
        house.close()


def happening(seq, kind, **event):
    return Happening(seq, kind, event, seq * 60_000, seq)


ALARM = happening(1, "DriftDetected", detector="adwin", metric="error", direction="worse",
                  observed=0.3, threshold=0.1)  # fmt: skip
INPUTS = happening(2, "DriftDetected", detector="inputs", metric="inputs", direction="change",
                   evidence={"columns": ["amount"]})  # fmt: skip
WELL = {"records": 1000, "labelled": 900, "coverage": 0.9}


@pytest.mark.parametrize(
    ("facts", "word", "said"),
    [
        (Facts([], [], **WELL), "healthy", "no alarm"),
        (Facts([ALARM], [], **WELL), "degraded", "error got worse: 0.3"),
        (Facts([INPUTS], [], **WELL), "drifting", "inputs drifted: amount"),
        (Facts([INPUTS, ALARM], [], **WELL), "degraded", "(+1 more)"),
        (Facts([], ["Accuracy"], **WELL), "degraded", "Accuracy failed"),
        (
            Facts([INPUTS], [], "accuracy 0.5, usually 0.9", **WELL),
            "degraded",
            "usually 0.9; inputs",
        ),
        (Facts([ALARM], [], None, "m-1", "running", **WELL), "retraining", "m-1 is running; error"),
        (Facts([], [], None, None, "", "v2", **WELL), "retraining", "v2 is compared"),
        (Facts([], [], None, None, "", "v2", True, **WELL), "retraining", "v2 has won"),
        (Facts([], []), "provisional", "no record"),
        (Facts([], [], records=9, learning=(9, 500)), "provisional", "9 of 500"),
        (Facts([], [], records=900, labelled=3, coverage=0.01), "provisional", "3 labels"),
    ],
    ids=range(12),
)
def test_states(facts, word, said):
    state = state_of(facts)
    assert state.word == word
    assert said in state.reason


def test_a_story_goes_from_drift_to_rollback():
    told = [
        ALARM,
        happening(2, "RetrainRequested", reason="drift"),
        happening(3, "RetrainQueued", job="m-1", causes=[1, 2], reason="drift"),
        happening(4, "RetrainStarted", job="m-1", causes=[1, 2]),
        happening(5, "RetrainSucceeded", job="m-1", version="v2"),
        happening(6, "ChallengerRegistered", job="m-1", version="v2", model_version="v1"),
        happening(7, "ModelPromoted", job="m-1", challenger="v2", model_version="v1"),
        INPUTS.__class__(8, "DriftDetected", INPUTS.event, 8, 8),
        happening(9, "ModelRolledBack", job="m-1", challenger="v2", model_version="v1"),
    ]
    first, second = stories("m", told)
    assert (first.job, first.outcome) == ("m-1", "rolled back")
    assert [step.seq for step in first.steps] == [1, 2, 3, 4, 5, 6, 7, 9]
    assert (second.job, second.outcome) == (None, "alarm")


class Log:
    """A store that has only events."""

    def __init__(self, *kinds):
        event = {"created_at": "2026-01-01T00:00:00Z", "job": "m-1", "requests": 3}
        self.told = [
            Stored(seq, kind, json.dumps({kind: event}).encode(), seq)
            for seq, kind in enumerate(kinds, 1)
        ]

    def events(self, model, after, limit):
        return self.told[after : after + limit]


@pytest.mark.parametrize("kind", OFTEN)
def test_what_comes_often_pushes_no_decision_out(kind):
    log, story = Log("RetrainQueued", kind, "ModelPromoted", *[kind] * 900), Happenings().of("m")
    story.read(log, 1, 903)
    kinds = [each.kind for each in story.latest]
    assert kinds == ["RetrainQueued", "ModelPromoted", *[kind] * 200]
    assert [each.outcome for each in stories("m", story.latest) if each.job == "m-1"] == [
        "promoted"
    ]
    assert story.newest.seq == story.latest[-1].seq == 903


def silence(house, until, **more):
    body = json.dumps({"until": until, "reason": "known"}).encode()
    return house("POST", "/v1/models/default/silence", body, **more)


def test_silence_is_kept_with_who_asked_and_can_end(house):
    house.send(record())
    until = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()  # noqa: UP017
    assert silence(house, until, token="read").status_code == 403
    assert silence(house, until).status_code == 200
    kept = silences.of(house.wires.reader, "default")
    assert kept.covers(kept.since)
    assert not kept.covers(kept.until)
    assert house("GET", "/v1/fleet").json()["models"][0]["silenced_until"] == kept.until // 1000
    (entry,) = [e for e in audit.entries(house.wires.reader) if e.action == "silence"]
    assert entry.actor.startswith("token:")
    assert silence(house, None).json()["silenced_until"] is None
    assert silences.of(house.wires.reader, "default").since == kept.since


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", 7, "soon"])
def test_no_silence_that_cannot_be(house, until):
    house.send(record())
    assert silence(house, until).status_code == 422
    assert silences.of(house.wires.reader, "default") is None


def test_what_changes_is_streamed(full):
    async def first_change():
        stream = _changes(full.wires, lambda name: name == "small", lambda: asyncio.sleep(0, True))
        hello = await anext(stream)
        await full.asked("POST", "/v1/records", json.dumps(
            [record(9_000, model=m, created_at="2026-01-03T00:00:00Z") for m in ("small", "shop")]
        ).encode())  # fmt: skip
        async with asyncio.timeout(20):
            async for part in stream:
                if part.startswith(b"event: changed"):
                    await stream.aclose()
                    return hello, json.loads(part.partition(b"data: ")[2])
        return None

    hello, told = full.run(first_change())
    assert b"event: hello" in hello
    assert told["changed"] == ["small"]
    assert full.wires.listeners == 0
