"""Earlier versions are tried again before anything is trained; and only as they may."""

import numpy as np
import pytest
from school import School, course_of, made

from homeostat.events import SystemEvent
from homeostat.lifecycle import Predictions
from homeostat.lifecycle.course import course_of as course_in
from homeostat.runtime.folding import folded
from homeostat.runtime.loop import RECALLED, TRAINED
from homeostat.stores import versions

NEVER_TOLD = {"RetrainStarted", "RetrainSucceeded", "RetrainFailed"}


@pytest.fixture
def school(tmp_path):
    one = School(tmp_path, course_of(recall={"versions": 5}))
    yield one
    one.store.close()


def succeed(school, version):
    """What runs makes this version."""
    school.step()
    (job,) = school.jobs("running")
    school.trainer.succeed(f"{job.id}/{job.token}", version=version)
    school.step()


def two_worlds(school):
    """v1 was right while "no" was, v2 is while "yes" is; then "no" is right again."""
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    succeed(school, "v2")
    school.act(lambda loop: loop.promote(by="anna"))
    before = len(school.events())
    school.traffic(range(200, 300), "yes", "no", "v2")
    return before


def test_an_earlier_version_that_is_better_now_takes_the_place_of_a_training(school):
    before = two_worlds(school)
    school.step()
    assert school.loop.standing.champion == "v1"
    kinds = [event.kind for event in school.events()[before:]]
    assert "RetrainQueued" in kinds
    assert not NEVER_TOLD & set(kinds)
    assert len(school.trainer.orders) == 1
    newest = school.jobs()[0]
    assert (newest.state, newest.version, newest.handle) == ("recalled", "v1", None)
    told = school.told("ChallengerRegistered")
    assert [each["origin"] for each in told] == [TRAINED, RECALLED]
    assert told[1]["job"] == newest.id
    assert told[1]["metrics"]["accuracy"] > told[1]["metrics"]["champion_accuracy"]
    promoted = school.told("ModelPromoted")[-1]
    assert (promoted["model_version"], promoted["challenger"]) == ("v2", "v1")
    assert promoted["reason"].startswith("an earlier version: the difference is above 0")
    assert promoted["job"] == newest.id
    assert newest.cause in promoted["causes"]
    assert school.registry.named["default", "champion"] == "v1"


def test_what_is_recalled_is_watched_and_can_be_taken_back(school):
    two_worlds(school)
    school.step()
    standing = school.loop.standing
    assert (standing.previous, standing.challenger, standing.watched) == ("v2", "v2", True)
    school.act(lambda loop: loop.roll_back(by="anna"))
    assert school.loop.standing.champion == "v2"


def test_a_training_may_go_on_beside(tmp_path):
    school = School(tmp_path, course_of(recall={"versions": 5, "instead": False}))
    two_worlds(school)
    school.step()
    assert school.loop.standing.champion == "v1"
    assert [job.state for job in school.jobs()] == ["recalled", "running", "succeeded"]
    recalled, running, _ = school.jobs()
    assert list(school.trainer.orders.values())[-1].base == "v1"
    school.trainer.succeed(f"{running.id}/1", version="v3")
    school.step()
    assert [each["version"] for each in school.told("ChallengerRegistered")] == ["v2", "v1", "v3"]
    assert school.told("ModelPromoted")[1]["job"] == recalled.id
    school.store.close()


