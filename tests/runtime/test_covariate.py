"""A comparison with a covariate: records without a label tell what is usual of it."""

import numpy as np
import pytest
from school import School, course_of, made

from homeostat import Batch
from homeostat.errors import ConfigError
from homeostat.lifecycle import Predictions, course
from homeostat.lifecycle.covariate import covariate_of
from homeostat.runtime.joined import aged_on
from homeostat.times import to_micros

LONG = {"watch": 0, "loss": "absolute", "minimum": 50}
HINT = {"covariate": "features.hint", "labels_within": "1m", **LONG}


class Columns:
    """A scorer: each version answers with what stands in a column of its name."""

    name = "columns"
    asked = 0

    def predict(self, version, batch):
        self.asked += len(batch)
        return Predictions(labels=batch.features[version.version].tolist())


def records(n, start=0, gain=0.005, share=0.2, seed=0):
    """Records of v1, v2 and the hint how much nearer v2 comes; one of five has its label."""
    rng = np.random.default_rng(seed)
    hint = rng.normal(0, 0.1, n)
    nearer = hint + rng.normal(gain, 0.03, n)
    labelled = rng.random(n) < share
    return [
        made(
            start + row, 0.0 if labelled[row] else None, 0.5 + nearer[row] / 2,
            features={"hint": hint[row], "v2": 0.5 - nearer[row] / 2},
        )
        for row in range(n)
    ]  # fmt: skip


def schooled(folder, compare):
    """A school in which v2 is compared with v1 from record 100 on."""
    folder.mkdir(exist_ok=True)
    school = School(folder, course_of(compare=compare))
    school.scorer = Columns()
    school.reopen()
    school.send(*(made(n, 0.0, 0.0, features={"hint": 0.0, "v2": 0.0}) for n in range(100)))
    school.act(lambda loop: loop.jobs.retrain("anna"))
    school.step()
    (job,) = school.jobs("running")
    school.trainer.succeed(f"{job.id}/{job.token}", version="v2")
    school.step()
    return school


def lived(school, sent):
    """What was told of the promotion, with the records sent in parts."""
    for at in range(0, len(sent), 500):
        school.send(*sent[at : at + 500])
        school.step()
    told = school.told("ModelPromoted")
    return told[0] if told else None


def test_it_takes_fewer_labels(tmp_path):
    found = {}
    for name, compare in (("plain", LONG), ("hint", HINT)):
        school = schooled(tmp_path / name, compare)
        found[name] = lived(school, records(20_000, 100, gain=0.007))["evidence"]
        school.store.close()
    plain, hint = found["plain"], found["hint"]
    assert plain["variance_removed"] == 0.0
    assert hint["variance_removed"] > 0.4
    assert hint["n"] < 0.75 * plain["n"]
    assert hint["skipped"] > 3 * hint["n"]  # those without a label
    assert plain["skipped"] == 0
    assert 0 < hint["champion_loss"] < 1  # of the labelled alone


def test_the_scorer_is_asked_for_labelled_records_alone(tmp_path):
    school = schooled(tmp_path, HINT)
    before = school.scorer.asked
    sent = records(400, 100)
    school.send(*sent)
    school.send(made(5_000))  # so that all are old
    school.step()
    labelled = sum(one.ground_truth_label is not None for one in sent)
    assert school.scorer.asked - before == labelled
    assert school.loop.pairs.shown()["n"] == labelled
    school.store.close()


def test_a_record_counts_once_it_is_so_old_with_the_label_that_it_has_then(tmp_path):
    school = schooled(tmp_path, HINT)
    for number in (100, 130, 159):
        school.send(made(number, None, 0.5, features={"hint": 0.1, "v2": 0.4}))
        school.step()
    shown = school.loop.pairs.shown()
    assert (shown["n"], shown["skipped"]) == (0, 0)  # a label may still come
    school.label(("r100", 0.0))
    school.send(made(190, None, 0.5, features={"hint": 0.1, "v2": 0.4}))
    school.step()
    shown = school.loop.pairs.shown()
    assert (shown["n"], shown["skipped"]) == (1, 1)
    school.label(("r130", 0.0))  # too late
    school.send(made(250, None, 0.5, features={"hint": 0.1, "v2": 0.4}))
    school.step()
    shown = school.loop.pairs.shown()
    assert (shown["n"], shown["skipped"]) == (1, 3)
    school.store.close()


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_restart_changes_nothing(tmp_path, snapshot):
    stories = []
    for name in ("one", "two"):
        school = schooled(tmp_path / name, HINT)
        sent = records(3_000, 100, gain=0.02)
        for at in range(0, len(sent), 250):
            school.send(*sent[at : at + 250])
            if name == "two":
                school.reopen(snapshot=snapshot)
            school.step()
        stories.append([event.body for event in school.events()])
        assert "ModelPromoted" in school.story()
        school.store.close()
    assert stories[0] == stories[1]


