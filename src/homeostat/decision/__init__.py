"""Who is to serve: a decision from paired losses that may be looked at after every pair, and
weights that follow whoever is best lately.
"""

from homeostat.decision.decision import Decision, decide
from homeostat.decision.fixed_share import FixedShare

__all__ = ["Decision", "FixedShare", "decide"]
