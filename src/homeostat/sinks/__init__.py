"""Sinks: where events go when they leave the service. A sink is one file and one line in the table.

A sink is given one event at a time, in the order of its model's log, and returns once the other
side has it. It raises Retry when that may work later, GiveUp when this event never will, Gone when
the other side wants nothing any more; anything else that it raises counts as Retry. An event may
come twice, after a crash between delivery and the note of it: its `id` is then the same.
"""

from homeostat.outbound.retry import Retry
from homeostat.sinks.outgoing import GiveUp, Gone, Outgoing, Sink
from homeostat.sinks.outlets import Outlet, outlets_of
from homeostat.sinks.table import TABLE

__all__ = ["TABLE", "GiveUp", "Gone", "Outgoing", "Outlet", "Retry", "Sink", "outlets_of"]
