"""Why a model's quality or its data changed, and whether retraining is likely to help."""

from homeostat.diagnosis.causes import Cause
from homeostat.diagnosis.decomposition import Segment
from homeostat.diagnosis.diagnosis import Diagnosis, Quality, Quarantine
from homeostat.diagnosis.ranking import ColumnChange
from homeostat.diagnosis.running import diagnose

__all__ = [
    "Cause",
    "ColumnChange",
    "Diagnosis",
    "Quality",
    "Quarantine",
    "Segment",
    "diagnose",
]
