"""Scorers: what lets a version predict for a comparison. One file and one line in the table each.

A scorer is given a version and records that another version has served, and answers with one
prediction a record, in their order; the same records get the same predictions, however they are
cut into batches. It raises HomeostatError when it cannot, which is tried again.
"""

from homeostat.scorers.faults import ScorerFailed
from homeostat.scorers.table import SCORERS, TABLE, scorer_of

__all__ = ["SCORERS", "TABLE", "ScorerFailed", "scorer_of"]
