"""Two data sets side by side: one call for all columns, every usual test by name."""

from homeostat.comparison.comparison import ColumnResult, Comparison, Decision, MissingChange
from homeostat.comparison.corrections import CORRECTIONS, adjusted, calibrated, e_bh, merged
from homeostat.comparison.likeness import ENGINES
from homeostat.comparison.names import NAMES, OVER_ALL_COLUMNS, Name, as_table, ours
from homeostat.comparison.running import TESTS, compare, two_sample
from homeostat.comparison.sample import Outcome
from homeostat.comparison.thresholds import ConstantThreshold, StandardDeviationThreshold

__all__ = [
    "CORRECTIONS",
    "ENGINES",
    "NAMES",
    "OVER_ALL_COLUMNS",
    "TESTS",
    "ColumnResult",
    "Comparison",
    "ConstantThreshold",
    "Decision",
    "MissingChange",
    "Name",
    "Outcome",
    "StandardDeviationThreshold",
    "adjusted",
    "as_table",
    "calibrated",
    "compare",
    "e_bh",
    "merged",
    "ours",
    "two_sample",
]
