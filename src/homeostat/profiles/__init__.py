"""What many models saw, by version, segment and window, as states that merge in any order."""

from homeostat.profiles.counting import Counting
from homeostat.profiles.monitoring import Monitored, monitor
from homeostat.profiles.plan import Plan, plan_of
from homeostat.profiles.reading import profile
from homeostat.profiles.state import Place, State
from homeostat.profiles.told import Compared, Measured, compared, measured

__all__ = [
    "Compared", "Counting", "Measured", "Monitored", "Place", "Plan", "State", "compared",
    "measured", "monitor", "plan_of", "profile",
]  # fmt: skip
