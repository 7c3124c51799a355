"""The way out: which addresses may be called, with which secrets, by plain HTTP."""

from homeostat.outbound.addresses import Target, target_of
from homeostat.outbound.calling import Answer, Caller, Reply
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret

__all__ = ["Answer", "Caller", "Reply", "Retry", "Secret", "Target", "target_of"]
