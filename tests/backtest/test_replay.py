"""The same log and configuration give the same events, byte for byte."""

import json

import pytest
from click.testing import CliRunner
from till import SETTINGS, Till, made, trade

from homeostat.backtest.replay import difference, lines, models_of, recorded, replayed
from homeostat.cli.group import cli
from homeostat.errors import InvalidSetting
from homeostat.events import RetrainRequested
from homeostat.stores import open_store, pruning


@pytest.fixture
def till(tmp_path):
    made = Till(tmp_path / "data")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traded")
    till = Till(folder / "data")
    trade(till, 1)
    till.store.close()
    (folder / "same.toml").write_text(SETTINGS)
    (folder / "other.toml").write_text(SETTINGS.replace("0.55", "0.7"))
    return folder


def homeostat(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def texts(events):
    return [bytes(line.event).decode() for line in events]


@pytest.mark.parametrize("seed", range(6))
def test_a_replay_tells_what_was_told(till, seed):
    trade(till, seed)
    (model,) = models_of(till.store)
    log = texts(recorded(till.store, model))
    assert texts(lines(model, replayed(till.store, model, till.fleet.engine_of))) == log
    assert {json.loads(each).popitem()[0] for each in log} >= {
        "DriftDetected", "RetrainRequested", "ModelPromoted",
    }  # fmt: skip


def test_a_label_that_changes_changes_what_comes_after_and_not_before(till):
    """Ten right, ten wrong of the window; the wrong are set right before more comes."""
    till.send(*(made(k, "yes") for k in range(30)))
    till.label(*((k, "no") for k in range(15, 30)))
    till.send(made(30, "yes"))
    till.label(*((k, "yes") for k in range(15, 30)))
    till.send(*(made(k, "yes") for k in range(31, 60)))
    (model,) = models_of(till.store)
    log = list(recorded(till.store, model))
    assert any(RetrainRequested.__name__ in text for text in texts(log))  # the drop was seen
    again = lines(model, replayed(till.store, model, till.fleet.engine_of))
    assert difference(again, iter(log)) is None


def test_the_first_difference_is_told(till):
    trade(till, 2)
    (model,) = models_of(till.store)
    log = list(recorded(till.store, model))
    shorter, longer = iter(log[:-1]), iter([*log, log[-1]])
    assert difference(iter(log), shorter).recorded is None
    found = difference(iter(log), longer)
    assert (found.replayed, found.seq) == (None, log[-1].seq)
    changed = [*log[:3], log[0], *log[4:]]
    assert difference(iter(log), iter(changed)).seq == 4


def test_events_that_retention_took_are_passed_over(till):
    trade(till, 2)
    (model,) = models_of(till.store)
    log = list(recorded(till.store, model))
    assert difference(iter(log), iter(log[5:])) is None


def test_a_model_that_is_not_there(till):
    till.send(made(1))
    with pytest.raises(InvalidSetting, match="'default'"):
        models_of(till.store, "defalt")


# The command --------------------------------------------------------------------------------------


def test_the_same_bytes_twice(traded):
    args = ["replay", "--data", traded / "data", "--config", traded / "same.toml", "--events"]
    for name in ("one.jsonl", "two.jsonl"):
        assert homeostat(*args, traded / name).exit_code == 0
    one, two = ((traded / name).read_bytes() for name in ("one.jsonl", "two.jsonl"))
    assert one == two
    first = json.loads(one.splitlines()[0])
    assert (first["model"], first["seq"], len(first["event"])) == ("default", 1, 1)


def test_check_says_so_when_all_is_as_recorded(traded):
    result = homeostat("replay", "--data", traded / "data", "--config", traded / "same.toml",
                       "--check")  # fmt: skip
    assert (result.exit_code, result.output) == (0, "default: as recorded\n")


def test_check_finds_another_configuration(traded):
    result = homeostat("replay", "--data", traded / "data", "--config", traded / "other.toml",
                       "--check")  # fmt: skip
    assert result.exit_code == 1
    assert "is not as recorded. Recorded:" in result.output


def test_what_retention_took_is_told_and_cannot_be_checked(tmp_path):
    till = Till(tmp_path / "data")
    trade(till, 3)
    with till.store.change():
        pruning.forget_facts(till.store, 1, till.ledger.accounts["default"].position // 2)
    till.store.close()
    (tmp_path / "same.toml").write_text(SETTINGS)
    args = ["replay", "--data", tmp_path / "data", "--config", tmp_path / "same.toml"]
    plain = homeostat(*args)
    assert (plain.exit_code, "retention has taken the first" in plain.output) == (0, True)
    checked = homeostat(*args, "--check")
    assert (checked.exit_code, "cannot be checked" in checked.output) == (1, True)


def test_a_replay_changes_nothing(traded):
    before = (traded / "data" / "homeostat.db").read_bytes()
    homeostat("replay", "--data", traded / "data", "--config", traded / "same.toml")
    assert (traded / "data" / "homeostat.db").read_bytes() == before


# What if ------------------------------------------------------------------------------------------


def test_with_the_same_settings_nothing_differs(traded):
    result = homeostat("whatif", "--data", traded / "data", "--config", traded / "same.toml",
                       "-o", "json")  # fmt: skip
    found = json.loads(result.output)
    assert found["differences"] == 0
    assert all(then == now > 0 for then, now in found["kinds"].values())


def test_with_other_settings_it_shows_what_would_have_been(traded):
    args = ["whatif", "--data", traded / "data", "--config", traded / "other.toml", "-o"]
    found = json.loads(homeostat(*args, "json").output)
    then, now = found["kinds"]["RetrainRequested"]
    assert now > then
    stretch = next(each for each in found["timelines"] if each["kind"] == "RetrainRequested")
    assert (sum(stretch["then"]), sum(stretch["now"])) == (then, now)
    assert all("RetrainRequested" in event for event in found["only_now"])
    store = open_store(traded / "data", read_only=True)
    log = [json.loads(text) for text in texts(recorded(store, models_of(store)[0]))]
    store.close()
    assert all(event in log for event in found["only_then"])
    moments = [each["RetrainRequested"]["created_at"] for each in log if "RetrainRequested" in each]
    now = [event["RetrainRequested"]["created_at"] for event in found["only_now"]]
    assert not set(now) & set(moments)
    shown = homeostat(*args, "table").output
    assert "Only now" in shown
