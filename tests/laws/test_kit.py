"""The kit finds every fault it is there to find, and finds none where there is none."""

import doctest
import random
import re
import subprocess
import sys
import types
import unittest
from pathlib import Path
from typing import ClassVar

import broken
import numpy as np
import pytest

from homeostat import InvalidSetting, MetricEvent, MetricUpdated, ThresholdStrategy, testing
from homeostat.testing import (
    LAWS,
    assert_conforms,
    check,
    laws,
    memory_laws,
    name_of,
    parametrize,
    sentence_of,
)
from homeostat.testing.compare import difference
from homeostat.testing.outcome import Breach
from homeostat.testing.streams import START, column_batch, cuttings, record_streams

SOUND = ["Errors", "Jump", "Slow", "Low", "EveryThird", "Duck", "Variance"]

FAULTS = {
    "metric": {
        "shape": ["Nameless", "OtherName", "WholeNumber", "WallClock", "BareFloat"],
        "one value a record": ["TwoValues", "FallingRows", "ListOfValues"],
        "emptiness": ["ZeroAtFirst", "FailsOnOneClass", "FailsOnEmptyBatch"],
        "merge": ["MergesTwice", "MergesLeft", "EatsTheOther"],
        "batch invariance": ["ForgetsInBatches", "LastBits"],
        "resume": ["ForgetsAPart", "LosesItsWindow", "CannotBeKept"],
        "snapshot stands still": ["AliasedSnapshot"],
        "determinism": ["GlobalRandom", "Unseeded"],
        "bounded memory": ["KeepsAll", "KeepsClasses"],
        "input untouched": ["SortsTheBatch", "PopsAFeature"],
        "settings make another": ["HidesItsSetting", "ChangesItsSetting"],
        "fresh is empty": ["FreshIsItself"],
    },
    "detector": {
        "shape": ["OnNothing", "ReportsLate"],
        "positions agree": ["CountsFromOne"],
        "calm when constant": ["Nervous"],
        "nan is skipped": ["TakesNaN"],
        "finds a step": ["Blind"],
        "finds the next": ["Blind", "Stuck"],
        "batch invariance": ["SkipsThePast"],
        "bounded memory": ["KeepsNumbers"],
    },
    "detector of records": {
        "shape": ["SlowUnsaid"],
        "batch invariance": ["SlowAnonymous"],
    },
    "strategy": {
        "shape": ["AnswersNow", "NoReason", "AnswersTrue"],
        "calm at the unrelated": ["AnyMetric"],
        "calm at nan": ["NaNIsLow"],
        "watching is looking": ["WatchesNothing", "CountsLooks"],
        "batch invariance": ["CountsPerBatch", "AnswersTheUnwatched"],
        "resume": ["ForgetsTheCount"],
        "fresh is empty": ["SharesTheInner"],
    },
}
SEEDED = [
    (law, name) for faults in FAULTS.values() for law, names in faults.items() for name in names
]


def tried(plugin, name, **options):
    (law,) = (law for law in laws(plugin, **options) if law.name == name)
    return law.result()


def broken_laws(plugin, **options):
    return {result.law: result.detail for result in check(plugin, **options) if not result.ok}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_plugin_breaks_no_law(name):
    assert_conforms(getattr(broken, name)())


@pytest.mark.parametrize(("law", "name"), SEEDED, ids=[f"{law}-{name}" for law, name in SEEDED])
def test_a_seeded_fault_is_found(law, name):
    result = tried(getattr(broken, name), law)
    assert not result.ok
    assert ". " in result.detail  # what was seen, and the mend


def test_every_law_has_a_seeded_fault():
    for kind, trials in LAWS.items():
        names = {name_of(trial) for trial in trials}
        own = names - {name_of(trial) for trial in memory_laws.LAWS}
        assert own <= set(FAULTS[kind]) <= names
    every = {name_of(trial) for trials in LAWS.values() for trial in trials}
    assert every - {law for law, _ in SEEDED} == {"speaks"}  # which only ever skips


