"""Whether a series of numbers has changed: one detector a file."""

from homeostat.drift.adwin import ADWIN
from homeostat.drift.error_rate import ErrorRate, error_rate
from homeostat.drift.page_hinkley import PageHinkley

__all__ = ["ADWIN", "ErrorRate", "PageHinkley", "error_rate"]
