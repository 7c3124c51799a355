"""Which version answers between promotions: whoever is right lately, whatever dies in between."""

import random

import numpy as np
import pytest
from school import Hand, Killed, School, course_of

from homeostat import AccuracyMetric
from homeostat.engine import Engine
from homeostat.errors import ConfigError, HomeostatError
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.course import course_of as course_from
from homeostat.runtime import crash
from homeostat.runtime.following import Following
from homeostat.runtime.ground import NotNow
from homeostat.runtime.leading import Leading, Piece
from homeostat.runtime.trainings import Care
from homeostat.stores import versions

NEVER = {"minimum": 10**6}  # a comparison that does not end by itself


def leading(tmp_path, compare=None, **leader):
    school = School(tmp_path, course_of(
        compare=NEVER | (compare or {}),
        leader={"versions": 5, "among": "registered", "lasts": 200} | leader,
    ), lambda name: Engine([AccuracyMetric(20)]))  # fmt: skip
    school.scorer.of = {"v1": "yes", "w1": "no", "w2": "maybe"}
    return school


def trained(school, name):
    """A version is made and compared from now on."""
    school.act(lambda loop: loop.jobs.retrain("anna"))
    school.step()
    handle = [*school.trainer.orders][-1]
    school.trainer.succeed(handle, version=name, artifact=f"models:/{name}")
    school.step()


def serves(school):
    return school.loop.standing.serves


def changes(school):
    return [(e["model_version"], e["previous"]) for e in school.told("LeaderChanged")]


def weights(school):
    return versions.lead_of(school.store, school.account().number).share["weights"]


@pytest.fixture
def school(tmp_path):
    one = leading(tmp_path)
    one.traffic(range(20))
    yield one
    one.store.close()


def test_whoever_is_right_lately_answers_and_the_champion_stays(school):
    trained(school, "w1")
    assert (serves(school), school.loop.standing.leader) == ("v1", None)
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    assert serves(school) == "w1"
    assert school.loop.standing.champion == "v1"
    school.traffic(range(200, 260), "no", "yes", "w1")  # as it was before
    school.step()
    assert serves(school) == "v1"
    assert school.loop.standing.leader is None
    assert changes(school) == [("w1", "v1"), ("v1", "w1")]
    assert sum(weights(school).values()) == pytest.approx(1)
    told = school.told("LeaderChanged")[0]
    assert told["weights"]["w1"] > told["weights"]["v1"]
    assert told["created_at"].startswith("2026-03-01T00:02:3")


def test_what_a_version_was_trained_on_does_not_count_for_it(school):
    school.traffic(range(100, 200), "yes", "no")
    school.step()
    trained(school, "w1")  # right on all of the latest 100
    assert serves(school) == "v1"
    assert school.loop.lead is not None
    school.traffic(range(300, 301), "yes", "no")
    school.step()
    assert serves(school) == "w1"  # of equals one label decides


def test_among_promoted_nobody_leads_who_has_not_won(tmp_path):
    school = leading(tmp_path, among="promoted")
    school.traffic(range(20))
    trained(school, "w1")
    school.traffic(range(100, 200), "yes", "no")
    school.step()
    assert serves(school) == "v1"
    school.act(lambda loop: loop.promote(by="anna"))
    assert serves(school) == "w1"
    school.step()
    school.traffic(range(300, 360), "no", "yes", "w1")
    school.step()
    assert (serves(school), school.loop.standing.champion) == ("v1", "w1")


def test_a_promotion_gives_the_lead_at_once_until_labels_say_otherwise(school):
    trained(school, "w1")
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    trained(school, "w2")
    school.act(lambda loop: loop.promote("w2", by="anna"))
    assert (serves(school), school.loop.standing.leader) == ("w2", None)
    assert changes(school)[-1] == ("w2", "w1")
    school.step()
    assert serves(school) == "w2"
    school.traffic(range(200, 230), "maybe", "no", "w2")
    school.step()
    assert serves(school) == "w1"


@pytest.mark.parametrize("how", ["rejected", "taken back"])
def test_who_is_rejected_or_taken_back_answers_no_more(school, how):
    trained(school, "w1")
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    assert serves(school) == "w1"
    if how == "rejected":
        school.act(lambda loop: loop.reject(by="anna"))
    else:
        school.act(lambda loop: loop.promote(by="anna"))
        school.step()
        school.act(lambda loop: loop.roll_back(by="anna"))
    assert serves(school) == "v1"
    school.traffic(range(200, 300), "yes", "no")
    school.step()
    assert serves(school) == "v1"
    assert "w1" not in weights(school)


