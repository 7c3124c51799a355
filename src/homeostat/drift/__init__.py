"""Whether a series of numbers has changed: one detector a file.

A detector answers to its class's name and to the one it has in a configuration file:
`hs.drift.CUSUM()` and `hs.drift.cusum()` are the same.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from homeostat.drift.adwin import ADWIN
from homeostat.drift.error_rate import ErrorRate, error_rate
from homeostat.drift.page_hinkley import PageHinkley

if TYPE_CHECKING:
    from homeostat.drift.by_segment import BySegment
    from homeostat.drift.cusum import CUSUM
    from homeostat.drift.ddm import DDM
    from homeostat.drift.e_detection import EDetector, e_detector
    from homeostat.drift.ecdd import ECDD
    from homeostat.drift.eddm import EDDM
    from homeostat.drift.episodes import Episodes
    from homeostat.drift.ewma import EWMA
    from homeostat.drift.fhddm import FHDDM
    from homeostat.drift.harmful import HarmfulShift, harmful_shift
    from homeostat.drift.hddm_a import HDDMA
    from homeostat.drift.hddm_w import HDDMW
    from homeostat.drift.kswin import KSWIN
    from homeostat.drift.martingale import ConformalMartingale, conformal
    from homeostat.drift.rddm import RDDM
    from homeostat.drift.shewhart import Shewhart
    from homeostat.drift.stepd import STEPD
    from homeostat.drift.two_window import TwoWindow
    from homeostat.drift.windowed import Inputs, inputs

    by_segment, episodes = BySegment, Episodes
    cusum, ewma, shewhart, two_window = CUSUM, EWMA, Shewhart, TwoWindow
    ddm, ecdd, eddm, fhddm, hddm_a, hddm_w = DDM, ECDD, EDDM, FHDDM, HDDMA, HDDMW
    kswin, rddm, stepd = KSWIN, RDDM, STEPD

_LATER = {
    "BySegment": "by_segment",
    "CUSUM": "cusum",
    "ConformalMartingale": "martingale",
    "DDM": "ddm",
    "ECDD": "ecdd",
    "EDDM": "eddm",
    "EDetector": "e_detection",
    "EWMA": "ewma",
    "Episodes": "episodes",
    "FHDDM": "fhddm",
    "HDDMA": "hddm_a",
    "HDDMW": "hddm_w",
    "HarmfulShift": "harmful",
    "Inputs": "windowed",
    "KSWIN": "kswin",
    "RDDM": "rddm",
    "STEPD": "stepd",
    "Shewhart": "shewhart",
    "TwoWindow": "two_window",
    "conformal": "martingale",
    "e_detector": "e_detection",
    "harmful_shift": "harmful",
    "inputs": "windowed",
}
"""What is imported when it is first named: importing homeostat need not load every detector."""

_ALIASES = {"HDDM_A": "HDDMA", "HDDM_W": "HDDMW", "ECDDWT": "ECDD"}
"""How River and Frouros call some of them."""

_LOWER = {
    "adwin": "ADWIN",
    "by_segment": "BySegment",
    "cusum": "CUSUM",
    "ddm": "DDM",
    "ecdd": "ECDD",
    "eddm": "EDDM",
    "episodes": "Episodes",
    "ewma": "EWMA",
    "fhddm": "FHDDM",
    "hddm_a": "HDDMA",
    "hddm_w": "HDDMW",
    "kswin": "KSWIN",
    "page_hinkley": "PageHinkley",
    "rddm": "RDDM",
    "shewhart": "Shewhart",
    "stepd": "STEPD",
    "two_window": "TwoWindow",
}
"""The classes by their names in a configuration file, where no function of that name makes one."""


class _Package(ModuleType):
    """The package, in which a lower-case name is a detector and not the file of that name.

    Importing a file binds it in its package under its name; here it is its class that is bound.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in _LOWER:
            value = getattr(value, _LOWER[name])
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
adwin, page_hinkley = ADWIN, PageHinkley  # whose files are there already


def __getattr__(name: str) -> Any:
    own = _LOWER.get(name) or _ALIASES.get(name, name)
    if own not in _LATER:
        raise AttributeError(f"module 'homeostat.drift' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"homeostat.drift.{_LATER[own]}"), own)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ADWIN",
    "CUSUM",
    "DDM",
    "ECDD",
    "EDDM",
    "EWMA",
    "FHDDM",
    "HDDMA",
    "HDDMW",
    "KSWIN",
    "RDDM",
    "STEPD",
    "BySegment",
    "ConformalMartingale",
    "EDetector",
    "Episodes",
    "ErrorRate",
    "HarmfulShift",
    "Inputs",
    "PageHinkley",
    "Shewhart",
    "TwoWindow",
    "adwin",
    "by_segment",
    "conformal",
    "cusum",
    "ddm",
    "e_detector",
    "ecdd",
    "eddm",
    "episodes",
    "error_rate",
    "ewma",
    "fhddm",
    "harmful_shift",
    "hddm_a",
    "hddm_w",
    "inputs",
    "kswin",
    "page_hinkley",
    "rddm",
    "shewhart",
    "stepd",
    "two_window",
]
