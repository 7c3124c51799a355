"""The plug-in, run by pytest in pytest; and what it costs where nobody uses it."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import homeostat as hs

pytest_plugins = ["pytester"]


def table(seed=0, n=1500, shift=0.0, wrong=0.1):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    return {
        "age": rng.normal(40 + shift, 10, n), "plan": rng.choice(["a", "b"], n),
        "ground_truth_label": truth, "predicted_label": truth ^ (rng.random(n) < wrong),
    }  # fmt: skip


@pytest.fixture
def place(pytester):
    for name, columns in {
        "train": table(0), "same": table(1), "moved": table(2, shift=8.0),
        "worse": table(0, wrong=0.3), "few": table(0, n=40),
    }.items():  # fmt: skip
        pq.write_table(pa.table(columns), pytester.path / f"{name}.parquet")
    pa.csv.write_csv(pa.table(table(0)), pytester.path / "train.csv")
    features = {name: table(0)[name] for name in ("age", "plan")}
    hs.Reference.fit(features).save(pytester.path / "train.ref")
    return pytester


def run(place, *options):
    return place.runpytest_inprocess("-p", "no:xdist", "-p", "no:cacheprovider", *options)


@pytest.mark.parametrize("reference", ["train.parquet", "train.csv", "train.ref"])
def test_a_table_that_has_not_drifted_passes(place, reference):
    if reference == "train.ref":
        columns = {name: table(1)[name] for name in ("age", "plan")}
        pq.write_table(pa.table(columns), place.path / "same.parquet")
    ran = run(place, "--homeostat-reference", reference, "--homeostat-current", "same.parquet")
    ran.assert_outcomes(passed=1)
    assert ran.ret == 0


def test_a_table_that_has_drifted_fails_the_build_and_says_where(place):
    ran = run(place, "--homeostat-reference", "train.parquet", "--homeostat-current",
              "moved.parquet")  # fmt: skip
    ran.assert_outcomes(failed=1)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["*age drifted*", "1 of 4 columns drifted*"])


def test_a_candidate_that_is_worse_fails_the_build(place):
    ran = run(place, "--homeostat-baseline", "train.parquet", "--homeostat-candidate",
              "worse.parquet")  # fmt: skip
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*not as good as the baseline*", "rejected after*"])


def test_a_candidate_that_is_no_worse_passes_unless_it_has_to_be_shown(place):
    asked = ("--homeostat-baseline", "few.parquet", "--homeostat-candidate", "few.parquet")
    run(place, *asked).assert_outcomes(passed=1)
    run(place, *asked, "--homeostat-shown").assert_outcomes(failed=1)
    shown = ("--homeostat-baseline", "train.parquet", "--homeostat-candidate", "train.parquet")
    run(place, *shown, "--homeostat-shown", "--homeostat-margin", "0.05").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "other"),
    [("--homeostat-current", "--homeostat-reference"),
     ("--homeostat-candidate", "--homeostat-baseline")],
    ids=["drift", "regression"],
)  # fmt: skip
def test_one_side_is_not_enough(place, option, other):
    ran = run(place, option, "same.parquet")
    assert ran.ret == 4
    assert f"{option} needs {other}" in str(ran.stderr) + str(ran.stdout)


def test_what_is_not_there_is_told_without_a_traceback(place):
    ran = run(place, "--homeostat-reference", "no.parquet", "--homeostat-current", "same.parquet")
    ran.assert_outcomes(failed=1)
    assert "no.parquet cannot be read" in str(ran.stdout)
    assert "Traceback" not in str(ran.stdout)


TESTS = """
import numpy as np
from pytest_homeostat import assert_no_drift, assert_not_worse

def test_data(homeostat):
    homeostat.no_drift({"x": np.arange(50.0)}, {"x": np.arange(50.0)})

def test_from_the_command_line(homeostat):
    homeostat.no_drift("moved.parquet", allowed=["age"])

def test_drifted():
    assert_no_drift({"x": np.arange(50.0)}, {"x": np.arange(50.0) + 40})

def test_schema():
    assert_no_drift({"x": np.arange(50.0), "y": np.arange(50)}, {"x": np.arange(50.0)})

def test_schema_allowed():
    assert_no_drift({"x": np.arange(50.0), "y": [1] * 50}, {"x": np.arange(50.0)}, allowed=["y"])

def test_candidate(homeostat):
    homeostat.not_worse([1.0, 0.0] * 100, [0.0, 0.0] * 100)

def test_worse():
    assert_not_worse([0.0] * 100, [1.0] * 100)
"""


def test_the_fixture_and_the_assertions(place):
    place.makepyfile(TESTS)
    ran = run(place, "--homeostat-reference", "train.parquet")
    ran.assert_outcomes(passed=4, failed=3)
    assert "pytest_homeostat/__init__.py" not in str(ran.stdout)  # the test's own line is shown


def test_without_a_reference_such_tests_are_skipped(place):
    place.makepyfile("def test_it(homeostat):\n    homeostat.no_drift({'x': [1.0]})\n")
    ran = run(place, "-rs")
    ran.assert_outcomes(skipped=1)
    ran.stdout.fnmatch_lines(["*needs --homeostat-reference FILE*"])


PROGRAM = """
import json, sys
import pytest_homeostat
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_it_loads_nothing_heavy_where_it_is_not_used():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert not {"homeostat", "numpy", "msgspec", "pandas", "pyarrow"} & set(json.loads(ran.stdout))


def test_the_packages_say_what_there_is_to_plug_in():
    from importlib.metadata import entry_points

    (plugin,) = entry_points(group="pytest11", name="homeostat")
    assert plugin.value == "pytest_homeostat"
    (evaluator,) = entry_points(group="mlflow.model_evaluator", name="homeostat")
    assert evaluator.value == "homeostat.integrations.mlflow:Evaluator"
