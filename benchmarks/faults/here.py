"""Finds the pieces of the quick tests, of which these scripts do more."""

import sys
from pathlib import Path

FAULTS, STORES = (
    Path(__file__).resolve().parents[2] / "tests" / name for name in ("faults", "stores")
)

sys.path[:0] = [str(FAULTS), str(STORES)]
