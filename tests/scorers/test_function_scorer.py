"""The scorer `function`: real processes, and what they can do to us."""

import os
import signal
from pathlib import Path

import pytest
from scorerworld import HAM, SIZES, batch, gone, version

from homeostat.errors import ConfigError, InvalidInput
from homeostat.scorers import ScorerFailed, scorer_of
from homeostat.testing import scorer_laws

HERE = str(Path(__file__).parent)


@pytest.fixture
def made():
    scorers = []

    def make(name, **settings):
        table = {"type": "function", "function": f"votes:{name}", "path": [HERE], **settings}
        scorers.append(scorer_of(table))
        return scorers[-1]

    yield make
    for scorer in scorers:
        scorer.close()


def test_it_predicts_from_the_artifact_and_the_columns_alone(made):
    found = made("seen").predict(version("/models/x"), batch())
    kinds = "kind:object,size:float64"
    assert found.labels[0] == f"/models/x {kinds} ('a', 1.0)"
    assert found.labels[2] == f"/models/x {kinds} (None, 3.5)"
    assert found.labels[6] == f"/models/x {kinds} ('ü', {0.1 + 0.2})"
    assert found.latency_ms is None  # of many at once it would say nothing of one


def test_named_features_in_their_order_and_missing_numbers_as_nan(made):
    given = batch(b=[1.0, float("nan")], a=[True, False], c=["x", "y"])
    found = made("seen", features=["b", "a"]).predict(version(), given)
    assert found.labels == ["None b:float64,a:object (1.0, True)",
                            "None b:float64,a:object (nan, False)"]  # fmt: skip


def test_arrays_and_scores(made):
    found = made("scored").predict(version(), batch())
    assert found.labels == HAM
    assert found.scores == [size / 10 for size in SIZES]


@pytest.mark.parametrize(("name", "scores"), [("numbers", None), ("table", [0.9, 0.7, 0.65])])
def test_classes_by_number_and_by_the_largest(made, name, scores):
    scorer = made(name, classes=["ham", "spam"])
    found = scorer.predict(version(), batch(size=[1.0, 7.0, 3.5]))
    assert found.labels == ["ham", "spam", "ham"]
    assert found.scores == scores


def test_the_process_stays_up(made):
    scorer = made("process")
    first, again = (scorer.predict(version(), batch()).labels[0] for _ in range(2))
    assert first == again != str(os.getpid())


def test_one_that_dies_is_told_and_the_next_question_has_another(made):
    scorer = made("whatever")
    scorer.predict(version("chatty"), batch())
    with pytest.raises(ScorerFailed, match=r"exit status 3; it printed: .*last words"):
        scorer.predict(version("die"), batch())
    assert scorer.predict(version("chatty"), batch()).labels == ["ham"] * 7


def test_one_that_was_killed_in_between_is_started_again(made):
    scorer = made("process")
    first = int(scorer.predict(version(), batch()).labels[0])
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # it is gone, and nobody has noticed
    assert int(scorer.predict(version(), batch()).labels[0]) != first


def test_one_that_hangs_is_ended_with_all_that_it_has_started(made, tmp_path):
    scorer = made("whatever", timeout=3.0)
    with pytest.raises(ScorerFailed, match="no predictions within 3 s"):
        scorer.predict(version(f"hang {tmp_path / 'pids'}"), batch())
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert gone(pid)
    assert scorer.predict(version("chatty"), batch()).labels == ["ham"] * 7


WRONG = [
    ("raise", ScorerFailed, "raised ValueError: no such model"),
    ("few", InvalidInput, "are 6 for 7 records"),
    ("many", InvalidInput, "are 8 for 7 records"),
    ("nan", InvalidInput, "row 0: predictions must be labels, got NaN or nothing"),
    ("none", InvalidInput, "got NaN or nothing"),
    ("numbers", InvalidInput, "are numbers where the records have text"),
    ("no list", ScorerFailed, "TypeError"),
    ("text", InvalidInput, "are 3 for 7 records"),
    ("objects", InvalidInput, "must be labels, got {}"),
    ("odd", ScorerFailed, "TypeError"),
    ("scores", InvalidInput, "row 0: scores must be finite, got inf"),
    ("few scores", InvalidInput, "scores are 8 for 7 records"),
]


@pytest.mark.parametrize(("artifact", "error", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_answers_that_are_none(made, artifact, error, message):
    scorer = made("whatever")
    with pytest.raises(error, match=message):
        scorer.predict(version(artifact), batch())
    assert scorer.predict(version("chatty"), batch()).labels == ["ham"] * 7


def test_features_that_are_not_there(made):
    scorer = made("ham", features=["sizes"])
    with pytest.raises(InvalidInput, match=r"features\.sizes is not in the records; .*'size'"):
        scorer.predict(version(), batch())
    bare = batch().take([0])
    bare._columns["features"] = {}
    with pytest.raises(InvalidInput, match="features are not in the records"):
        made("ham").predict(version(), bare)
    assert scorer.process.pid is None  # nothing was started for it


def test_text_where_the_records_have_numbers(made):
    with pytest.raises(InvalidInput, match="are text where the records have numbers"):
        made("ham").predict(version(), batch(labels=1))


def test_it_sees_no_secret_but_those_that_are_named(made, monkeypatch):
    monkeypatch.setenv("THE_SECRET", "hunter2")
    assert made("secret").predict(version("THE_SECRET"), batch()).labels[0] == "nothing"
    found = made("secret", env=["THE_*"]).predict(version("THE_SECRET"), batch())
    assert found.labels[0] == "hunter2"


@pytest.mark.parametrize(
    ("name", "why"), [("nothing_here", "AttributeError"), ("x", "AttributeError")]
)
def test_a_function_that_is_not_there(made, name, why):
    with pytest.raises(ScorerFailed, match=f"raised {why}"):
        made(name).predict(version(), batch())


def test_a_module_that_is_not_there(made):
    with pytest.raises(ScorerFailed, match=r"raised ModuleNotFoundError: .*nowhere_at_all"):
        made("x", function="nowhere_at_all:x").predict(version(), batch())


def test_much_at_once(made):
    n = 300_000
    given = batch(size=[float(at % 10) for at in range(n)])
    assert made("ham").predict(version(), given).labels == HAM_OF * (n // 10)


HAM_OF = ["ham"] * 5 + ["spam"] * 5


def test_the_laws(made):
    for law in scorer_laws(made("scored"), version(), batch()):
        law()


def test_what_it_cannot_be():
    with pytest.raises(ConfigError, match=r"scorer\.function: must be like"):
        scorer_of({"type": "function", "function": "votes"})
    with pytest.raises(ConfigError, match=r"'functoin' is no scorer; .*'function'"):
        scorer_of({"type": "functoin"})
    with pytest.raises(ConfigError, match=r"loop\.scorer\.path: Expected `array`"):
        scorer_of({"type": "function", "function": "a:b", "path": "x"}, "loop.scorer")
