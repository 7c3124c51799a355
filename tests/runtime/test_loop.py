"""Requests become jobs, jobs challengers, challengers champions; and each only as it may."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from school import CANCELLED, School, course_of, made
from shop import START

from homeostat import ADWIN, AccuracyMetric, DriftStrategy
from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.events import DriftDetected, DriftEnded, DriftEvent, EpisodeEvent
from homeostat.lifecycle import Predictions, Trained
from homeostat.runtime.ground import NotNow
from homeostat.stores import jobs, versions
from homeostat.upkeep.doctor import examine


@pytest.fixture
def school(tmp_path):
    one = School(tmp_path)
    yield one
    one.store.close()


def trained(school, **made):
    """The job that runs comes to an end, well."""
    school.step()
    (job,) = school.jobs("running")
    school.trainer.succeed(f"{job.id}/{job.token}", **made)
    school.step()
    return job


def test_a_request_becomes_a_job_and_the_job_a_challenger(school):
    school.failing(range(50))
    job = trained(school, artifact="models:/m/2", version="v2", metrics={"auc": 0.9})
    assert job.id == "default-1"
    story = school.story()
    order = [
        "RetrainRequested", "RetrainQueued", "RetrainSuppressed", "RetrainStarted",
        "RetrainSucceeded", "ChallengerRegistered",
    ]  # fmt: skip
    assert list(dict.fromkeys(story)) == order
    registered = school.told("ChallengerRegistered")[0]
    assert registered["version"] == "v2"
    assert registered["metrics"] == {"auc": 0.9}
    assert registered["causes"] == [story.index("RetrainRequested") + 1]


def test_the_order_says_what_there_is_to_know(school):
    school.failing(range(50))
    school.step()
    (order,) = school.trainer.orders.values()
    assert (order.model, order.base, order.token) == ("default", "v1", 1)
    assert order.manifest["records"] == 50
    assert order.data.endswith("records.parquet")


def test_a_trainer_in_another_folder_finds_its_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    school = School(Path("data"))
    school.failing(range(50))
    school.step()
    (order,) = school.trainer.orders.values()
    school.store.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Path(order.data).is_file()
    assert Path(order.folder).is_dir()


def test_a_storm_of_requests_makes_one_job_and_one_to_come(tmp_path):
    school = School(tmp_path)
    school.failing(range(10_000))
    assert len(school.jobs()) == 1
    refused = school.told("RetrainSuppressed")
    asked = school.story().count("RetrainRequested")
    assert asked > 9_000
    assert sum(told["requests"] for told in refused) == asked - 1
    assert {told["reason"] for told in refused} == {"another retraining is queued"}
    school.step()
    school.failing(range(10_000, 10_100))
    assert [job.state for job in school.jobs()] == ["queued", "running"]
    school.store.close()


def test_the_database_itself_keeps_to_one(school):
    school.failing(range(50))
    (job,) = school.jobs()
    with pytest.raises(Exception, match="UNIQUE"):
        school.kept(lambda store: jobs.keep(store, jobs.Job(
            id="other", model=job.model, number=99, state="queued", reason="", asked=0, created=0,
            position=0,
        )))  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "reason"),
    [({"cooldown": "1h"}, "cooldown"), ({"per_day": 1}, "budget"), ({"per_week": 1}, "budget")],
    ids=["cooldown", "day", "week"],
)
def test_the_rules_hold_in_the_records_time(tmp_path, rules, reason):
    school = School(tmp_path, course_of(rules))
    school.failing(range(30))
    trained(school, version="v2")
    school.act(lambda loop: loop.reject())
    school.failing(range(30, 60))
    assert len(school.jobs()) == 1
    assert school.told("RetrainSuppressed")[-1]["reason"].startswith(reason)
    later = 8 * 86_400
    school.failing(range(later, later + 30))
    assert len(school.jobs()) == 2
    school.store.close()


def test_one_is_asked_for_at_the_latest_after_so_long(tmp_path):
    school = School(tmp_path, course_of({"at_latest": "10d", "cooldown": "1d"}))
    day = 86_400
    school.traffic(range(30))
    school.traffic(range(9 * day, 9 * day + 30))
    assert "RetrainRequested" not in school.story()
    school.traffic(range(11 * day, 11 * day + 30))
    school.traffic(range(11 * day + 30, 11 * day + 60))
    assert school.story() == ["RetrainRequested", "RetrainQueued"]
    assert school.jobs()[0].reason == "no retraining for 10d"
    assert school.told("RetrainQueued")[0]["causes"] == [1]
    trained(school, version="v2")
    school.act(lambda loop: loop.reject())
    school.traffic(range(20 * day, 20 * day + 30))
    assert len(school.jobs()) == 1
    school.traffic(range(22 * day, 22 * day + 30))
    assert len(school.jobs()) == 2
    school.store.close()


def test_the_breaker_opens_after_failures_and_rests(tmp_path):
    school = School(tmp_path, course_of({"breaker": 2, "rest": "1h"}))
    for number in range(2):
        school.failing(range(number * 30, number * 30 + 30))
        school.step()
        (job,) = school.jobs("running")
        school.trainer.fail(f"{job.id}/1")
        school.step()
    school.failing(range(60, 90))
    assert school.told("RetrainSuppressed")[-1]["reason"].startswith("breaker: 2 failures")
    school.failing(range(4000, 4030))
    assert len(school.jobs()) == 3
    school.store.close()


def test_a_job_waits_for_a_word_where_one_is_needed(tmp_path):
    school = School(tmp_path, course_of({"approval": True}))
    school.failing(range(30))
    school.step()
    assert [job.state for job in school.jobs()] == ["waiting"]
    school.act(lambda loop: loop.jobs.approve("anna"))
    school.step()
    assert [job.state for job in school.jobs()] == ["running"]
    with pytest.raises(NotNow, match="waits for approval"):
        school.act(lambda loop: loop.jobs.approve("anna"))
    school.store.close()


def test_one_that_is_approved_late_is_trained_on_what_has_come_since(tmp_path):
    school = School(tmp_path, course_of({"approval": True}))
    school.failing(range(30))
    (before,) = school.jobs("waiting")
    school.failing(range(30, 100))
    drifted(school, 40, "broken")  # of which nothing was known at the request
    school.act(lambda loop: loop.jobs.approve("anna"))
    school.failing(range(100, 120))
    school.step()
    (order,) = school.trainer.orders.values()
    assert before.position == 30
    assert order.manifest["before"] > 100
    assert order.manifest["records"] == 40  # the first ones; those after 100 were broken or later
    assert order.manifest["quarantined"] == [["2026-03-01T00:00:40Z", "2026-03-01T00:01:39Z"]]
    school.store.close()


def test_one_that_nobody_approves_is_ended(tmp_path):
    school = School(tmp_path, course_of({"approval": True, "queue": "2d"}))
    school.failing(range(30))
    school.step()
    school.now += 3 * 86_400_000_000
    school.step()
    assert [job.state for job in school.jobs()] == [CANCELLED]
    assert school.told("RetrainFailed")[0]["problem"] == "it has waited for 2d"
    school.store.close()


def test_a_result_of_an_attempt_that_is_over_is_not_taken(school):
    school.failing(range(30))
    school.step()
    (job,) = school.jobs("running")
    school.act(lambda loop: loop.jobs.cancel("anna"))
    school.trainer.succeed(f"{job.id}/1", version="v2")
    school.step()
    assert school.trainer.cancelled == [f"{job.id}/1"]
    assert [each.state for each in school.jobs()] == [CANCELLED]
    assert "ChallengerRegistered" not in school.story()
    assert school.act(lambda loop: loop.jobs.succeeded(job.id, 1, Trained(version="v2"))) is False
    assert school.act(lambda loop: loop.jobs.succeeded(job.id, 0, Trained(version="v2"))) is False


def test_a_trainer_that_is_away_is_tried_again(school):
    school.trainer.down = True
    school.failing(range(30))
    school.step()
    (job,) = school.jobs("running")
    assert job.handle is None
    assert "away" in job.lines[0]
    school.trainer.down = False
    school.now += 60_000_000
    school.step()
    assert school.jobs("running")[0].handle == "default-1/1"


def test_one_that_takes_too_long_is_ended(tmp_path):
    school = School(tmp_path, course_of({"timeout": "1h"}))
    school.failing(range(30))
    school.step()
    school.now += 7200_000_000
    school.step()
    assert school.trainer.cancelled == ["default-1/1"]
    assert school.told("RetrainFailed")[0]["problem"] == "it took too long"
    school.store.close()


def test_a_pipeline_sends_what_it_has_made_in_time(tmp_path):
    school = School(tmp_path, course_of({"timeout": "1h"}))
    school.failing(range(30))
    school.step()
    school.trainer.succeed_elsewhere("default-1/1")
    school.step()
    assert [job.state for job in school.jobs()] == ["running"]
    assert school.act(lambda loop: loop.jobs.succeeded("default-1", 1, Trained(version="v2")))
    school.act(lambda loop: loop.reject())
    school.failing(range(5000, 5030))
    school.step()
    school.trainer.succeed_elsewhere("default-2/1")
    school.now += 7200_000_000
    school.step()
    assert school.told("RetrainFailed")[0]["problem"] == "it took too long"
    school.store.close()


def test_a_new_version_cannot_have_the_name_of_another(school):
    school.failing(range(30))
    trained(school, version="v1", artifact="models:/m/1")
    assert "there is already" in school.told("RetrainFailed")[0]["problem"]


def test_an_earlier_version_may_be_right_again(school):
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2", artifact="models:/m/2")
    school.failing(range(30, 130))
    school.step()
    assert school.loop.standing.champion == "v2"
    school.scorer.of = {"v1": "yes", "v2": "no"}
    school.failing(range(200, 215), "v2")
    school.step()
    assert list(school.trainer.orders.values())[-1].versions == {"v2": "models:/m/2"}


def test_a_trainer_may_name_an_earlier_version(school):
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.act(lambda loop: loop.promote("v1", by="anna"))
    school.scorer.down = True
    school.failing(range(100, 130))
    trained(school, version="v2")
    assert school.loop.standing.challenger == "v2"
    assert len(versions.all_of(school.store, "default")) == 2


def test_a_trainer_may_hold_the_champion_for_the_best(school):
    school.failing(range(30))
    trained(school, version="v1")
    assert school.told("RetrainSucceeded")[0]["version"] == "v1"
    assert school.loop.standing.challenger is None
    assert "ChallengerRegistered" not in school.story()


# The comparison -----------------------------------------------------------------------------------


def test_a_better_challenger_is_promoted_and_watched(school):
    school.scorer.of = {"v2": "yes", "v1": "no"}
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 130))
    school.step()
    assert "ModelPromoted" in school.story()
    told = school.told("ModelPromoted")[0]
    assert (told["model_version"], told["challenger"]) == ("v1", "v2")
    assert told["champion_accuracy"] < told["challenger_accuracy"] == 1.0
    assert told["causes"]
    assert told["job"] == "default-1"
    standing = school.loop.standing
    assert (standing.champion, standing.previous, standing.challenger) == ("v2", "v1", "v1")
    assert standing.watched
    assert school.registry.named["default", "champion"] == "v2"
    assert school.registry.named["default", "challenger"] is None


def test_a_worse_challenger_is_rejected(school):
    school.scorer.of = {"v2": "no"}
    school.failing(range(30))
    trained(school, version="v2")
    school.traffic(range(30, 400))
    school.step()
    assert "ChallengerRejected" in school.story()
    assert school.loop.standing.challenger is None
    assert school.loop.standing.champion == "v1"


def test_equal_ones_end_undecided(tmp_path):
    school = School(tmp_path, course_of(compare={"most": 100}))
    school.scorer.of = {"v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    school.traffic(range(30, 400))
    school.step()
    assert "ChallengerUndecided" in school.story()
    school.store.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"segments": ("k",)}),
        ({"segments": ("k",)}, {}),
        ({"segments": ("k",)}, {"segments": ("k",), "segment_proof": True, "segment_margin": 0.9}),
    ],
    ids=["segments", "no segments", "proof"],
)
def test_a_comparison_that_is_to_look_at_something_else_begins_anew(tmp_path, before, after):
    school = School(tmp_path, course_of(compare=before))
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 45))
    school.step()
    assert school.loop.pairs.shown()["n"] == 15
    school.course = course_of(compare=after)
    school.reopen()
    school.failing(range(45, 48))
    school.step()
    assert school.loop.pairs.shown()["n"] == 18  # from the cut on, and not from now
    school.failing(range(48, 248))
    school.step()
    assert "ModelPromoted" in school.story()
    school.store.close()


def test_the_time_of_a_comparison_is_over(tmp_path):
    school = School(tmp_path, course_of(compare={"patience": "1d"}))
    school.failing(range(30))
    trained(school, version="v2")
    school.traffic(range(30, 40))
    school.step()
    assert school.loop.standing.challenger == "v2"
    school.traffic(range(100_000, 100_010))
    school.step()
    assert "the time is over" in school.told("ChallengerUndecided")[0]["reason"]
    school.store.close()


def test_a_comparison_without_any_pair_ends_in_time(tmp_path):
    school = School(tmp_path, course_of(compare={"patience": "1d"}))
    school.failing(range(30))
    trained(school, version="v2")
    school.scorer.down = True
    school.traffic(range(100_000, 100_010))
    assert "after 0 pairs" in school.told("ChallengerUndecided")[0]["reason"]
    school.store.close()


def test_records_that_the_challenger_cannot_predict_are_left_out(school):
    school.scorer.of = {"v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    answer = school.scorer.predict
    school.scorer.predict = lambda version, batch: Predictions(labels=[
        label if row % 2 else None for row, label in enumerate(answer(version, batch).labels)
    ])  # fmt: skip
    school.failing(range(30, 70))
    school.step()
    told = school.told("ModelPromoted")[0]
    assert (told["n"], told["evidence"]["not_predicted"]) == (20, 20)
    assert told["challenger_accuracy"] == 1.0


def test_a_promotion_that_was_a_mistake_is_rolled_back(school):
    school.scorer.of = {"v2": "yes", "v1": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 130))
    school.step()
    assert school.loop.standing.champion == "v2"
    school.failing(range(200, 400), "v2")
    school.step()
    assert "ModelRolledBack" in school.story()
    assert school.loop.standing.champion == "v1"
    assert school.registry.named["default", "champion"] == "v1"
    told = school.told("ModelRolledBack")[0]
    assert (told["model_version"], told["challenger"]) == ("v1", "v2")
    assert told["champion_accuracy"] == 1.0  # of the version that serves again
    assert told["challenger_accuracy"] == 0.0


def test_a_reason_counts_the_pairs_that_decided(school):
    school.scorer.of = {"v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 430))
    school.step()
    told = school.told("ModelPromoted")[0]
    decided = told["n"] - told["evidence"]["later"]
    assert decided < told["n"]
    assert told["reason"].endswith(f"after {decided} pairs")


def test_what_hinders_a_comparison_is_told_until_it_goes_on(school):
    heard = []
    school.scoring._tell = heard.append
    school.failing(range(30))
    trained(school, version="v2")
    school.scorer.down = True
    school.traffic(range(30, 40))
    school.step()
    assert heard == [{"default": "away"}]
    school.scorer.down = False
    school.now += 60_000_000
    school.step()
    assert heard == [{"default": "away"}, {}]


def test_a_new_champion_has_no_old_alarms(tmp_path):
    drifting = lambda name: Engine(  # noqa: E731
        [AccuracyMetric(20)], [ADWIN(on="error")], strategy=DriftStrategy()
    )
    school = School(tmp_path, engines=drifting)
    school.traffic(range(300))
    school.failing(range(300, 500))
    assert school.loop.standing.alarms
    trained(school, version="v2")
    school.act(lambda loop: loop.promote("v2", by="anna"))
    assert school.loop.standing.alarms == {}
    school.store.close()


def test_the_doctor_finds_a_loop_sound(tmp_path):
    school = School(tmp_path)
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 130))
    school.step()
    assert "ModelPromoted" in school.story()
    school.store.close()
    assert [each.problem for each in examine(tmp_path) if each.check == "journal"] == [""]


def test_one_that_holds_is_watched_no_more(tmp_path):
    school = School(tmp_path, course_of(compare={"watch": 50}))
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 130))
    school.step()
    school.traffic(range(200, 300), version="v2")
    school.step()
    standing = school.loop.standing
    assert (standing.champion, standing.challenger, standing.watched) == ("v2", None, False)
    (ended,) = school.told("WatchEnded")
    assert (ended["model_version"], ended["challenger"], ended["n"]) == ("v2", "v1", 100)
    assert ended["reason"] == "the deadline has come, after 50 pairs"
    assert ended["evidence"]["watch"]
    assert ended["causes"] == school.told("ModelPromoted")[0]["causes"]
    school.store.close()


def watching(school):
    """v2 was promoted, and is watched against v1, which is as good."""
    school.failing(range(30))
    trained(school, version="v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.traffic(range(100, 110), version="v2")
    school.step()
    assert school.loop.standing.watched


def test_a_watch_that_a_challenger_ends_is_told(school):
    watching(school)
    school.act(lambda loop: loop.jobs.retrain("anna"))
    trained(school, version="v3")
    (ended,) = school.told("WatchEnded")
    assert ended["reason"] == "v3 has come, to be compared"
    assert (ended["challenger"], ended["n"]) == ("v1", 10)
    story = school.story()
    assert story.index("WatchEnded") < len(story) - 1 - story[::-1].index("ChallengerRegistered")
    assert school.loop.standing.challenger == "v3"


def test_a_watch_that_a_person_ends_is_told(school):
    watching(school)
    school.act(lambda loop: loop.promote("v1", by="anna"))
    (ended,) = school.told("WatchEnded")
    assert (ended["reason"], ended["by"]) == ("v1 serves from now on", "anna")
    school.act(lambda loop: loop.roll_back(by="anna"))
    assert school.story().count("WatchEnded") == 1  # a roll-back tells by itself


def test_a_watch_of_which_the_time_is_over_is_told(tmp_path):
    school = School(tmp_path, course_of(compare={"watch_for": "1d"}))
    watching(school)
    school.traffic(range(100_000, 100_010), version="v2")
    (ended,) = school.told("WatchEnded")
    assert ended["reason"].startswith("the time is over")
    school.store.close()


def test_why_somebody_approved_is_kept(tmp_path):
    school = School(tmp_path, course_of({"approval": True}))
    school.failing(range(30))
    asked = school.jobs()[0].reason
    school.act(lambda loop: loop.jobs.approve("anna", reason="the data are fine"))
    school.step()
    said = f"{asked}; approved by anna: the data are fine"
    assert school.told("RetrainStarted")[0]["reason"] == school.jobs()[0].reason == said
    school.store.close()


def test_metrics_begin_anew_with_a_new_champion(school):
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 130))
    school.step()
    assert school.account().latest == {}
    school.traffic(range(200, 210), version="v2")
    assert school.account().latest["accuracy"] == [1.0, 10]


def test_held_out_records_are_compared_at_once(tmp_path):
    school = School(tmp_path, course_of(data={"held_out": 100}))
    school.failing(range(300))
    school.step()
    (order,) = school.trainer.orders.values()
    held = order.manifest["held_out"]
    assert order.manifest["records"] == 300 - held
    trained(school, version="v2")
    (told,) = school.told("ModelPromoted")
    assert told["n"] == held  # and no record of those that it was trained on
    school.store.close()


def test_the_latest_may_be_held_out(tmp_path):
    school = School(tmp_path, course_of(data={"held_out": 100, "held": "latest"}))
    school.failing(range(300))
    school.step()
    (order,) = school.trainer.orders.values()
    assert (order.manifest["records"], order.manifest["cut"]) == (200, 200)
    trained(school, version="v2")
    assert school.told("ModelPromoted")[0]["n"] == 100
    school.store.close()


def test_shadow_traffic_is_joined_with_its_record_and_label(tmp_path):
    school = School(tmp_path)
    school.failing(range(30))
    trained(school, version="v2")
    school.scorer.down = True

    def shadow(*numbers):
        sent = Batch.from_records([made(n, None, "yes", model_version="v2") for n in numbers])
        known = school.ledger.labelled("default", sent.column("record_id").tolist())
        return school.act(lambda loop: loop.pairs.shadowed("v2", sent, known))

    assert shadow(*range(30, 60)) == 30  # before the record
    school.send(*(made(n, None, "no") for n in range(30, 60)))
    school.label(*((f"r{n}", "yes") for n in range(30, 50)))
    assert school.loop.pairs.shown()["n"] == 20 or "ModelPromoted" in school.story()
    school.failing(range(60, 100))
    shadow(*range(60, 100))  # after record and label
    assert "ModelPromoted" in school.story()
    school.store.close()


def test_beside_a_scorer_shadow_traffic_tells_latencies_alone(tmp_path):
    course = course_of({}, {"minimum": 10**6, "slower": 2.0})
    school = School(tmp_path, msgspec.structs.replace(course, scorer={"type": "answers"}))
    school.scorer.of = {"v1": "no", "v2": "yes"}
    school.failing(range(30))
    trained(school, version="v2")
    school.failing(range(30, 60))
    school.step()
    before = school.loop.pairs.shown()
    sent = Batch.from_records(
        [made(n, None, "yes", model_version="v2", latency_ms=70) for n in range(30, 60)]
    )
    known = school.ledger.labelled("default", sent.column("record_id").tolist())
    school.act(lambda loop: loop.pairs.shadowed("v2", sent, known))
    after = school.loop.pairs.shown()
    assert after["n"] == before["n"] == 30
    assert after["log_wealth"] == before["log_wealth"]
    assert after["latency_ms"][1] == 70
    assert "latency_ms" not in before
    school.store.close()


def test_a_number_that_is_none_hinders_the_comparison_until_it_is_one(tmp_path):
    school = School(tmp_path, course_of(compare={"minimum": 10**6, "loss": "absolute"}))
    school.scorer.of = {"v2": 1.5}
    school.send(*(made(n, 1.0, 2.0) for n in range(30)))
    trained(school, version="v2")
    school.scorer.of["v2"] = float("inf")
    school.send(*(made(n, 1.0, 2.0) for n in range(30, 60)))
    school.step()
    assert "must be finite" in school.scoring.problems["default"]
    assert school.loop.pairs.shown()["n"] == 0
    school.scorer.of["v2"] = 1.5
    school.now += 11_000_000
    school.step()
    assert school.loop.pairs.shown()["n"] == 30
    school.store.close()


def test_a_version_that_is_promoted_by_name_has_the_job_that_made_it(tmp_path):
    school = School(tmp_path, course_of(compare={"minimum": 10**6}))
    school.failing(range(30))
    trained(school, version="v2")
    school.act(lambda loop: loop.promote(by="anna"))
    first = school.loop.standing.job
    school.failing(range(100, 130), "v2")
    trained(school, version="v3")
    school.act(lambda loop: loop.promote("v1", by="anna"))
    assert school.loop.standing.job is None
    school.act(lambda loop: loop.promote("v2", by="anna"))
    assert school.told("ModelPromoted")[-1]["job"] == school.loop.standing.job == first
    school.store.close()


def test_one_that_forgets_is_rejected(tmp_path):
    school = School(tmp_path, course_of(compare={"memory": 200}, data={"window": 50}))
    school.scorer.of = {"v2": "yes"}
    school.traffic(range(300), "no", "no")  # an older time, in which "no" was right
    school.failing(range(1000, 1100))
    trained(school, version="v2")
    school.failing(range(1100, 1200))
    school.step()
    told = school.told("ChallengerRejected")[0]
    assert told["reason"].startswith("better now, but worse on ")
    assert told["evidence"]["memory"]["verdict"] == "rejected"
    school.store.close()


@pytest.mark.parametrize("broken", [False, True])
def test_one_that_forgets_a_short_regime_is_rejected(tmp_path, broken):
    school = School(tmp_path, course_of(compare={"memory": 60}, data={"window": 50}))
    school.scorer.of = {"v2": "yes"}
    school.traffic(range(600))
    school.traffic(range(600, 660), "no", "no")  # soon over, and few of all
    drifted(school, 600, "worse")
    drifted(school, 660, "better")
    if broken:
        drifted(school, 600, "broken")
    school.failing(range(1000, 1100))
    trained(school, version="v2")
    school.failing(range(1100, 1200))
    school.step()
    story = school.story()
    assert ("ChallengerRejected" in story) is not broken
    assert ("ModelPromoted" in story) is broken  # what was broken need not be remembered
    school.store.close()


def drifted(school, number, direction):
    """A detector has told of a change that began with a record."""
    at = START + timedelta(seconds=number)
    detector = f"d{number}"
    events = [DriftDetected(DriftEvent("m", "x", 1.0, 2.0, at, detector, direction, at))]
    if direction == "broken":
        end = START + timedelta(seconds=number + 59)
        events.append(DriftEnded(EpisodeEvent("m", "x", at, 1, end, detector, direction)))
    with school.store.change():
        school.account().tell(events, school.now)
        school.ledger.save()


def test_one_that_is_slower_or_larger_than_it_may_be_is_rejected(tmp_path):
    school = School(tmp_path, course_of(compare={"larger": 2.0, "slower": 2.0}))
    school.scorer.of = {"v1": "no"}
    school.failing(range(30))
    trained(school, version="v2", size_bytes=100)
    school.act(lambda loop: loop.promote(by="anna"))
    school.failing(range(100, 130), "v2")
    trained(school, version="v3", size_bytes=201)
    assert school.told("ChallengerRejected")[0]["reason"].startswith("it is too large")
    school.scorer.milliseconds = 1000.0
    school.failing(range(200, 300), "v2")
    trained(school, version="v4", size_bytes=200)
    school.failing(range(300, 400), "v2")
    school.step()
    assert school.told("ChallengerRejected")[1]["reason"].startswith("better, but slow: 1e+03 ms")
    school.store.close()


@pytest.mark.parametrize(("act", "serves"), [("promote", "v2"), ("reject", "v1")])
def test_one_that_has_won_waits_for_a_word_where_one_is_needed(tmp_path, act, serves):
    school = School(tmp_path, course_of(compare={"automatic": False}))
    school.failing(range(30))
    trained(school, version="v2")
    for start in range(30, 230, 50):
        school.failing(range(start, start + 50))
        school.step()
    assert school.loop.standing.champion == "v1"
    assert school.story().count("ChallengerReady") == 1
    assert school.loop.standing.ready
    school.act(lambda loop: getattr(loop, act)(by="anna", evidence=loop.pairs.shown()))
    assert school.loop.standing.champion == serves
    assert not school.loop.standing.ready  # nothing waits any more
    school.store.close()


# A person's word ----------------------------------------------------------------------------------


def test_a_person_promotes_and_takes_it_back(school):
    school.failing(range(30))
    trained(school, version="v2")
    seen = school.loop.standing.generation
    school.act(lambda loop: loop.promote(by="anna", expected=seen))
    with pytest.raises(NotNow, match="has changed its champion"):
        school.act(lambda loop: loop.promote("v1", by="bert", expected=seen))
    assert school.told("ModelPromoted")[0]["by"] == "anna"
    school.act(lambda loop: loop.roll_back(by="anna"))
    assert school.loop.standing.champion == "v1"


@pytest.mark.parametrize("act", ["promote", "reject", "roll_back"])
def test_what_does_not_fit_is_refused(school, act):
    school.traffic(range(3))
    with pytest.raises(NotNow):
        school.act(lambda loop: getattr(loop, act)(by="anna"))


def test_a_person_asks_for_a_retraining(school):
    school.traffic(range(10))
    job = school.act(lambda loop: loop.jobs.retrain("anna", "new data"))
    assert (job.reason, job.actor) == ("new data", "anna")
    with pytest.raises(NotNow, match="queued already"):
        school.act(lambda loop: loop.jobs.retrain("anna"))


def test_why_somebody_cancelled_is_kept(school):
    school.traffic(range(10))
    school.act(lambda loop: loop.jobs.retrain("anna"))
    job = school.act(lambda loop: loop.jobs.cancel("bert", reason="wrong data"))
    assert job.problem == "cancelled by bert: wrong data"
    told = school.told("RetrainFailed")[0]
    assert (told["problem"], told["by"]) == ("cancelled: wrong data", "bert")


# After a restart ----------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_restart_at_any_moment_changes_nothing(tmp_path, snapshot):
    """The same story, with the process ended after every step of one of the two."""

    def year(school, again):
        school.scorer.of = {"v2": "yes", "v1": "no", "v3": "no"}
        for turn in range(3):
            serving = school.loop.standing.champion if turn else "v1"
            school.failing(range(turn * 100, turn * 100 + 30), serving)
            again()
            school.step()
            again()
            for job in school.jobs("running"):
                school.trainer.succeed(f"{job.id}/{job.token}", version=f"v{turn + 2}")
            school.step()
            again()
            school.failing(range(turn * 100 + 30, turn * 100 + 90), school.loop.standing.champion)
            again()
            school.step()
        return school.story(), [e.body for e in school.events()], school.hash()

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = School(tmp_path / "one"), School(tmp_path / "two")
    left = year(one, lambda: None)
    right = year(two, lambda: two.reopen(snapshot=snapshot))
    assert left[0] == right[0]
    assert left == right
    one.store.close()
    two.store.close()


def test_a_registry_that_is_away_is_told_later(school):
    school.registry.down = True
    school.failing(range(30))
    trained(school, version="v2")
    school.act(lambda loop: loop.promote(by="anna"))
    school.step()
    assert school.registry.named == {}
    assert [move.problem for move in versions.moves(school.store)] == ["away"] * 2
    school.registry.down = False
    school.now += 3600_000_000
    school.step()
    assert school.registry.named["default", "champion"] == "v2"
    assert versions.moves(school.store) == []
    school.registry.named["default", "champion"] = "v9"
    assert school.registrar.differences() == [("default", "aliases", "v2", "v9")]