def test_all_that_is_broken_is_listed_at_once():
    with pytest.raises(AssertionError) as caught:
        assert_conforms(broken.ReportsLate)
    text = str(caught.value)
    assert text.startswith("ReportsLate breaks 1 of its laws:\n- shape: ")
    assert "Set both when update returns True" in text


def test_a_difference_is_told_to_the_place():
    found = broken_laws(broken.LastBits)["batch invariance"]
    assert 'on "' in found
    assert " instead of " in found
    assert "on_batch do exactly what on_record does" in found


def test_the_rest_waits_for_the_shape():
    first, *rest = check(broken.Nameless)
    assert (first.law, first.ok) == ("shape", False)
    assert rest
    assert all(result.skipped and "shape first" in result.detail for result in rest)


def test_what_is_no_plugin_is_named_with_its_article():
    (result,) = check(lambda: 3)
    assert result.detail.startswith("an int is no plug-in")


def test_bounded_memory_is_not_kept_by_raising():
    class Stops:
        name = "stops"

        def on_record(self, record):
            raise StopIteration

    result = tried(Stops, "bounded memory")
    assert not result.ok
    assert "raised StopIteration" in result.detail


@pytest.mark.parametrize(
    ("room", "fed", "kept"),
    [(None, 30_000, False), (100, 30_000, True), (40_000, 200_000, True)],
)
def test_a_plain_answer_about_memory_comes_early(room, fed, kept):
    records = []

    class Keeps:
        name, on = "keeps", "error"
        observed = threshold = 0.0

        def __init__(self, room=None):
            self.room = room
            self.kept = []

        def update(self, x):
            records.append(None)
            self.kept.append(0.5 + x)
            del self.kept[: 0 if self.room is None else -self.room]
            return False

    result = tried(Keeps(room), "bounded memory")
    assert (result.ok, result.skipped) == (kept, False), result
    assert len(records) == fed


def test_silence_is_reported_as_skipped():
    for plugin in (broken.Unheard, broken.Silent):
        result = tried(plugin, "speaks")
        assert result.skipped
        assert "stream=" in result.detail


def test_what_cannot_be_tried_is_skipped_with_a_reason():
    result = tried(broken.LosesItsWindow, "batch invariance")
    assert result.skipped
    assert "on_batch" in result.detail
    assert str(tried(broken.LosesItsWindow, "merge")) == "merge: skipped: it declares no merge"
    named = tried(type("Nowhere", (broken.Errors,), {}), "settings make another")
    assert named.skipped


def test_an_exemption_is_skipped_with_its_reason():
    results = {result.law: result for result in check(broken.Variance)}
    assert results["finds a step"].skipped
    assert results["finds a step"].detail == "exempt: it looks for something else"


def test_an_exemption_from_no_law_is_refused():
    class Misspelt(broken.Jump):
        exempt: ClassVar = {"finds a stop": "?"}

    with pytest.raises(InvalidSetting, match="did you mean 'finds a step'"):
        check(Misspelt)


def test_a_stream_of_ones_own_is_tried_too():
    class Choosy(broken.Errors):
        def on_batch(self, batch):
            if len(batch) and batch[0].predicted_label == "rare":
                self.wrong = 0
            return super().on_batch(batch)

    rare = [record for _ in range(3) for record in record_streams()[0].items[:5]]
    rare = [type(record)(**{f: getattr(record, f) for f in record.__struct_fields__}
                         | {"predicted_label": "rare", "ground_truth_label": "yes"})
            for record in rare]  # fmt: skip

    assert tried(Choosy, "batch invariance").ok
    assert 'on "your stream"' in tried(Choosy, "batch invariance", stream=rare).detail


def test_streams_of_numbers_and_of_events_can_be_given():
    assert broken_laws(broken.Jump, stream=[0.0, 1.0] * 300) == {}
    events = [MetricUpdated(MetricEvent("accuracy", v, "v9", START)) for v in (0.1, 0.9)]
    assert broken_laws(broken.Low, stream=events) == {}


