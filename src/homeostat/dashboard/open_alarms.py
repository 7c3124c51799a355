"""Which alarms of a model are open: a better one closes, and an end that nobody tells is seen."""

from __future__ import annotations

from homeostat.dashboard.happening import TURNS, Happening

_RANKS = {"broken": 0, "worse": 1}
_ASIDE = ("latency", "coverage")  # what the main metric says nothing about


class OpenAlarms:
    """The alarms of a log that are open, one for each series of a detector, as heard so far.

    An alarm for the better is news: it closes what was open on its series, and is not open itself.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Happening] = {}
        self._ending: set[str] = set()  # detectors that have told an end

    def hear(self, told: Happening) -> None:
        """Take one event of the log, in its order."""
        detector = str(told.event.get("detector"))
        series = (detector, str(told.event.get("metric")))
        if told.kind == "DriftDetected":
            self._begin(series, told)
        elif told.kind == "DriftEnded":
            self._ending.add(detector)
            self._open.pop(series, None)
        elif told.kind in TURNS:
            self._open.clear()  # detectors begin anew with another champion

    def _begin(self, series: tuple[str, str], told: Happening) -> None:
        if told.event.get("direction") == "better":
            self._open.pop(series, None)
            return
        known = self._open.get(series)
        if known is None or rank(told) < rank(known):
            self._open[series] = told

    def now(self, usual_since: int | None = None) -> list[Happening]:
        """Those that are open, the first heard first.

        usual_since: where the time began in which the main metric is as usual again, in ms; None
        where it is not. An alarm of errors from before that is over, if its detector tells no ends.
        """
        if usual_since is None:
            return list(self._open.values())
        return [each for each in self._open.values() if not self._over(each, usual_since)]

    def _over(self, told: Happening, usual_since: int) -> bool:
        metric = str(told.event.get("metric"))
        errors = told.event.get("direction") == "worse" and "[" not in metric
        ends = str(told.event.get("detector")) in self._ending
        return errors and not ends and not metric.startswith(_ASIDE) and told.at <= usual_since


def rank(told: Happening) -> int:
    """How grave an alarm is: 0 for broken data, 1 for more errors, 2 for any other change."""
    return _RANKS.get(str(told.event.get("direction")), 2)
