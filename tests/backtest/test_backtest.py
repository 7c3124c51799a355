"""Several strategies over one history: what they ask for, and what comes of it."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from history import TURNS, Mute, Side, broken, history

import homeostat as hs
from homeostat.backtest.alarms import uncalled, unprompted
from homeostat.backtest.comparing import trained, watched
from homeostat.backtest.contestants import Asking, contestants
from homeostat.backtest.outcome import Outcome, over_time
from homeostat.backtest.picture import pareto
from homeostat.backtest.proposals import propose
from homeostat.backtest.ruled import ruled
from homeostat.backtest.settings import parse
from homeostat.backtest.training import Lived, TrainingFailed
from homeostat.cli.group import cli
from homeostat.errors import ConfigError, InvalidInput
from homeostat.events import RetrainRequested
from homeostat.lifecycle.rules import Past, Rules, hindrance

SETTINGS = """\
[[metrics]]
type = "accuracy"
window = 50

[[detectors]]
type = "adwin"
on = "error"

[strategy]
type = "drift"

[backtest]
retraining_cost = 20
window = 200
around = 100

[strategies.low]
type = "threshold"
threshold = 0.8
hold = 5
cooldown = "30m"

[strategies.often]
type = "threshold"
threshold = 0.95

[strategies.ddm]
type = "drift"
detectors = [{ type = "ddm", on = "error" }]
"""
PLAN = parse(SETTINGS)
ALL = ["never", "every:700", "every:6h", "default", "low", "ddm", "cost"]


def pieces(batch, size):
    return (batch[at : at + size] for at in range(0, len(batch), size))


# Without training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 997, 3000])
def test_it_asks_where_an_engine_would(size):
    """Each strategy beside a monitor of its own, however history is cut."""
    past = history()
    report = watched(PLAN, contestants(PLAN, ALL), pieces(past, size))
    for name, strategy, detectors in (
        ("default", hs.DriftStrategy(), [hs.ADWIN(on="error")]),
        ("low", hs.ThresholdStrategy(0.8).hold(5).cooldown("30m"), [hs.ADWIN(on="error")]),
        ("ddm", hs.DriftStrategy(), [hs.drift.DDM(on="error")]),
    ):
        monitor = hs.ModelMonitor([hs.AccuracyMetric(50)], detectors, strategy)
        events = monitor.observe_batch(past)
        asked = events.of(RetrainRequested)
        found = report.strategies[name].events
        assert [each["record"] for each in found] == asked.rows.tolist(), name
        assert [each["reason"] for each in found] == [e.payload.reason for e in asked]
        assert found, name


def test_calendars_count_records_or_time():
    report = watched(PLAN, contestants(PLAN, ALL), pieces(history(), 256))
    rows = {name: [e["record"] for e in each.events] for name, each in report.strategies.items()}
    assert rows["never"] == []
    assert rows["every:700"] == [699, 1399, 2099, 2799]
    assert rows["every:6h"] == [360 * k for k in range(1, 9)]


def test_without_training_accuracy_is_as_recorded():
    report = watched(PLAN, contestants(PLAN, ALL), [history()])
    assert {each.accuracy for each in report.strategies.values()} == {0.5}
    never, every = report.strategies["never"], report.strategies["every:700"]
    assert (never.cost, every.cost) == (1500, 1500 + 4 * 20)
    assert every.regret is None


# Rules of the service -----------------------------------------------------------------------------

RULES = Rules(cooldown="10m", per_day=3, per_week=5)


@pytest.mark.parametrize("size", [1, 7, 997, 3000])
def test_under_rules_requests_pass_as_in_a_service(size):
    past = history()
    plain = contestants(PLAN, ["low", "every:700", "every:6h"])
    free = watched(PLAN, plain, [past]).strategies
    asked = {name: [e["record"] for e in each.events] for name, each in free.items()}
    passed: list[int] = []
    for record in asked["low"]:
        at = int(past.created_at[record])
        before = [int(past.created_at[one]) for one in reversed(passed)]
        if hindrance(RULES, Past(before), at) is None:
            passed.append(record)
    assert 0 < len(passed) < len(asked["low"])
    told = watched(PLAN, [ruled(each, RULES) for each in plain], pieces(past, size)).strategies
    found = {name: [e["record"] for e in each.events] for name, each in told.items()}
    assert found == {**asked, "low": passed}
    reasons = {e["record"]: e["reason"] for e in free["low"].events}
    assert [e["reason"] for e in told["low"].events] == [reasons[record] for record in passed]
    assert told["low"].suppressed == len(asked["low"]) - len(passed)
    assert told["every:700"].suppressed == free["low"].suppressed == 0


def test_under_rules_a_request_that_does_not_pass_trains_nothing():
    past = history()
    who = contestants(PLAN, ["often"])
    free = trained(PLAN, who, past, Side).strategies["often"]
    told = trained(PLAN, [ruled(each, RULES) for each in who], past, Side).strategies["often"]
    assert free.retrainings > 20
    assert told.retrainings == len(told.events) <= 3 * 3
    assert told.suppressed > 20
    rows = [e["record"] for e in told.events]
    assert all(b - a >= 10 for a, b in itertools.pairwise(rows))  # a record a minute


def test_rules_from_the_command_line(tmp_path):
    (tmp_path / "homeostat.toml").write_text(
        SETTINGS + '[retraining.trainer]\ntype = "command"\nargv = ["true"]\n'
        "[retraining.rules]\nper_day = 1\nper_week = 2\n"
    )
    path = tmp_path / "history.jsonl"
    path.write_text("".join(each.to_json() + "\n" for each in history()))
    given = [str(path), "--config", str(tmp_path / "homeostat.toml"), "--strategies", "often"]
    found = {}
    for options in ([], ["--rules"]):
        told = CliRunner().invoke(cli, ["backtest", *given, *options, "--output", "json"])
        assert told.exit_code == 0, told.output
        found[bool(options)] = json.loads(told.stdout)["strategies"]["often"]
    assert found[True]["retrainings"] <= 2 < found[False]["retrainings"]
    assert found[True]["suppressed"] == found[False]["retrainings"] - found[True]["retrainings"]
    shown = CliRunner().invoke(cli, ["backtest", *given, "--rules", "--output", "table"])
    assert "did not let pass: often" in " ".join(shown.output.split())


# False alarms -------------------------------------------------------------------------------------


def test_a_request_after_a_drop_is_none_of_them():
    correct = np.repeat(np.array([1, 0, 1], dtype=np.int8), 500)
    rows = np.array([450, 550, 1450])
    assert unprompted(correct, rows, around=100).tolist() == [True, False, True]


def test_records_without_label_do_not_count():
    correct = np.repeat(np.array([1, -1, 0], dtype=np.int8), 500)
    rows = np.array([900, 1050])
    assert unprompted(correct, rows, around=100).tolist() == [True, False]


def test_with_nothing_to_compare_no_drop_has_shown():
    correct = np.zeros(50, dtype=np.int8)
    assert unprompted(correct, np.array([10, 49]), around=100).tolist() == [True, True]


def test_known_changes_decide():
    rows = np.array([50, 100, 299, 301, 900])
    assert uncalled(rows, [800, 100], within=199).tolist() == [True, False, False, True, False]
    assert uncalled(rows, [], within=199).all()


def test_changes_are_told_to_the_report():
    report = watched(PLAN, contestants(PLAN, ["every:700"]), [history()], [TURNS])
    assert report.strategies["every:700"].false_alarms == 2  # at 699 and 1399


# With training ------------------------------------------------------------------------------------


def by_hand(past, every):
    """Right predictions of a model that is trained anew after every so many records."""
    right, model, end = 0, Side(past[:200]), 200
    for at in range(200, len(past)):
        one = past[at : at + 1]
        right += model.predict(one.features)[0] == one.ground_truth_label[0]
        if at - end + 1 == every:
            end = at + 1
            model = Side(past[end - 200 : end])
    return right / (len(past) - 200)


@pytest.mark.parametrize("every", [150, 700])
def test_a_calendar_is_what_it_is_by_hand(every):
    past = history()
    report = trained(PLAN, contestants(PLAN, [f"every:{every}"]), past, Side)
    found = report.strategies[f"every:{every}"]
    assert found.accuracy == pytest.approx(by_hand(past, every))
    assert (found.retrainings, report.first) == ((3000 - 200) // every, 200)


def test_what_is_retrained_after_the_turn_serves_again():
    report = trained(PLAN, contestants(PLAN, ALL), history(), Side)
    found = report.strategies
    assert found["never"].accuracy == pytest.approx((TURNS - 200) / 2800)
    assert found["low"].accuracy > 0.9
    first = found["low"].events[0]
    assert TURNS <= first["record"] < TURNS + 50
    assert (first["false_alarm"], first["became"]) == (False, "retrained")
    assert found["never"].cost == 1500
    least = min(each.cost for each in (*report.calendars.values(), found["never"],
                                       found["every:700"], found["every:6h"]))  # fmt: skip
    assert found["low"].regret == pytest.approx(found["low"].cost - least)


def test_nothing_depends_on_how_far_it_predicts_ahead(monkeypatch):
    whole = trained(PLAN, contestants(PLAN, ALL), history(), Side).to_dict()
    monkeypatch.setattr("homeostat.backtest.training._LEAST", 1)
    monkeypatch.setattr("homeostat.backtest.training._MOST", 3)
    assert trained(PLAN, contestants(PLAN, ALL), history(), Side).to_dict() == whole


def test_records_without_label_are_neither_learned_from_nor_counted():
    past = history(labelled=0.5)
    lived = Lived(past, Side, PLAN.settings)
    assert len(past[: lived.first].outcome.correct) == 200
    assert None not in past.take(lived.recent(2000)).ground_truth_label.tolist()
    report = trained(PLAN, contestants(PLAN, ["low"]), past, Side)
    assert report.strategies["low"].labelled == len(past[lived.first :].outcome.correct)


def test_a_gate_lets_only_what_is_better_serve():
    report = trained(PLAN, contestants(PLAN, ["low", "every:300"]), history(), Side, gate=True)
    became = [each["became"] for each in report.strategies["low"].events]
    assert "rejected" in became  # so soon after the turn most of the window is from before
    assert became[-1] == "retrained"
    assert report.strategies["low"].replaced == became.count("retrained")
    plain = report.strategies["every:300"]
    assert plain.replaced == plain.retrainings  # calendars have no gate


class Hearing(hs.ThresholdStrategy):
    """Counts how often another model began to serve."""

    heard = 0

    def renewed(self):
        Hearing.heard += 1


def test_a_strategy_hears_of_each_new_model_and_of_no_rejected_one():
    low = contestants(PLAN, ["low"])[0]
    spy = Asking(hs.any_of(low.asker.strategy, Hearing(0.01)))
    found = trained(PLAN, [low._replace(asker=spy)], history(), Side, gate=True).strategies["low"]
    assert found.retrainings > found.replaced > 0
    assert Hearing.heard == found.replaced


def test_a_training_that_fails_leaves_the_model_and_is_told():
    found = trained(PLAN, contestants(PLAN, ["every:700"]), history(), broken).strategies
    assert {each["became"] for each in found["every:700"].events} == {
        "failed: RuntimeError: out of memory"
    }
    assert found["every:700"].accuracy == pytest.approx((TURNS - 200) / 2800)


def test_what_cannot_be_trained_or_does_not_predict():
    with pytest.raises(InvalidInput, match="labelled records"):
        Lived(history(150), Side, PLAN.settings)
    with pytest.raises(TrainingFailed, match="one label a record"):
        trained(PLAN, contestants(PLAN, ["never"]), history(), Mute)


def test_a_proposal_is_tried_on_what_it_was_not_fitted_to():
    found = propose(PLAN, history(), Side)
    assert found.fitted.cost == min(each.cost for each in found.tried if each.settings)
    assert found.held_out.name == found.fitted.name
    assert found.calendar_held_out.name == found.calendar_fitted.name
    assert found.fitted.cost < found.calendar_fitted.cost  # it alone sees the turn
    lasted = (3000 - 2100 - 1) / 1440 / 30
    assert found.per_month == pytest.approx(found.held_out.retrainings / lasted)


# Figures ------------------------------------------------------------------------------------------


def test_accuracy_over_time_has_a_hundred_parts():
    correct = np.repeat(np.array([1, 0, -1], dtype=np.int8), 500)
    parts = over_time(correct)
    assert len(parts) == 100
    assert (parts[0], parts[50], parts[99]) == (1.0, 0.0, None)


def test_nobody_beats_those_on_the_front():
    points = [Outcome(str(n), accuracy, n, 0, 0, 1, 1) for n, accuracy in
              ((0, 0.5), (3, 0.4), (5, 0.7), (9, 0.7), (9, 0.8))]  # fmt: skip
    assert [(p.retrainings, p.accuracy) for p in pareto(points)] == [(0, 0.5), (5, 0.7), (9, 0.8)]


# The configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[backtest]\nwindw = 3", "backtest.windw: no such setting; did you mean 'window'"),
        ('[backtest]\nwindow = "3"', "backtest.window: must be"),
        ("[backtest]\nerror_cost = -1", "error_cost must be"),
        ("[backtest]\nwindow = 10\nheld_out = 10", "held_out must be"),
        ("strategies = 3", "strategies: must be tables"),
        ("[strategies]\nlow = 3", "strategies.low: must be a table"),
    ],
)
def test_what_is_wrong_is_named(text, problem):
    with pytest.raises(ConfigError) as raised:
        parse(text)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("lo", "did you mean 'low'"),
        ("every:0", "at least 1 record"),
        ("every:7x", "'every:7x'"),
    ],
)
def test_a_strategy_that_is_not_there(name, problem):
    with pytest.raises(ConfigError) as raised:
        contestants(PLAN, [name])
    assert problem in str(raised.value)


def test_a_faulty_table_is_named():
    plan = parse('[strategies.low]\ntype = "threshold"\nthreshhold = 0.8')
    with pytest.raises(ConfigError) as raised:
        contestants(plan, ["low"])
    assert "strategies.low.threshhold: no such setting" in str(raised.value)


def test_run_takes_the_same_file(tmp_path):
    (tmp_path / "homeostat.toml").write_text(SETTINGS)
    assert hs.config.load_file(tmp_path / "homeostat.toml").strategy == {"type": "drift"}


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "homeostat.toml").write_text(SETTINGS)
    lines = (record.to_json() for record in history())
    (tmp_path / "past.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def homeostat(*args):
    return CliRunner().invoke(cli, ["backtest", *args])


def test_the_command_writes_what_scripts_rely_on(here):
    result = homeostat("past.jsonl", "--config", "homeostat.toml", "--strategies", ",".join(ALL),
                       "--json", "out.json", "-o", "table")  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads((here / "out.json").read_text())["strategies"]
    assert list(found) == ALL
    for each in found.values():
        assert {"accuracy", "retrainings", "cost", "false_alarms", "events"} <= set(each)
    assert "nothing was retrained" in result.output


def test_the_command_trains_proposes_and_draws(here):
    result = homeostat("past.jsonl", "-s", "never,low", "-t", "history:Side", "--propose",
                       "--json", "out.json", "--picture", "out.svg", "-o", "table")  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads((here / "out.json").read_text())
    assert found["strategies"]["low"]["accuracy"] > 0.9
    assert "last 30 %, held out" in result.output
    assert "[strategies.proposed]" in result.output
    assert (here / "out.svg").read_text().startswith("<?xml")


def test_the_proposed_table_can_be_pasted(here):
    result = homeostat(
        "past.jsonl", "-s", "never", "-t", "history:Side", "--propose", "-o", "table"
    )
    table = "[strategies.proposed]" + result.output.partition("[strategies.proposed]")[2]
    assert contestants(parse(table), ["proposed"])[0].name == "proposed"


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--gate"], "--gate needs a trainer"),
        (["--propose"], "--propose needs a trainer"),
        (["--changes", "x"], "--changes: must be numbers of records"),
        (["-s", ","], "names none"),
        (["-t", "history"], "must be module:function"),
        (["-t", "history:Nothing"], "cannot be imported"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_what_cannot_be_asked_for(here, args, problem):
    result = homeostat("past.jsonl", *args)
    assert (result.exit_code, problem in result.output) == (2, True), result.output
