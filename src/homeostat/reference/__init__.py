"""The fixed grid that data are counted on: references, and profiles of windows."""

from homeostat.reference.fitter import ReferenceFitter
from homeostat.reference.profile import Profile
from homeostat.reference.reference import Reference
from homeostat.reference.tally import CategoryTally, Moments, NumberTally

__all__ = ["CategoryTally", "Moments", "NumberTally", "Profile", "Reference", "ReferenceFitter"]
