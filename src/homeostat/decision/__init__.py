"""Champion or challenger: a decision from paired losses that may be looked at after every pair."""

from homeostat.decision.decision import Decision, decide

__all__ = ["Decision", "decide"]