def test_an_undecided_version_may_lead_later(tmp_path):
    school = leading(tmp_path, compare={"patience": 10})
    school.traffic(range(20))
    trained(school, "w1")
    school.traffic(range(100, 105))
    school.step()
    assert school.told("ChallengerUndecided")
    school.traffic(range(200, 260), "yes", "no")
    school.step()
    assert serves(school) == "w1"


def test_only_the_latest_so_many_and_the_champion_take_part(tmp_path):
    school = leading(tmp_path, versions=3)
    school.traffic(range(20))
    for name in ("w1", "w2", "w3"):
        trained(school, name)
        school.traffic(range(100, 103))
        school.step()
    assert [*weights(school)] == ["v1", "w2", "w3"]


class Broken:
    """A scorer that cannot ask some versions."""

    def __init__(self, scorer, versions, error=HomeostatError):
        self.scorer, self.versions, self.error, self.asked = scorer, versions, error, 0

    def predict(self, version, batch):
        if version.version in self.versions:
            self.asked += 1
            raise self.error("away")
        return self.scorer.predict(version, batch)


def asked_by(school, scorer):
    care = Care(school.course, school.trainer, scorer)
    school.following = Following(
        school.store, school.change, lambda _: care, lambda: school.now
    )  # fmt: skip
    return scorer


SOON = 11_000_000


@pytest.mark.parametrize("error", [HomeostatError, KeyError])
def test_a_version_that_cannot_be_asked_does_not_lead(school, error):
    trained(school, "w1")
    trained(school, "w2")
    usual, scorer = school.following, asked_by(school, Broken(school.scorer, {"w1"}, error))
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    assert list(weights(school).values()) == pytest.approx([1 / 3] * 3)  # it waits for a second try
    school.step()
    assert scorer.asked == 1
    school.now += SOON
    school.step()
    assert (serves(school), scorer.asked) == ("v1", 2)
    assert weights(school)["w1"] == pytest.approx(weights(school)["v1"])  # both are wrong
    school.following = usual
    school.traffic(range(200, 260), "yes", "no")
    school.step()
    assert serves(school) == "w1"


def test_one_failure_costs_no_label(school):
    trained(school, "w1")
    usual = school.following
    asked_by(school, Broken(school.scorer, {"w1"}))
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    assert serves(school) == "v1"
    school.following = usual
    school.step()
    assert serves(school) == "w1"


def test_where_none_can_be_asked_all_waits(school):
    trained(school, "w1")
    asked_by(school, Broken(school.scorer, {"v1", "w1"}))
    school.traffic(range(100, 160), "yes", "no")
    for _ in range(5):
        school.step()
        school.now += SOON
    assert weights(school) == {"v1": 0.5, "w1": 0.5}
    asked_by(school, school.scorer)
    school.step()
    assert serves(school) == "w1"


def test_a_model_that_is_not_taken_care_of_any_more_holds_up_nobody(school):
    trained(school, "w1")

    def gone(name, do):
        raise NotNow("it is not taken care of any more")

    school.following = Following(school.store, gone, lambda _: Care(Course()), lambda: school.now)
    assert not school.following.step()


def test_a_person_can_say_that_one_leads_no_more(school):
    trained(school, "w1")
    trained(school, "w2")
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    assert serves(school) == "w1"
    for version, problem in (("v1", "is the champion"), ("w9", "no version 'w9' that may lead")):
        with pytest.raises(NotNow, match=problem):
            school.act(lambda loop, version=version: loop.reject(version, by="anna"))
    school.act(lambda loop: loop.reject("w1", by="anna", reason="it leaks"))
    assert serves(school) == "v1"
    assert school.loop.standing.challenger == "w2"  # which is compared as before
    told = school.told("ChallengerRejected")[-1]
    assert (told["challenger"], told["by"], told["reason"]) == ("w1", "anna", "it leaks")
    school.traffic(range(200, 230), "yes", "no")
    school.step()
    assert "w1" not in weights(school)