def test_no_plugin_is_told_so():
    (result,) = check(object())
    assert (result.law, result.ok) == ("shape", False)
    assert "on_record" in result.detail


def test_a_class_that_needs_arguments_is_told_so():
    (result,) = check(ThresholdStrategy)
    assert not result.ok
    assert "Pass an instance" in result.detail


def test_an_instance_a_class_and_a_function_are_the_same_to_it():
    given = [broken.Low(), broken.Low, lambda: broken.Low()]
    assert len({tuple(check(each)) for each in given}) == 1


def test_an_instance_is_left_as_it_was():
    strategy = broken.EveryThird()
    check(strategy)
    assert strategy.low == 0


def test_a_law_can_be_called():
    for law in laws(broken.Blind):
        assert law.sentence.endswith(".")
        if law.name == "finds a step":
            with pytest.raises(AssertionError, match="none of the steps is found"):
                law()
        if law.name == "positions agree":
            with pytest.raises(unittest.SkipTest, match="no update_many"):
                law()


@parametrize(broken.Errors, broken.Duck())
def test_parametrize_gives_a_test_for_each_law(law):
    law()


def test_it_needs_neither_pytest_nor_hypothesis():
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "from homeostat import AccuracyMetric\n"
        "from homeostat.testing import assert_conforms\n"
        "assert_conforms(AccuracyMetric)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


# Its own tools --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1, 1.0), (0.0, -0.0), (1, True), (1.0, float("nan")), ([1], [1, 2]), ([1, 2], [1]),
        ({"a": 1}, {"b": 1}), ("1", 1), (np.array([1]), np.array([1.0])),
        (np.array([1.0]), np.array([np.nextafter(1, 2)])), (None, 0),
    ],
)  # fmt: skip
def test_a_difference_is_seen(got, want):
    assert difference(got, want)
    assert difference({"a": [got]}, {"a": [want]})


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (float("nan"), float("nan")), ((1, 2), [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float64(0.5), 0.5), (np.array([np.nan]), np.array([np.nan])),
    ],
)  # fmt: skip
def test_what_is_the_same_is_no_difference(got, want):
    assert difference(got, want) is None


def test_cuttings_cover_the_stream():
    for n in (0, 1, 5, 400):
        found = list(cuttings(n))
        assert [sum(sizes) for sizes in found] == [n] * len(found)
        assert list(cuttings(n)) == found


def test_streams_are_the_same_every_time():
    before = random.getstate()
    first, again = record_streams(("age",)), record_streams(("age",))
    for one, other in zip(first, again, strict=True):
        assert [r.to_json() for r in one.items] == [r.to_json() for r in other.items]
    assert random.getstate() == before
    assert column_batch(50)[7] == column_batch(50)[7]


def test_a_breach_names_the_mend():
    assert str(Breach("It is so", "Do this")) == "It is so. Do this"


# Its page -------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()


def test_the_page_names_every_law_with_its_sentence():
    listed = re.findall(r"^- \*\*(.+?)\*\*: (.+)$", PAGE, flags=re.M)
    own = [trial for kind in LAWS for trial in LAWS[kind] if trial not in memory_laws.LAWS]
    every = dict.fromkeys((*memory_laws.LAWS, *own))
    want = [(name_of(trial), sentence_of(trial)) for trial in every]
    assert listed == want


def test_the_code_on_the_page_runs(capsys, monkeypatch):
    first, last = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    module = types.ModuleType("a_page")
    monkeypatch.setitem(sys.modules, "a_page", module)
    names = vars(module)
    exec(first, names)
    (said,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.S)
    assert capsys.readouterr().out == said
    exec(last, names)
    assert len(names["test_laws"].pytestmark[0].args[1]) == 2 * len(LAWS["metric"])


def test_the_kits_docstring_runs():
    assert doctest.testmod(testing).failed == 0
    assert doctest.testmod(testing).attempted == 4
