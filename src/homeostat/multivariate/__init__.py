"""Several columns together: whether their joint distribution changed, and which ones did it."""

from homeostat.multivariate.result import Result
from homeostat.multivariate.running import TESTS, test

__all__ = ["TESTS", "Result", "test"]
