"""Whether a classifier treats the segments of its records alike."""

from homeostat.parity.report import GAPS, Estimate, Fairness, Segment
from homeostat.parity.running import fairness

__all__ = ["GAPS", "Estimate", "Fairness", "Segment", "fairness"]