def past(tmp_path):
    """A model with versions that have served, that is rejected, and that is undecided."""
    school = leading(tmp_path, versions=0)
    school.traffic(range(20))
    trained(school, "w1")
    school.act(lambda loop: loop.promote(by="anna"))
    trained(school, "w2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.act(lambda loop: loop.roll_back(by="anna"))
    trained(school, "w3")
    school.act(lambda loop: loop.reject(by="anna"))
    trained(school, "w4")
    trained(school, "w5")
    assert versions.led(school.store) == set()
    school.store.close()


def again(tmp_path, **leader):
    return School(tmp_path, course_of(
        compare=NEVER, leader={"versions": 9, "among": "registered", "lasts": 200} | leader
    ), lambda name: Engine([AccuracyMetric(20)]))  # fmt: skip


@pytest.mark.parametrize(
    ("leader", "members"),
    [
        ({}, {"v1", "w1", "w4", "w5"}),
        ({"among": "promoted"}, {"v1", "w1"}),
        ({"versions": 3}, {"w1", "w4", "w5"}),
    ],
)
def test_switched_on_those_take_part_whom_the_log_tells_of(tmp_path, leader, members):
    past(tmp_path)
    school = again(tmp_path, **leader)
    school.step()
    assert (serves(school), school.loop.standing.champion) == ("w1", "w1")
    school.scorer.of = {"v1": "no", "w1": "yes"}
    school.traffic(range(200, 260), "yes", "no", "w1")
    school.step()
    assert weights(school).keys() == members
    assert serves(school) == ("v1" if "v1" in members else "w1")
    school.store.close()


def test_where_others_may_lead_it_begins_anew(tmp_path):
    past(tmp_path)
    school = again(tmp_path)
    school.step()
    school.scorer.of = {"v1": "yes", "w1": "yes", "w4": "no"}
    school.traffic(range(200, 260), "yes", "no", "w1")
    school.step()
    assert serves(school) == "w4"  # which was never promoted
    school.store.close()
    school = again(tmp_path, among="promoted")
    school.step()
    assert serves(school) == "w1"
    school.traffic(range(300, 303), "yes", "no", "w1")
    school.step()
    assert weights(school).keys() == {"v1", "w1"}
    school.store.close()


def test_labels_that_came_before_a_version_was_known_wait_for_what_it_says(school):
    trained(school, "w1")
    school.traffic(range(100, 130), "yes", "no")
    position = school.account().position
    at = versions.lead_of(school.store, school.account().number)
    piece = Piece(position, 30, 0, {"v1": np.ones(30)})  # asked for before w1 was there
    school.act(lambda loop: loop.lead.scored(at.cursor, [piece]))
    after = versions.lead_of(school.store, school.account().number)
    assert after.cursor == at.cursor
    assert after.share["weights"]["v1"] == pytest.approx(0.5)
    school.step()
    assert serves(school) == "w1"


def test_a_promotion_counts_before_those_who_come_after_it(tmp_path):
    school = leading(tmp_path)
    school.traffic(range(20))
    trained(school, "w1")
    school.act(lambda loop: loop.promote(by="anna"))
    school.act(lambda loop: loop.roll_back(by="anna"))
    trained(school, "w2")
    school.scorer.of["w2"] = "yes"
    school.traffic(range(100, 101))
    school.step()
    assert weights(school) == pytest.approx({"v1": 0.5, "w2": 0.5})


def test_a_version_that_says_nothing_keeps_its_weight(school):
    trained(school, "w1")
    school.scorer.of["w1"] = None
    school.traffic(range(100, 160), "yes", "yes")
    school.step()
    assert weights(school)["w1"] == pytest.approx(0.5, abs=0.01)


def test_losses_that_come_twice_count_once(school):
    trained(school, "w1")
    pieces = []
    counted = Leading.scored
    Leading.scored = lambda self, began, those: (
        pieces.append((began, those)), counted(self, began, those)
    )  # fmt: skip
    try:
        school.traffic(range(100, 105), "yes", "no")
        school.step()
    finally:
        Leading.scored = counted
    before = weights(school)
    again = next(each for each in pieces if sum(piece.n for piece in each[1]) == 5)
    school.act(lambda loop: loop.lead.scored(*again))
    assert weights(school) == before
    assert before["w1"] > 0.5


def test_the_champion_is_compared_on_all_records_whoever_has_led(tmp_path):
    school = leading(tmp_path, compare={"minimum": 100, "watch": 0})
    school.scorer.of["w2"] = "no"
    school.traffic(range(20))
    trained(school, "w1")
    school.traffic(range(100, 130), "yes", "no")
    school.step()
    assert serves(school) == "w1"
    school.traffic(range(200, 300), "no", "no", "w1")  # all served by another than the champion
    school.step()
    told = school.told("ModelPromoted")[0]
    assert (told["n"], told["champion_accuracy"], told["challenger_accuracy"]) == (130, 0.0, 1.0)


def test_without_the_setting_the_champion_answers_again(tmp_path):
    school = leading(tmp_path)
    school.traffic(range(20))
    trained(school, "w1")
    school.traffic(range(100, 160), "yes", "no")
    school.step()
    school.store.close()
    again = School(tmp_path, course_of(compare=NEVER))
    again.scorer.of = school.scorer.of
    assert serves(again) == "w1"
    again.step()
    assert serves(again) == "v1"
    assert versions.led(again.store) == set()
    again.step()
    again.act(lambda loop: loop.promote(by="anna"))
    assert (serves(again), again.loop.standing.leader) == ("w1", None)
    again.store.close()


# Whatever dies in between -------------------------------------------------------------------------


def lived(folder, seed, steps, monkeypatch=None):
    """A history that is the same whenever the workers come to look, and how it ended."""
    chance = random.Random(seed)
    folder.mkdir()
    school = leading(folder)
    school.scorer.of |= {f"w{n}": answer for n, answer in ((3, "no"), (4, "yes"), (5, "maybe"))}
    school.traffic(range(20))
    school.step()
    number, right = 100, "yes"
    for block in range(30):
        if block % 6 == 5:
            trained(school, f"w{1 + block // 6}")
        if block == 20:
            school.act(lambda loop: loop.promote("w2", by="anna"))
        if chance.random() < 0.4:
            right = chance.choice(["yes", "no", "maybe"])
        n = chance.randint(1, 40)
        school.traffic(range(number, number + n), "yes", right)
        number += n
        steps(school, monkeypatch)
    school.following = getattr(school.following, "worker", school.following)
    school.step()
    found = [
        (e["model_version"], e["previous"], e["created_at"], e["weights"])
        for e in school.told("LeaderChanged")
    ]
    end = (found, weights(school), serves(school))
    school.store.close()
    return end


def at_each_block(school, monkeypatch):
    school.step()


def at_the_end(school, monkeypatch):
    """Versions come and are promoted while all is still to be counted."""
    if not isinstance(school.following, Away):
        school.following = Away(school.following)


class Away:
    """A worker that does nothing yet."""

    def __init__(self, worker):
        self.worker = worker

    def step(self):
        return False


def killed(school, monkeypatch):
    monkeypatch.setattr(crash, "os", Hand)
    crash._ARMED = random.choice([*crash.LEAD_POINTS, "before_commit"])
    try:
        school.step()
    except Killed:
        school.store.database.rollback()
        school.reopen(snapshot=False)
    crash._ARMED = ""
    school.step()


@pytest.mark.parametrize("seed", range(6))
def test_the_leader_is_a_function_of_the_log(tmp_path, seed, monkeypatch):
    often = lived(tmp_path / "often", seed, at_each_block)
    assert len(often[0]) > 3
    assert lived(tmp_path / "killed", seed, killed, monkeypatch) == often
    late = lived(tmp_path / "late", seed, at_the_end)
    assert late[1:] == often[1:]


# Settings -----------------------------------------------------------------------------------------

TRAINER = {"type": "command", "argv": ["train"]}
SCORER = {"type": "function", "function": "m:f"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"leader": {"versions": 3}}, r"leader: needs a scorer"),
        ({"scorer": SCORER, "leader": {"versions": 3}, "recall": {"versions": 2}},
         "does not go with recall"),
        ({"scorer": SCORER, "leader": {"versions": 3}, "compare": {"covariate": "score"}},
         "does not go with compare.covariate"),
        ({"scorer": SCORER, "leader": {"versions": 1}}, "0 or from 2 to 100"),
        ({"scorer": SCORER, "leader": {"versions": 2, "among": "all"}}, '"promoted" or'),
        ({"scorer": SCORER, "leader": {"versions": 2, "lasts": 1}}, "at least 2"),
        ({"scorer": SCORER, "leader": {"version": 2}}, "did you mean"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(given, problem):
    with pytest.raises(ConfigError, match=problem):
        course_from({"trainer": TRAINER, **given}, "models.m.retraining")


def test_nobody_leads_before_the_first_record(tmp_path):
    school = leading(tmp_path)
    assert school.ledger.accounts == {} or school.loop.standing is None
    school.traffic(range(3))
    with pytest.raises(NotNow):
        school.act(lambda loop: loop.roll_back(by="anna"))
    school.store.close()