def test_where_none_is_better_a_new_one_is_trained(school):
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    succeed(school, "v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.traffic(range(200, 300), "yes", "other", "v2")  # nobody is right now
    succeed(school, "v3")
    assert [each["origin"] for each in school.told("ChallengerRegistered")] == [TRAINED, TRAINED]
    assert versions.looks(school.store) == []


def test_without_the_setting_nothing_is_recalled(tmp_path):
    school = School(tmp_path, course_of(compare={"watch": 0}))
    two_worlds(school)
    school.step()
    assert school.loop.standing.champion == "v2"
    assert len(school.trainer.orders) == 2
    school.store.close()


def test_the_best_of_several_is_recalled_at_a_part_of_alpha(tmp_path):
    recall = {"versions": 3, "alpha": 0.06, "records": 80}
    school = School(tmp_path, course_of(compare={"watch": 0}, recall=recall))
    school.scorer.of = {"v1": "no", "v2": "no", "v3": "yes", "v4": "yes", "v5": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    for number in range(2, 6):
        school.now += 1_000_000
        if number > 2:
            school.act(lambda loop: loop.jobs.retrain("anna"))
        succeed(school, f"v{number}")
        school.act(lambda loop: loop.promote(by="anna"))
    school.traffic(range(500, 700), "yes", "no", "v5")
    school.step()
    (promoted,) = [told for told in school.told("ModelPromoted") if told.get("by") is None]
    assert promoted["challenger"] == "v2"  # v1 is not among the three made last
    assert promoted["evidence"]["versions_compared"] == 3
    assert promoted["evidence"]["alpha"] == pytest.approx(0.02)
    assert promoted["n"] == 80
    school.store.close()


def test_only_what_the_champion_has_served_since_its_promotion_counts(school):
    before = two_worlds(school)
    school.step()
    assert school.loop.standing.champion == "v1"
    assert before
    school.traffic(range(400, 425), "no", "yes", "v1")  # of its first reign there are 130 more
    (look,) = versions.looks(school.store)
    standing = school.loop.standing
    batch = school.recalling._records(look, "default", standing, 2000)
    assert batch.column("record_id").tolist()[0] == "r400"


def test_looks_have_a_cooldown_in_the_records_time(tmp_path):
    school = School(tmp_path, course_of(recall={"versions": 5, "cooldown": "1h"}))
    two_worlds(school)
    assert versions.looks(school.store) == []
    school.step()
    assert len(school.trainer.orders) == 2  # too soon: it is trained
    school.act(lambda loop: loop.jobs.cancel("anna"))
    school.traffic(range(5_000, 5_030), "yes", "other", "v2")
    assert len(versions.looks(school.store)) == 1
    school.store.close()


def test_one_looks_at_times_without_a_request(tmp_path):
    school = School(tmp_path, course_of(
        {"cooldown": "30d"}, {"watch": 0}, recall={"versions": 5, "every": "1h"},
    ))  # fmt: skip
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    succeed(school, "v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.traffic(range(3_000, 3_300), "yes", "no", "v2")
    school.step()
    assert school.loop.standing.champion == "v2"  # for an hour
    school.traffic(range(3_700, 3_750), "yes", "no", "v2")
    school.step()
    assert school.loop.standing.champion == "v1"
    newest = school.jobs()[0]
    assert (newest.state, newest.cause) == ("recalled", None)
    assert school.story().count("RetrainQueued") == 1
    school.store.close()


def test_a_recall_is_no_retraining_of_the_budget(tmp_path):
    school = School(tmp_path, course_of({"per_day": 2}, recall={"versions": 5}))
    two_worlds(school)
    school.step()
    assert school.loop.standing.champion == "v1"
    school.traffic(range(400, 500), "no", "other", "v1")
    school.step()
    assert [job.state for job in school.jobs()] == ["running", "recalled", "succeeded"]
    school.store.close()


def test_a_person_who_asks_gets_a_training(school):
    two_worlds(school)
    school.step()
    school.act(lambda loop: loop.jobs.retrain("anna"))
    assert versions.looks(school.store) == []
    school.step()
    assert len(school.jobs("running")) == 1


def test_while_a_challenger_is_compared_nothing_is_recalled(school):
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    succeed(school, "v2")
    school.scorer.down = True
    school.traffic(range(100, 130), "no", "yes", "v1")
    assert versions.looks(school.store) == []


def test_a_scorer_that_fails_holds_no_training_up(school):
    two_worlds(school)
    school.scorer.down = True
    school.step()
    assert versions.looks(school.store) == []
    assert len(school.jobs("running")) == 1


def test_one_that_has_won_waits_for_a_word_where_one_is_needed(tmp_path):
    school = School(tmp_path, course_of(compare={"automatic": False}, recall={"versions": 5}))
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.traffic(range(30), "no", "yes", "v1")
    succeed(school, "v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.traffic(range(200, 300), "yes", "no", "v2")
    school.step()
    standing = school.loop.standing
    assert (standing.champion, standing.challenger, standing.ready) == ("v2", "v1", True)
    assert school.story().count("ChallengerReady") == 1
    school.act(lambda loop: loop.promote(by="anna"))
    assert school.loop.standing.champion == "v1"
    school.store.close()


def test_what_a_look_found_counts_for_nothing_once_another_serves(school):
    two_worlds(school)
    (look,) = versions.looks(school.store)
    school.act(lambda loop: loop.looked(look, "v9", "v1", {"reason": ""}, {}))
    assert school.loop.standing.champion == "v2"
    assert versions.looks(school.store) == []
    school.act(lambda loop: loop.looked(look, "v2", "v1", {"reason": ""}, {}))
    assert school.loop.standing.champion == "v2"  # it was over


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_restart_at_any_moment_recalls_the_same(tmp_path, snapshot):
    def year(school, again):
        two_worlds(school)
        again()
        for _ in range(6):
            for worker in ("recalling", "trainings", "scoring", "registrar"):
                getattr(school, worker).step()
                again()
        return [e.body for e in school.events()], school.hash()

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    course = course_of(recall={"versions": 5})
    one, two = School(tmp_path / "one", course), School(tmp_path / "two", course)
    left = year(one, lambda: None)
    right = year(two, lambda: two.reopen(snapshot=snapshot))
    assert one.loop.standing.champion == "v1"
    assert left == right
    one.store.close()
    two.store.close()


def test_a_replay_tells_the_same_and_scores_nothing(school):
    two_worlds(school)
    school.step()
    account = school.account()
    (model,) = school.store.models()
    again = folded(school.store, model, school.engines(model.name), school.ledger.records)
    kept = [SystemEvent.from_json(event.body).to_json() for event in school.events()]
    assert [event.to_json() for event in again] == kept
    assert account.position == model.position


def test_no_look_recalls_what_is_no_better_more_often_than_alpha(tmp_path):
    """Five versions as good as the champion, by lot; the largest of five wins seldom."""
    wrong, looks, alpha = 0, 400, 0.2
    rng = np.random.default_rng(0)
    batch = None
    school = School(tmp_path, course_of(recall={"versions": 5, "alpha": alpha}))
    school.traffic(range(400), "yes", "yes", "v1")
    for number in range(2, 7):
        school.kept(lambda store, n=number: versions.keep(store, version(n)))
    truths = rng.random((looks, 400)) < 0.5
    said = rng.random((looks, 5, 400)) < 0.5
    recalling = school.recalling
    look = versions.Look(school.account().number, school.account().position, None)
    for at in range(looks):
        batch = school_batch(truths[at])
        recalling._records = lambda *_, found=batch: found
        rows = iter(said[at])
        school.scorer.predict = lambda v, b, rows=rows: Predictions(labels=label(next(rows)))
        found = recalling._found(look, "default", school.loop.standing)
        wrong += found.version is not None
    assert wrong <= alpha * looks
    school.store.close()


def label(flags):
    return ["yes" if flag else "no" for flag in flags.tolist()]


def school_batch(truths):
    from homeostat.batch import Batch

    return Batch.from_records([
        made(n, "yes" if true else "no", "yes") for n, true in enumerate(truths.tolist())
    ])  # fmt: skip


def version(number):
    from homeostat.lifecycle import Version

    return Version(model="default", version=f"v{number}", created=number)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"versions": -1}, "versions must be from 0 to 100"),
        ({"alpha": 1.0}, "alpha must be above 0, below 1"),
        ({"records": 0}, "records must be from 1 to 100,000"),
        ({"every": 0}, "every must be above 0"),
        ({"version": 3}, "no such setting; did you mean 'versions'"),
    ],
    ids=["versions", "alpha", "records", "every", "typo"],
)
def test_what_cannot_be_is_told(given, told):
    from homeostat import ConfigError

    with pytest.raises(ConfigError, match=told):
        course_in({"recall": given}, "retraining")
