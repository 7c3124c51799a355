"""The same monitoring on Spark: data frames in, data frames out, the numbers of one machine.

Counts are merged, in any order; detectors and strategies are folded model by model, in the order of
time. States travel as homeostat's own bytes.
"""

try:
    import pyspark  # noqa: F401
except ImportError as error:
    from homeostat.errors import MissingExtra

    raise MissingExtra("spark", "pyspark", "homeostat.spark") from error

from homeostat.spark.monitoring import Monitored, monitor
from homeostat.spark.profiling import merge, profile
from homeostat.spark.references import fit_reference
from homeostat.spark.sink import events_to
from homeostat.spark.streaming import join_labels, monitor_stream

__all__ = [
    "Monitored", "events_to", "fit_reference", "join_labels", "merge", "monitor", "monitor_stream",
    "profile",
]  # fmt: skip
