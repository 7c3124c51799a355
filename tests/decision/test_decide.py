"""What a decision promises: errors, batches, snapshots, symmetry, and what it refuses."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import homeostat as hs
from homeostat.state import from_bytes, to_bytes

NAN = math.nan


def wrong(n: int, seed: int, both: float, champion: float, challenger: float) -> tuple:
    """0/1 losses: both models wrong, or one of them alone, with these probabilities."""
    u = np.random.default_rng([seed, 51]).random(n)
    first = u < both + champion
    second = (u < both) | ((u >= both + champion) & (u < both + champion + challenger))
    return first.astype(float), second.astype(float)


def losses(n: int, seed: int, gain: float = 0.1) -> tuple:
    rng = np.random.default_rng([seed, 52])
    return rng.beta(3, 4, n), rng.beta(3, 4, n) * (1 - gain)


def stream(n: int = 400, seed: int = 3) -> tuple:
    """Losses of which some are missing, a covariate of nearly all records, and segments."""
    rng = np.random.default_rng([seed, 53])
    said = rng.random(n)
    first = np.clip(said * 0.5 + rng.random(n) * 0.5, 0, 1)
    second = np.clip(first - 0.15 * (said - 0.3) + rng.normal(0, 0.05, n), 0, 1)
    second[rng.random(n) < 0.5] = NAN
    said[rng.random(n) < 0.1] = NAN
    return first, second, said, rng.choice(["a", "b", "c", "d"], n)


# Errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("side", ["better", "worse"])
def test_evidence_is_no_more_than_one_on_average_at_the_edge(margin: float, side: str) -> None:
    # all series of some pairs, whose difference has the mean -margin
    chances = {1.0: (0.6 - margin) / 2, 0.0: 0.4, -1.0: (0.6 + margin) / 2}
    for length in (1, 2, 4):
        total = 0.0
        for series in itertools.product(chances, repeat=length):
            differences = np.array(series)
            decision = hs.decide(
                np.maximum(differences, 0), np.maximum(-differences, 0), alpha=1e-6, margin=margin
            )
            total += math.prod(chances[d] for d in series) * decision.evidence()[f"e_{side}"]
        assert total == pytest.approx(1.0, abs=1e-12)


def test_evidence_shrinks_on_average_where_the_hypothesis_holds_strictly() -> None:
    total = 0.0
    for series in itertools.product((1.0, -1.0), repeat=6):
        differences = np.array(series)
        decision = hs.decide(np.maximum(differences, 0), np.maximum(-differences, 0), alpha=1e-6)
        ones = int((differences > 0).sum())
        total += 0.4**ones * 0.6 ** (6 - ones) * decision.evidence()["e_better"]
    assert total < 0.95


@pytest.mark.parametrize("better", [0, 3, 8, 15, 30, 60])
@pytest.mark.parametrize("worse", [0, 4, 20])
def test_evidence_is_never_stronger_than_the_exact_test(better: int, worse: int) -> None:
    first, second = np.repeat([1.0, 0.0], [better, worse]), np.repeat([0.0, 1.0], [better, worse])
    told = hs.decide(first, second, alpha=1e-12).evidence()
    n = better + worse
    exact = stats.binomtest(better, n, 0.5, alternative="greater").pvalue if n else 1.0
    assert min(1.0, 1 / told["e_better"]) >= exact - 1e-12
    if better >= 60 and worse == 0:  # and not much weaker, when it is sure
        assert 1 / told["e_better"] < 1e-9


def test_equal_models_are_seldom_promoted_and_better_ones_are() -> None:
    equal, better, fooled = 0, 0, 0
    for seed in range(150):
        equal += hs.decide(*wrong(8_000, seed, 0.1, 0.05, 0.05)).verdict != "undecided"
        better += hs.decide(*wrong(8_000, seed, 0.1, 0.06, 0.04)).verdict == "promoted"
        fooled += hs.decide(*wrong(8_000, seed, 0.1, 0.04, 0.06)).verdict == "promoted"
    assert equal <= 8
    assert better >= 140
    assert fooled == 0


@pytest.mark.parametrize("labelled", [None, 0.2])
def test_a_covariate_keeps_the_error_and_saves_labels(labelled: float | None) -> None:
    def few(seed: int, gain: float) -> tuple:
        rng = np.random.default_rng([seed, 54])
        said = rng.normal(0, 0.15, 40_000)
        difference = np.clip(said + rng.normal(0, 0.05, 40_000), -0.9, 0.9) + gain
        first, second = 0.5 + difference / 2, 0.5 - difference / 2
        second[rng.random(40_000) >= 0.2] = NAN
        return first, second, said

    equal, plain, adjusted = 0, [], []
    for seed in range(25):
        equal += hs.decide(*few(seed, 0.0), labelled=labelled).verdict != "undecided"
        first, second, said = few(seed, 0.01)
        plain.append(hs.decide(first, second))
        adjusted.append(hs.decide(first, second, said, labelled=labelled))
    assert equal <= 3
    assert {each.verdict for each in adjusted} == {"promoted"}
    assert np.median([each.n for each in adjusted]) < 0.6 * np.median([each.n for each in plain])
    assert np.median([each.evidence()["variance_removed"] for each in adjusted]) > 0.5


def test_a_covariate_removes_nothing_where_every_record_has_its_label() -> None:
    first, second = losses(500, 1)
    plain, with_it = hs.decide(first, second), hs.decide(first, second, first - 0.3)
    assert with_it.n == plain.n
    assert with_it.evidence()["e_better"] == plain.evidence()["e_better"]
    assert with_it.evidence()["variance_removed"] == 0.0
    assert "same for both models" in with_it.evidence()["notes"][0]


# Margins ----------------------------------------------------------------------------------------


def test_the_margin_says_how_much_worse_may_be_promoted() -> None:
    worse_by_a_point = wrong(40_000, 2, 0.1, 0.03, 0.04)
    assert hs.decide(*worse_by_a_point).verdict == "rejected"
    assert hs.decide(*worse_by_a_point, margin=0.03).verdict == "promoted"
    better_by_a_point = wrong(40_000, 2, 0.1, 0.04, 0.03)
    assert hs.decide(*better_by_a_point).verdict == "promoted"
    assert hs.decide(*better_by_a_point, margin=-0.03).verdict == "rejected"


def test_the_interval_agrees_with_the_verdict_and_holds_the_truth() -> None:
    held = 0
    for seed in range(100):
        told = hs.decide(*wrong(2_000, seed, 0.1, 0.07, 0.04), alpha=0.1, minimum=2_000).evidence()
        held += told["lower"] <= 0.03 <= told["upper"]
        assert told["lower"] <= told["difference"] <= told["upper"]
        assert told["verdict"] != "promoted" or told["lower"] >= 0
        assert told["verdict"] != "rejected"
    assert held >= 95


@pytest.mark.parametrize(("better", "worse", "equal"), [(22, 5, 2530), (3, 40, 10), (500, 450, 9)])
def test_the_interval_of_labels_is_where_the_bets_would_win(
    better: int, worse: int, equal: int
) -> None:
    differences = np.repeat([1.0, -1.0, 0.0], [better, worse, equal])
    columns = np.maximum(differences, 0), np.maximum(-differences, 0)
    told = hs.decide(*columns, minimum=10_000).evidence()
    for bound, side, needed in (("lower", "e_better", 25.0), ("upper", "e_worse", 100.0)):
        # the mean that is just refused: as a margin it has just enough evidence
        edge = hs.decide(*columns, margin=-told[bound], minimum=10_000).evidence()
        assert edge[side] == pytest.approx(needed, rel=1e-6)


def test_the_interval_narrows_towards_the_difference() -> None:
    widths = []
    for n in (100, 1_000, 10_000):
        told = hs.decide(*losses(n, 5), minimum=10_000).evidence()
        widths.append(told["upper"] - told["lower"])
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
    assert widths[2] < 0.04


# When it ends -----------------------------------------------------------------------------------


def test_it_ends_at_the_first_pair_that_suffices_and_stays() -> None:
    decision = hs.decide(np.ones(50), np.zeros(50))
    assert (decision.verdict, decision.final) == ("promoted", True)
    first = decision.n
    assert first < 20
    before = decision.evidence()
    assert decision.update(np.zeros(1_000), np.ones(1_000)) == "promoted"
    after = decision.evidence()
    assert after.pop("later") == before.pop("later") + 1_000 == 50 - first + 1_000
    assert after == before
    assert hs.decide(np.ones(first - 1), np.zeros(first - 1)).verdict == "undecided"


def test_no_verdict_comes_before_the_minimum() -> None:
    decision = hs.decide(np.ones(99), np.zeros(99), minimum=100)
    assert decision.verdict == "undecided"
    assert decision.update(1.0, 0.0) == "promoted"
    assert decision.n == 100


def test_at_the_deadline_it_ends_undecided() -> None:
    decision = hs.decide(np.zeros(20), np.zeros(20), deadline=10)
    assert (decision.verdict, decision.final, decision.n) == ("undecided", True, 10)
    assert decision.update(np.ones(500), np.zeros(500)) == "undecided"
    assert decision.evidence()["reason"] == "the deadline has come"


def test_a_verdict_at_the_deadline_counts() -> None:
    first = hs.decide(np.ones(50), np.zeros(50)).n
    assert hs.decide(np.ones(50), np.zeros(50), deadline=first).verdict == "promoted"
    assert hs.decide(np.ones(50), np.zeros(50), deadline=first - 1).verdict == "undecided"


# Missing values, bounds, counts -----------------------------------------------------------------


def test_missing_losses_are_skipped_and_counted() -> None:
    first, second = wrong(300, 7, 0.1, 0.06, 0.05)
    whole = hs.decide(first, second, alpha=1e-3).evidence()
    places = np.arange(0, 300, 3)
    holes = hs.decide(
        np.insert(first, places, NAN), np.insert(second, places, 1.0), alpha=1e-3
    ).evidence()
    assert holes.pop("skipped") == 100
    assert whole.pop("skipped") == 0
    assert holes == whole
    assert hs.decide(None, 1.0).evidence()["skipped"] == 1


def test_pairs_are_counted_as_mcnemar_counts_them() -> None:
    told = hs.decide([1, 1, 0, 0, 1], [0, 1, 1, 0, 0]).evidence()
    assert told["method"] == "mcnemar"
    assert told["discordant"] == {"challenger_better": 2, "champion_better": 1, "equal": 2}
    assert (told["champion_loss"], told["challenger_loss"]) == (0.6, 0.4)
    assert told["difference"] == pytest.approx(0.2)
    assert hs.decide([0.5], [0.2]).evidence()["method"] == "betting"


def test_differences_beyond_a_stated_bound_are_cut_and_told() -> None:
    told = hs.decide([10.0, -3.0, 2.0], [0.0, 0.0, 1.5], bound=2.0).evidence()
    assert told["clipped"] == 2
    assert told["difference"] == pytest.approx((2 - 2 + 0.5) / 3)
    assert "2 differences beyond ±2 were cut" in told["notes"][0]


def test_the_unit_of_losses_makes_no_difference() -> None:
    first, second = losses(300, 8)
    plain = hs.decide(first, second)
    scaled = hs.decide(first * 64, second * 64, bound=64.0)
    assert (scaled.verdict, scaled.n) == (plain.verdict, plain.n)
    assert scaled.evidence()["e_better"] == pytest.approx(plain.evidence()["e_better"])
    assert scaled.evidence()["upper"] == pytest.approx(plain.evidence()["upper"] * 64)


def test_nothing_yet_is_told_as_nothing() -> None:
    for decision in (hs.decide([], []), hs.decide([NAN, NAN], [1.0, NAN])):
        told = decision.evidence()
        assert (told["n"], told["difference"]) == (0, None)
        assert (told["lower"], told["upper"]) == (-1.0, 1.0)
        json.dumps(told, allow_nan=False)
        assert "none yet" in repr(decision)


# Laws -------------------------------------------------------------------------------------------

OPTIONS = [
    {},
    {"margin": 0.05, "minimum": 40},
    {"alpha": 1e-4, "deadline": 150},
    {"segment_margin": 0.0, "segment_minimum": 5, "max_segments": 2, "minimum": 60},
    {"segment_margin": 0.2, "segment_minimum": 5, "segment_proof": True},
]


@pytest.mark.parametrize(
    "options", OPTIONS, ids=["plain", "margin", "deadline", "segments", "proof"]
)
@pytest.mark.parametrize("covariate", [False, True])
@given(cuts=st.lists(st.integers(0, 400), max_size=8), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_how_a_stream_is_cut_makes_no_difference(
    options: dict, covariate: bool, cuts: list[int], seed: int
) -> None:
    first, second, said, segment = stream(seed=seed)
    whole, parts = hs.Decision(**options), hs.Decision(**options)

    def give(decision: hs.Decision, start: int, end: int) -> None:
        decision.update(
            first[start:end], second[start:end], said[start:end] if covariate else None,
            segment[start:end] if "segment_margin" in options else None,
        )  # fmt: skip

    give(whole, 0, 400)
    for start, end in itertools.pairwise(sorted([0, *cuts, 400])):
        give(parts, start, end)
    assert to_bytes(parts.snapshot()) == to_bytes(whole.snapshot())
    assert parts.evidence() == whole.evidence()


def test_one_by_one_is_the_same_as_all_together() -> None:
    first, second, said, segment = stream()
    options = {"segment_margin": 0.0, "alpha": 1e-3}
    whole, single = hs.Decision(**options), hs.Decision(**options)
    whole.update(first, second, said, segment)
    for row in zip(first, second, said, segment, strict=True):
        single.update(*row)
    assert to_bytes(single.snapshot()) == to_bytes(whole.snapshot())


def test_blocks_of_a_long_stream_are_the_same_as_its_parts() -> None:
    first, second = wrong(30_000, 9, 0.1, 0.03, 0.03)
    whole, parts = hs.decide(first, second, alpha=1e-6), hs.decide([], [], alpha=1e-6)
    for start in range(0, 30_000, 777):
        parts.update(first[start : start + 777], second[start : start + 777])
    assert to_bytes(parts.snapshot()) == to_bytes(whole.snapshot())


@pytest.mark.parametrize("at", [0, 1, 37, 150, 399, 400])
def test_a_snapshot_goes_on_where_it_was(at: int) -> None:
    first, second, said, segment = stream()
    options = {"segment_margin": 0.0, "segment_minimum": 5, "alpha": 1e-3, "segment_proof": True}
    whole, begun, later = (hs.Decision(**options) for _ in range(3))
    whole.update(first, second, said, segment)
    begun.update(first[:at], second[:at], said[:at], segment[:at])
    kept = begun.snapshot()
    later.restore(from_bytes(to_bytes(kept)))
    begun.update([1.0] * 30, [0.0] * 30, [0.5] * 30, ["z"] * 30)  # the copy does not notice
    later.update(first[at:], second[at:], said[at:], segment[at:])
    assert to_bytes(later.snapshot()) == to_bytes(whole.snapshot())
    assert later.evidence() == whole.evidence()


def test_a_snapshot_is_plain_json_and_a_fresh_copy_is_empty() -> None:
    decision = hs.decide(*stream()[:3], segments=stream()[3], alpha=0.01)
    again = hs.Decision(0.01, segment_margin=0.0)
    again.restore(json.loads(json.dumps(decision.snapshot())))
    assert again.evidence() == decision.evidence()
    assert decision.fresh().n == 0
    with pytest.raises(hs.SnapshotMismatch):
        decision.restore({"verdict": "promoted"})
    with pytest.raises(hs.SnapshotMismatch, match="segment_margin"):
        hs.Decision().restore(decision.snapshot())


def test_evidence_beyond_all_numbers_is_still_a_number() -> None:
    decision = hs.decide(np.ones(5_000), np.zeros(5_000), minimum=6_000)
    told = decision.evidence()
    assert (told["verdict"], told["e_better"]) == ("undecided", 1e300)
    assert 0 < told["e_worse"] < 1e-9
    json.dumps(told, allow_nan=False)
    assert decision.update(np.ones(1_000), np.zeros(1_000)) == "promoted"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["labels", "losses", "covariate"])
def test_two_models_that_change_places_change_evidence(kind: str, seed: int) -> None:
    said = None
    if kind == "covariate":
        first, second, said, _ = stream(2_000, seed)
    else:
        first, second = (
            losses(2_000, seed, 0.03) if kind == "losses" else wrong(2_000, seed, 0.1, 0.05, 0.04)
        )
    told = hs.decide(first, second, said, minimum=10_000).evidence()
    other = hs.decide(second, first, said, minimum=10_000).evidence()
    assert (other["e_better"], other["e_worse"]) == (told["e_worse"], told["e_better"])
    assert (other["n"], other["difference"]) == (told["n"], -told["difference"])
    assert other["discordant"]["champion_better"] == told["discordant"]["challenger_better"]


def test_two_models_that_change_places_change_verdicts() -> None:
    first, second = wrong(5_000, 1, 0.1, 0.06, 0.02)
    assert hs.decide(first, second).verdict == "promoted"
    assert hs.decide(second, first).verdict == "rejected"


# Segments ---------------------------------------------------------------------------------------


def parted(n: int, seed: int, bad: float) -> tuple:
    """Better over all, but in one segment of five worse by so much."""
    segment = np.random.default_rng([seed, 55]).integers(0, 5, n)
    u = np.random.default_rng([seed, 56]).random(n)
    worse = (segment == 0) & (bad > 0)
    first = np.where(worse, u < 0.1, u < 0.16)
    second = np.where(worse, u < 0.1 + bad, u < 0.12)
    return first.astype(float), second.astype(float), segment


def test_a_segment_that_is_worse_rejects() -> None:
    found = []
    for seed in range(20):
        first, second, segment = parted(6_000, seed, 0.12)
        found.append(hs.decide(first, second, segments=segment, minimum=4_000))
    assert [each.verdict for each in found] == ["rejected"] * 20
    told = found[0].evidence()
    assert told["reason"] == "the challenger is worse in 0"
    assert {each["segment"]: each["worse"] for each in told["segments"]} == {
        "0": True, "1": False, "2": False, "3": False, "4": False,
    }  # fmt: skip
    assert "worse" in repr(found[0])


def test_segments_that_are_fine_do_not_stand_in_the_way() -> None:
    found = [
        hs.decide(first, second, segments=segment).verdict
        for first, second, segment in (parted(6_000, seed, 0.0) for seed in range(20))
    ]
    assert found == ["promoted"] * 20


def test_a_promotion_waits_while_a_segment_looks_worse() -> None:
    decision = hs.decide([1.0] * 15, [0.0] * 15, segments=["a"] * 15, minimum=20)
    decision.update([0.0] * 4, [1.0] * 4, segments=["b"] * 4)
    assert decision.update([1.0] * 10, [0.0] * 10, segments=["a"] * 10) == "undecided"
    assert "looks worse in b" in " ".join(decision.evidence()["notes"])
    assert decision.update([1.0] * 20, [0.0] * 20, segments=["b"] * 20) == "promoted"


def test_with_proof_a_promotion_waits_until_each_segment_is_shown_to_be_no_worse() -> None:
    first, second, segment = parted(6_000, 3, 0.03)
    options = {"segments": segment, "segment_margin": 0.05, "minimum": 200}
    plain = hs.decide(first, second, **options)
    shown = hs.decide(first, second, segment_proof=True, **options)
    assert plain.verdict == shown.verdict == "promoted"
    assert shown.n > plain.n
    before = hs.decide([], [], segment_margin=0.05, minimum=200, segment_proof=True)
    upto = slice(shown.n - 1)
    before.update(first[upto], second[upto], segments=segment[upto])
    evidence = [each["e_no_worse"] for each in shown.evidence()["segments"]]
    lacking = [each["e_no_worse"] for each in before.evidence()["segments"]]
    assert min(evidence) >= shown.evidence()["needed_better"] > min(lacking)
    assert any("is not shown in" in note for note in before.evidence()["notes"])
    assert "e_no_worse" not in plain.evidence()["segments"][0]


def test_where_a_segment_is_worse_proof_is_found_seldom() -> None:
    found = {"plain": 0, "proof": 0}
    for seed in range(100):
        first, second, segment = parted(3_000, seed, 0.06)  # worse by just more than the margin
        for name in found:
            verdict = hs.decide(first, second, segments=segment, segment_margin=0.05,
                                segment_proof=name == "proof", margin=0.1).verdict  # fmt: skip
            found[name] += verdict == "promoted"
    assert found["proof"] <= 4  # four fifths of alpha
    assert found["plain"] > 50


def test_few_pairs_are_not_waited_for_where_they_are_few_of_all() -> None:
    options = {"segment_margin": 0.1, "segment_proof": True, "segment_minimum": 10}
    decision = hs.decide([1.0] * 9, [1.0] * 9, segments=["rare"] * 9, **options)
    assert decision.update([1.0] * 80, [0.0] * 80, segments=["usual"] * 80) == "undecided"
    assert "too small to be judged" in decision.evidence()["notes"][0]
    assert decision.update([1.0] * 20, [0.0] * 20, segments=["usual"] * 20) == "promoted"
    assert decision.n == 90
    decision = hs.decide([1.0] * 10, [1.0] * 10, segments=["rare"] * 10, **options)
    assert decision.update([1.0] * 200, [0.0] * 200, segments=["usual"] * 200) == "undecided"


def test_a_segment_is_not_judged_before_its_minimum() -> None:
    first, second = [0.0] * 30, [1.0] * 30
    options = {"alpha": 0.05, "minimum": 1, "margin": 0.9}
    names = ["x"] * 30
    early = hs.decide(first, second, segments=names, segment_margin=0.0, segment_minimum=31,
                      **options)  # fmt: skip
    assert "segment" not in early.evidence()["reason"]
    assert early.evidence()["segments"][0]["needed"] > 0
    judged = hs.decide(first, second, segments=names, segment_margin=0.0, segment_minimum=25,
                       **options)  # fmt: skip
    assert judged.evidence()["segments"][0]["worse"]
    assert judged.n == 25


def test_segments_beyond_the_most_share_one() -> None:
    names = ["a", None, "b", "c", "a", NAN]
    told = hs.decide([0.5] * 6, [0.4] * 6, segments=names, max_segments=2).evidence()
    assert [(each["segment"], each["n"]) for each in told["segments"]] == [
        ("a", 2), ("none", 2), ("[other]", 2),
    ]  # fmt: skip


# What it refuses, and how it reads --------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.1, 0.2], [0.1]), {}, "challenger has 1 losses where champion has 2"),
        (([[0.1]], [0.1]), {}, "champion has the shape"),
        (([0.1], [1.5]), {}, r"challenger\[0\] must be within \[0, 1\], got 1.5; .*bound="),
        (([0.1], [math.inf]), {"bound": 2}, r"challenger\[0\] must be finite"),
        ((["a"], [0.1]), {}, "champion are no numbers"),
        (([0.1], [0.1], [0.1, 0.2]), {}, "covariate has 2 values"),
        (([0.1], [0.1], [math.inf]), {}, r"covariate\[0\] must be finite"),
        (([0.1], [0.1]), {"segments": ["a", "b"]}, "segments has the shape"),
    ],
    ids=["lengths", "shape", "bounds", "infinite", "text", "covariate", "infinite x", "segments"],
)
def test_what_cannot_be_taken_is_refused(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(hs.InvalidInput, match=message):
        hs.decide(*arguments, **options)


def test_a_refusal_takes_nothing() -> None:
    decision = hs.decide([0.3], [0.2])
    before = decision.snapshot()
    for arguments in (([0.1, 2.0], [0.1, 0.1]), ([0.1], [0.1], [0.4]), ([0.1], [0.1], None, "a")):
        with pytest.raises(hs.InvalidInput):
            decision.update(*arguments)
        assert decision.snapshot() == before


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0}, {"alpha": 1.0}, {"alpha": NAN}, {"margin": 1.0}, {"margin": -1.0},
        {"bound": 0}, {"bound": math.inf}, {"minimum": 0}, {"minimum": 10, "deadline": 9},
        {"labelled": 0}, {"labelled": 1.1}, {"segment_margin": -0.1}, {"segment_margin": 1.0},
        {"max_segments": 0}, {"segment_minimum": 0}, {"segment_proof": True},
    ],
    ids=str,
)  # fmt: skip
def test_settings_outside_their_range_are_refused(options: dict) -> None:
    with pytest.raises(hs.InvalidSetting, match=list(options)[-1]):
        hs.Decision(**options)


def test_evidence_is_json_and_reads_well() -> None:
    first, second, said, segment = stream()
    decision = hs.decide(first, second, said, segments=[f"<{name}>" for name in segment])
    told = decision.evidence()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert {"n", "discordant", "difference", "lower", "upper", "e_better", "e_worse"} <= set(told)
    assert {"log_wealth", "alpha", "margin", "variance_removed", "segments"} <= set(told)
    assert repr(decision).startswith(f"{decision.verdict} after {decision.n} pairs")
    assert "variance removed" in repr(decision)
    assert "&lt;a&gt;" in decision._repr_html_()
    assert "<a>" not in decision._repr_html_()
