"""How good a model is when labels are few, late, or absent."""

from homeostat.estimate.atc import ATC
from homeostat.estimate.believable import Belief, EstimateWarning, believable
from homeostat.estimate.cbpe import CBPE
from homeostat.estimate.chunks import Row, Table
from homeostat.estimate.dle import DLE
from homeostat.estimate.late import Coverage, LabelDelay
from homeostat.estimate.mean import Mean, difference, mean
from homeostat.estimate.suggest import Suggestion, suggest

__all__ = [
    "ATC",
    "CBPE",
    "DLE",
    "Belief",
    "Coverage",
    "EstimateWarning",
    "LabelDelay",
    "Mean",
    "Row",
    "Suggestion",
    "Table",
    "believable",
    "difference",
    "mean",
    "suggest",
]
