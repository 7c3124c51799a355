"""Trap: the same data and seed gave other numbers, in another order, in another process.

Twice in one process: test_random_state.py. Plug-ins one by one: the law "determinism"
(laws/test_plugins.py); several columns with another seed: multivariate/test_multivariate.py; a
reference's file: reference/test_reference_file.py.
"""

import json
import os
import subprocess
import sys

import everything

import homeostat as hs


def test_other_processes_say_the_same():
    """Text has other hashes there, so that the order of a set shows."""
    running = [
        subprocess.Popen(
            [sys.executable, everything.__file__],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    found = [json.loads(each.communicate()[0]) for each in running]
    assert found[0] == found[1]
    assert set(found[0]) == set(everything.EVERYTHING)


def test_another_seed_is_another_draw():
    assert everything._suggested(seed=1) != everything._suggested(seed=0)
    stream = everything.errors(0.3, each=5000)
    first, second = (hs.drift.KSWIN(alpha=0.05, seed=seed).alarms(stream) for seed in (0, 1))
    assert first.positions.tolist() != second.positions.tolist()
