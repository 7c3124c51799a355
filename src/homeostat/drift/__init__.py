"""Whether a series of numbers has changed: one detector a file."""

from importlib import import_module
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


def __getattr__(name: str) -> Any:
    name = _ALIASES.get(name, name)
    if name not in _LATER:
        raise AttributeError(f"module 'homeostat.drift' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"homeostat.drift.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_ALIASES})


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
    "conformal",
    "e_detector",
    "error_rate",
    "harmful_shift",
    "inputs",
]
