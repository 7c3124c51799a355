"""Two data sets side by side: one call for all columns, every usual test by name."""

from homeostat.comparison.comparison import ColumnResult, Comparison, MissingChange
from homeostat.comparison.corrections import CORRECTIONS, adjusted, calibrated, e_bh, merged
from homeostat.comparison.running import TESTS, compare, two_sample
from homeostat.comparison.sample import Outcome

__all__ = [
    "CORRECTIONS",
    "TESTS",
    "ColumnResult",
    "Comparison",
    "MissingChange",
    "Outcome",
    "adjusted",
    "calibrated",
    "compare",
    "e_bh",
    "merged",
    "two_sample",
]
