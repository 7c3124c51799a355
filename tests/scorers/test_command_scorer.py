"""The scorer `command`: a run for each batch, with Parquet in and out."""

import json
import sys

import pytest
from scorerworld import HAM, SIZES, batch, gone, version

from homeostat.errors import ConfigError, InvalidInput
from homeostat.scorers import ScorerFailed, scorer_of
from homeostat.testing import scorer_laws

PROGRAM = """
import json, os, sys
given, answered, artifact, version, what = sys.argv[1:6]
if what == "hang":
    import subprocess, threading
    child = subprocess.Popen(["sleep", "600"])
    print("child", child.pid, flush=True)
    threading.Event().wait()
import pyarrow as pa, pyarrow.parquet as pq
table = pq.read_table(given)
print("columns", table.column_names)
labels = ["ham" if size < 5 else "spam" for size in table["size"].to_pylist()]
columns = {"prediction": labels}
if what == "fail":
    sys.exit("it does not work")
if what == "nothing":
    sys.exit(0)
if what == "rubbish":
    open(answered, "w").write("x")
    sys.exit(0)
if what == "column":
    columns = {"label": labels}
if what == "scores":
    columns["score"] = [size / 10 for size in table["size"].to_pylist()]
if what == "few":
    columns = {"prediction": labels[1:]}
if what == "nan":
    columns = {"prediction": pa.array([None] * len(labels), pa.string())}
if what == "told":
    columns = {"prediction": [json.dumps([artifact, version, row]) for row in table.to_pylist()]}
if what == "env":
    columns = {"prediction": [os.environ.get("THE_SECRET", "nothing")] * len(labels)}
pq.write_table(pa.table(columns), answered)
"""


@pytest.fixture
def made(tmp_path):
    program = tmp_path / "predict.py"
    program.write_text(PROGRAM)

    def make(what="", **settings):
        argv = [sys.executable, str(program), "{input}", "{output}", "{artifact}", "{version}"]
        return scorer_of({"type": "command", "argv": [*argv, what], **settings})

    return make


def test_it_predicts(made):
    found = made().predict(version(), batch())
    assert found.labels == HAM
    assert found.scores is None


def test_scores(made):
    assert made("scores").predict(version(), batch()).scores == [size / 10 for size in SIZES]


def test_a_version_is_no_option_of_the_command(tmp_path, made):
    with pytest.raises(ScorerFailed, match="would be taken for an option"):
        made().predict(version(name="--help"), batch())
    program = tmp_path / "predict.py"
    argv = [sys.executable, str(program), "{input}", "{output}", "a", "is={version}", ""]
    found = scorer_of({"type": "command", "argv": argv}).predict(version(name="-x"), batch())
    assert found.labels == HAM


def test_what_it_is_given(made):
    given = batch(size=[1.0, float("nan")], kind=["a", None], flag=[True, False])
    with pytest.raises(ScorerFailed):  # the program cannot compare None
        made("told").predict(version("{version}"), given)
    given = batch(size=[1.0, 2.5], kind=["a", None], flag=[True, False])
    found = made("told").predict(version("{version} {input}"), given)
    assert [json.loads(label) for label in found.labels] == [
        ["{version} {input}", "v2", {"flag": True, "kind": "a", "size": 1.0}],
        ["{version} {input}", "v2", {"flag": False, "kind": None, "size": 2.5}],
    ]


WRONG = [
    ("fail", ScorerFailed, r"ended with exit status 1; it printed: columns .*it does not work"),
    ("nothing", ScorerFailed, "the command wrote nothing to {output}; it printed: columns"),
    ("rubbish", ScorerFailed, "is no Parquet file"),
    ("column", ScorerFailed, "has no column 'prediction'; its columns: label"),
    ("few", InvalidInput, "are 6 for 7 records"),
    ("nan", InvalidInput, "row 0: predictions must be labels, got NaN or nothing"),
]


@pytest.mark.parametrize(("what", "error", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_runs_that_end_badly(made, what, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        made(what).predict(version(), batch())


def test_one_that_hangs_is_ended_with_all_that_it_has_started(made):
    with pytest.raises(ScorerFailed, match=r"(?s)did not end within 3 s") as late:
        made("hang", timeout=3.0).predict(version(), batch())
    assert gone(late.value.printed.split()[-1])


def test_a_program_that_is_not_there(made):
    scorer = scorer_of({"type": "command", "argv": ["no-such-program", "{input}", "{output}"]})
    with pytest.raises(ScorerFailed, match=r"cannot start no-such-program: .*No such file"):
        scorer.predict(version(), batch())


def test_it_sees_no_secret_but_those_that_are_named(made, monkeypatch):
    monkeypatch.setenv("THE_SECRET", "hunter2")
    assert made("env").predict(version(), batch()).labels[0] == "nothing"
    assert made("env", env=["THE_SECRET"]).predict(version(), batch()).labels[0] == "hunter2"


def test_the_laws(made):
    trial = scorer_laws(made("scores"), version(), batch().take([0, 1]))
    tried = [law() for law in trial if law.name == "any cutting"]  # a run costs a second
    assert len(tried) == 1


def test_what_it_cannot_be():
    for argv in ([], ["predict"], ["predict", "{input}"]):
        with pytest.raises(ConfigError, match=r"scorer\.argv: needs a program"):
            scorer_of({"type": "command", "argv": argv})
