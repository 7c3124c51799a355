"""What a contest makes of pairs: losses of numbers, and what has to hold in every segment."""

import numpy as np
import pytest

from homeostat import Batch
from homeostat.errors import ConfigError
from homeostat.lifecycle import Predictions
from homeostat.lifecycle.contest import Contest
from homeostat.lifecycle.course import Comparing, course_of

START = np.datetime64("2026-03-01", "us")
NOW = int(START.astype(np.int64))


def pairs(champion, challenger, truth, **features):
    """Records of a champion that is called v1, and what the challenger says of them."""
    n = len(truth)
    batch = Batch.from_columns(
        model_version="v1",
        predicted_label=champion,
        ground_truth_label=truth,
        latency_ms=1,
        created_at=START + np.arange(n),
        features=features,
    )
    return batch, Predictions(labels=list(challenger))


def contest(**rules):
    return Contest(Comparing(**{"minimum": 1} | rules), "v1", NOW)


# Losses of numbers --------------------------------------------------------------------------------


def guesses(n, champion, challenger, seed=0):
    """Truths, and what two models guess that miss by so much on average."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, n)
    return [
        (truth + rng.uniform(-2 * miss, 2 * miss, n)).tolist() for miss in (champion, challenger)
    ] + [truth.tolist()]


@pytest.mark.parametrize(("loss", "power"), [("absolute", 1), ("squared", 2)])
def test_the_loss_of_numbers_is_how_far_they_miss(loss, power):
    first, second, truth = guesses(3_000, 4.0, 2.0)
    one = contest(loss=loss, bound=100.0**power, minimum=3_000)
    one.update(*pairs(first, second, truth))
    told = one.evidence()
    misses = [np.abs(np.array(said) - truth) ** power for said in (first, second)]
    means = [miss.mean() / 100**power for miss in misses]
    assert told["method"] == "betting"
    assert (told["champion_loss"], told["challenger_loss"]) == pytest.approx(means)
    assert told["lower"] < means[0] - means[1] < told["upper"]
    assert one.gain == pytest.approx(means[0] - means[1])
    assert told["clipped"] == 0


def test_of_two_that_miss_by_unlike_much_the_better_wins():
    for champion, challenger, verdict in ((4.0, 2.0, "promoted"), (2.0, 4.0, "rejected")):
        one = contest(loss="absolute", bound=20.0)
        one.update(*pairs(*guesses(3_000, champion, challenger)))
        assert one.verdict(NOW) == verdict


def test_two_that_miss_alike_stay_undecided():
    found = []
    for seed in range(40):
        one = contest(loss="absolute", bound=20.0)
        one.update(*pairs(*guesses(1_000, 3.0, 3.0, seed)))
        found.append(one.verdict(NOW))
    assert found.count(None) >= 36


def test_a_miss_beyond_the_bound_counts_as_the_bound():
    one = contest(loss="absolute", bound=10.0)
    one.update(*pairs([1e9, 5.0], [0.0, 5.0], [0.0, 0.0]))
    told = one.evidence()
    assert told["clipped"] == 1
    assert told["difference"] == 0.5


# Segments -----------------------------------------------------------------------------------------


def countries(n, wrong_in_fr, seed=0):
    """A challenger that is better in de, and in fr wrong in so many of 100 where the other is."""
    rng = np.random.default_rng(seed)
    where = rng.choice(["de", "fr"], n, p=[0.8, 0.2])
    first = rng.random(n) < 0.2
    second = np.where(where == "de", rng.random(n) < 0.1, rng.random(n) < wrong_in_fr)
    said = [np.where(wrong, "no", "yes").tolist() for wrong in (first, second)]
    return pairs(*said, ["yes"] * n, country=where)


def test_one_that_is_worse_in_a_segment_is_rejected():
    rules = {"segments": ("country",), "segment_margin": 0.05, "minimum": 2_000}
    one = contest(**rules)
    one.update(*countries(4_000, 0.45))
    assert one.verdict(NOW) == "rejected"
    assert "worse in country=fr" in one.reason
    blind = contest(minimum=2_000)
    blind.update(*countries(4_000, 0.45))
    assert blind.verdict(NOW) == "promoted"


def test_with_proof_each_segment_has_to_be_shown_to_be_no_worse():
    rules = {"segments": ("country",), "segment_margin": 0.05}
    found = {}
    for proof in (False, True):
        one = contest(**rules, segment_proof=proof)
        one.update(*countries(1_500, 0.25))
        found[proof] = one.verdict(NOW), one.evidence()
    assert found[False][0] == "promoted"
    assert found[True][0] is None
    assert "is not shown in country=fr" in " ".join(found[True][1]["notes"])
    better = contest(**rules, segment_proof=True)
    better.update(*countries(6_000, 0.1))
    assert better.verdict(NOW) == "promoted"


def test_a_watch_looks_at_no_segments():
    rules = Comparing(segments=("country",), segment_proof=True, minimum=1)
    watch = Contest(rules, "v1", NOW, watch=True)
    watch.update(*countries(1_000, 0.2))
    assert watch.evidence()["segments"] == []


def test_proof_without_segments_is_refused():
    given = {"compare": {"segment_proof": True}}
    with pytest.raises(ConfigError, match="segment_proof needs segments"):
        course_of(given, "homeostat.toml: retraining")


@pytest.mark.parametrize("rules", [
    {"loss": "absolute", "bound": 20.0},
    {"loss": "squared", "bound": 20.0, "segments": ("country",), "segment_proof": True},
], ids=["absolute", "squared in segments"])  # fmt: skip
def test_it_goes_on_from_a_snapshot(rules):
    first, second, truth = guesses(400, 3.0, 2.9)
    where = np.random.default_rng(1).choice(["de", "fr"], 400)
    whole, parts = contest(**rules), contest(**rules)
    whole.update(*pairs(first, second, truth, country=where))
    for part in (slice(0, 150), slice(150, 400)):
        body = parts.snapshot()
        parts = contest(**rules)
        parts.restore(body)
        parts.update(*pairs(first[part], second[part], truth[part], country=where[part]))
    assert parts.snapshot() == whole.snapshot()
    assert parts.evidence() == whole.evidence()


def test_how_pairs_are_cut_changes_no_bit_of_the_latencies():
    rng = np.random.default_rng(0)
    batch, found = pairs(["a"] * 500, ["a"] * 500, ["a"] * 500)
    times = rng.exponential(3.0, 500)
    whole, parts = contest(slower=2.0), contest(slower=2.0)
    whole.update(batch, Predictions(labels=found.labels, latency_ms=times.tolist()))
    for row in range(500):
        one = Predictions(labels=["a"], latency_ms=[float(times[row])])
        parts.update(batch.take(np.array([row])), one)
    assert parts.evidence()["latency_ms"] == whole.evidence()["latency_ms"]


def test_a_guard_of_latencies_that_there_are_none_of_says_so():
    batch, found = pairs(["a"] * 5, ["a"] * 5, ["a"] * 5)
    for rules, said in (({"slower": 2.0}, True), ({}, False)):
        one = contest(**rules)
        one.update(batch, found)
        assert any("slower was not looked at" in note for note in one.evidence()["notes"]) is said
    one = contest(slower=2.0)
    one.update(batch, Predictions(labels=found.labels, latency_ms=[1.0] * 5))
    assert one.evidence()["notes"] == []