def test_predictions_in_the_shadow_do_not_count_beside_it(tmp_path):
    for name, compare, ignored in (("with", HINT, True), ("without", LONG, False)):
        school = schooled(tmp_path / name, compare)
        school.send(made(100, 0.0, 0.5, features={"hint": 0.1, "v2": 0.4}))
        sent = Batch.from_records([made(100, None, 0.4, model_version="v2")])
        known = school.ledger.labelled("default", ["r100"])
        school.act(lambda loop, sent=sent, known=known: loop.pairs.shadowed("v2", sent, known))
        assert (school.loop.pairs.awaited is None) is ignored
        assert school.loop.pairs.shown()["n"] == (0 if ignored else 1)
        school.store.close()


def test_a_watch_does_not_wait_for_labels(tmp_path):
    school = schooled(tmp_path, HINT | {"watch": 1_000})
    school.act(lambda loop: loop.promote(by="anna"))
    bad = [
        made(n, 0.0, 0.9, model_version="v2", features={"v1": 0.1, "hint": 0.0})
        for n in range(200, 255)
    ]  # within a minute, so that none is old
    school.send(*bad)
    school.step()
    assert "ModelRolledBack" in school.story()
    school.store.close()


def test_a_comparison_that_began_without_one_goes_on_without(tmp_path):
    school = schooled(tmp_path, LONG)
    lived(school, records(300, 100, gain=0.0))
    school.course = course_of(compare=HINT)
    school.reopen()
    lived(school, records(4_000, 400, gain=0.03))
    told = school.told("ModelPromoted")[0]["evidence"]
    assert told["variance_removed"] == 0.0
    school.store.close()


def test_records_in_the_order_of_their_coming(tmp_path):
    school = School(tmp_path)
    school.send(made(0), made(1, "yes"), made(2))
    school.label(("r2", "yes"), ("r1", "no"))
    school.send(made(50))
    number, start = school.account().number, to_micros(made(0).created_at)

    def found(at, until, least=0):
        return [
            (end, joined.positions.tolist(), [None if t != t else t for t in
             joined.batch.ground_truth_label.tolist()] if len(joined.batch) else [])
            for end, joined in aged_on(
                school.store, number, "default", at, least, start + until * 1_000_000
            )
        ]  # fmt: skip

    first = (3, [0, 1, 2], [None, "no", "yes"])
    assert found(0, 1) == []
    assert found(0, 2) == [first, (5, [], [])]
    assert found(0, 50) == [first, (5, [], []), (6, [5], [None])]
    assert found(3, 50) == found(0, 50)[1:]
    assert found(0, 2, least=2)[0] == (3, [2], ["yes"])
    school.store.close()


def test_what_can_be_one():
    batch = Batch.from_records([
        made(
            0, None, 0.5, score=0.25, scores={"a": 0.75},
            features={"k": 2, "text": "x", "b": True},
        ),
        made(1, None, 0.5, features={"k": None, "text": "y", "b": False}),
    ])  # fmt: skip
    found = {
        name: covariate_of(batch, name)
        for name in ("score", "scores.a", "features.k", "k", "text", "b", "nothing")
    }
    nan = np.nan
    for name, values in (
        ("score", [0.25, nan]), ("scores.a", [0.75, nan]), ("features.k", [2.0, nan]),
        ("k", [2.0, nan]), ("text", [nan, nan]), ("b", [1.0, 0.0]), ("nothing", [nan, nan]),
    ):  # fmt: skip
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    ("compare", "scorer", "told"),
    [
        ({"covariate": "score"}, None, r"needs a scorer; add a table \[retraining.scorer"),
        ({"covariate": ""}, {}, "covariate must be a name"),
        ({"covariate": "score", "label_share": 0.0}, {}, "label_share must be above 0"),
        ({"covariate": "score", "patience": "7d"}, {}, "labels_within must be from 0, below"),
    ],
    ids=["no scorer", "no name", "no share", "too long"],
)
def test_what_cannot_be_is_told(compare, scorer, told):
    with pytest.raises(ConfigError, match=told):
        course.course_of({"compare": compare, "scorer": scorer}, "homeostat.toml: retraining")


def test_without_one_the_other_settings_do_not_matter():
    given = course.course_of({"compare": {"patience": "1d"}}, "retraining")
    assert given.compare.covariate is None
