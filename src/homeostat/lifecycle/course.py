"""How a model is taken care of: `[retraining]` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from homeostat.durations import seconds
from homeostat.errors import ConfigError, HomeostatError, InvalidSetting, did_you_mean, require
from homeostat.lifecycle.rules import Rules

LOSSES = ("wrong", "absolute", "squared")
SPREAD, LATEST = "spread", "latest"
EVEN, REGIMES = "even", "regimes"
PROMOTED, REGISTERED = "promoted", "registered"


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which labelled records a trainer gets.

    window: the latest so many, or those of so long ("14d"), None for all that are kept. held_out:
    about so many are kept back for the comparison; held: "spread", every so manieth of the window,
    old and new alike, or "latest", those before which the window ends. history: a sample of so
    many from before the window; mix: drawn "even", or as many of each of the "regimes" between one
    drift and the next. least: fewer than these are too few to train on.
    quarantine: leave out what came while a detector said that the data were broken. without: spans
    of the records' time that are left out whatever was said, first and last moment of each.
    half_life: age at which a record's `weight` is half of the newest one's, None for no weights.
    """

    window: int | str | None = "30d"
    held_out: int = 0
    held: str = SPREAD
    history: int = 0
    mix: str = EVEN
    least: int = 100
    quarantine: bool = True
    without: tuple[tuple[datetime, datetime], ...] = ()
    half_life: str | float | None = None

    def check(self) -> None:
        """Raises InvalidSetting for what cannot be."""
        if isinstance(self.window, str):
            seconds(self.window)
        elif self.window is not None:
            require(self.window > 0, "window", self.window, "above 0")
        for name in ("held_out", "history", "least"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        if self.held not in (SPREAD, LATEST):
            raise InvalidSetting(f'held must be "{SPREAD}" or "{LATEST}", got {self.held!r}')
        for began, ended in self.without:
            if began.tzinfo is None or ended.tzinfo is None or ended < began:
                raise InvalidSetting(
                    "without must be of two moments each, in order and with a zone, like "
                    f'["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]; got {began} and {ended}'
                )
        if self.mix not in (EVEN, REGIMES):
            raise InvalidSetting(f'mix must be "{EVEN}" or "{REGIMES}", got {self.mix!r}')
        if self.half_life is not None:
            require(seconds(self.half_life) > 0, "half_life", self.half_life, "above 0")


class Comparing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a challenger wins, in the words of `hs.decide`.

    alpha, margin, minimum: of the decision. most: pairs after which it ends undecided; patience:
    the records' time after which it does. loss: "wrong" (0 or 1), or of numbers "absolute" or
    "squared", with `bound` as the largest. segments: features by whose values it may be no worse
    than `segment_margin`; segment_proof: each has to be shown to be no worse. slower: times the
    champion's latency, and larger: times its size, that a challenger may be; None for any. memory:
    so many records from before its training data are drawn, of each regime as many, on which a
    challenger with a scorer may be no worse than `memory_margin`; 0 for no such look. covariate:
    what is known of a record before its label ("score", "scores.NAME", a feature), with which a
    difference is adjusted for the records that have none; needs a scorer. labels_within: the
    records' time after which a record without a label is one that has none, for a covariate;
    label_share: the probability of a label, where it is known. automatic:
    False leaves a promotion to a person. watch: pairs, and watch_for: the records' time, for which
    the version that was replaced is compared after a promotion; 0 for no watch. watch_alpha: of
    that comparison; watch_margin: it wins if it is better by more.
    """

    alpha: float = 0.05
    margin: float = 0.0
    minimum: int = 200
    most: int = 100_000
    patience: str | float = "30d"
    loss: str = "wrong"
    bound: float = 1.0
    segments: tuple[str, ...] = ()
    segment_margin: float = 0.05
    segment_proof: bool = False
    slower: float | None = None
    larger: float | None = None
    memory: int = 0
    memory_margin: float = 0.05
    covariate: str | None = None
    labels_within: str | float = "7d"
    label_share: float | None = None
    automatic: bool = True
    watch: int = 20_000
    watch_for: str | float = "30d"
    watch_alpha: float = 0.05
    watch_margin: float = 0.0

    def check(self) -> None:
        """Raises InvalidSetting for what cannot be."""
        for name in ("alpha", "watch_alpha"):
            require(0 < getattr(self, name) < 1, name, getattr(self, name), "above 0, below 1")
        for name in ("margin", "watch_margin", "segment_margin", "memory_margin"):
            require(0 <= getattr(self, name) < 1, name, getattr(self, name), "from 0, below 1")
        for name in ("minimum", "most", "watch", "memory"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        if self.loss not in LOSSES:
            raise InvalidSetting(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        require(self.bound > 0, "bound", self.bound, "above 0")
        if self.segment_proof and not self.segments:
            raise InvalidSetting("segment_proof needs segments: features by whose values to look")
        self._check_covariate()
        for name in ("slower", "larger"):
            given = getattr(self, name)
            require(given is None or given > 0, name, given, "above 0")

    def _check_covariate(self) -> None:
        require(self.covariate != "", "covariate", self.covariate, "a name, like score")
        share, wait = self.label_share, self.label_micros
        require(share is None or 0 < share <= 1, "label_share", share, "above 0, at most 1")
        in_time = 0 <= wait < seconds(self.patience) * _SECOND or self.covariate is None
        require(in_time, "labels_within", self.labels_within, "from 0, below patience")

    @property
    def label_micros(self) -> int:
        """How long a label is waited for, in microseconds."""
        return round(seconds(self.labels_within) * _SECOND)


class Recalling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When earlier versions are tried again, in the place of a retraining.

    versions: at most so many, those made last; 0 for none. records: the latest labelled records
    that the champion has served since its promotion, on which each is compared with it. alpha: of
    one look, the probability that a version is recalled that is not better, over all versions
    together: each is tested at alpha divided by how many are compared (C. E. Bonferroni 1936).
    margin: it has to be better by more. minimum: pairs before a verdict. cooldown: between two
    looks; every: after so long one looks without a request too, None for never; both in the
    records' time. instead: what is recalled takes the place of the training that was asked for;
    False trains all the same, and the new version then challenges the recalled one.
    """

    versions: int = 0
    records: int = 2000
    alpha: float = 0.05
    margin: float = 0.0
    minimum: int = 200
    cooldown: str | float = "1h"
    every: str | float | None = None
    instead: bool = True

    @property
    def wanted(self) -> bool:
        """Whether there is any look."""
        return self.versions > 0

    def micros(self, name: str) -> int:
        """One of its spans of time, in microseconds."""
        return round(seconds(getattr(self, name)) * _SECOND)

    def check(self) -> None:
        """Raises InvalidSetting for what cannot be."""
        require(0 <= self.versions <= 100, "versions", self.versions, "from 0 to 100")
        require(1 <= self.records <= _MOST, "records", self.records, f"from 1 to {_MOST:,}")
        require(0 < self.alpha < 1, "alpha", self.alpha, "above 0, below 1")
        require(0 <= self.margin < 1, "margin", self.margin, "from 0, below 1")
        require(self.minimum >= 0, "minimum", self.minimum, "at least 0")
        for name in ("cooldown", "every"):
            if getattr(self, name) is not None:
                require(self.micros(name) >= 0, name, getattr(self, name), "at least 0")
        require(self.every is None or self.micros("every") > 0, "every", self.every, "above 0")


class Leading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers between promotions: the version that has been best on the latest labels.

    versions: the latest so many, of which one leads; 0 for none, the champion answers. among: those
    that have been "promoted", or all that are "registered", from their registration on; one that
    is rejected or taken back leads no more. lasts: labelled records for which the best of them
    stays the best, about, as of `hs.FixedShare`.
    """

    versions: int = 0
    among: str = PROMOTED
    lasts: int = 2_000

    @property
    def wanted(self) -> bool:
        """Whether another version than the champion may answer."""
        return self.versions > 0

    def check(self) -> None:
        """Raises InvalidSetting for what cannot be."""
        require(self.versions == 0 or 2 <= self.versions <= 100, "versions", self.versions,
                "0 or from 2 to 100")  # fmt: skip
        if self.among not in (PROMOTED, REGISTERED):
            raise InvalidSetting(
                f'among must be "{PROMOTED}" or "{REGISTERED}", got {self.among!r}'
            )
        require(self.lasts >= 2, "lasts", self.lasts, "at least 2")


_SECOND = 1_000_000
_MOST = 100_000


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `trainer`, `scorer` are tables as those plug-ins are described.

    parameters: handed to the trainer with every order.
    """

    trainer: dict[str, Any] | None = None
    scorer: dict[str, Any] | None = None
    parameters: dict[str, Any] = {}
    rules: Rules = Rules()
    data: Data = Data()
    compare: Comparing = Comparing()
    recall: Recalling = Recalling()
    leader: Leading = Leading()


def course_of(given: Mapping[str, Any], path: str) -> Course:
    """The section as it stands in the configuration, checked; raises ConfigError with its path."""
    _known(given, Course, path)
    for name, kind in _PARTS.items():
        if isinstance(given.get(name), Mapping):
            _known(given[name], kind, f"{path}.{name}")
    try:
        course = msgspec.convert(given, Course)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        said = said.replace("Expected", "must be").replace("`", "")
        raise ConfigError(f"{path}{place.rstrip('`')}: {said}") from error
    if course.compare.covariate is not None and course.scorer is None:
        table = f"[{path.rpartition(' ')[2]}.scorer]"
        raise ConfigError(f"{path}.compare.covariate: needs a scorer; add a table {table}")
    if course.leader.wanted:
        _leads(course, path)
    for name in _PARTS:
        try:
            getattr(course, name).check()
        except HomeostatError as error:
            raise ConfigError(f"{path}.{name}: {error}") from error
    return course


def _leads(course: Course, path: str) -> None:
    """Raises ConfigError for what does not go with a leader."""
    if course.scorer is None:
        table = f"[{path.rpartition(' ')[2]}.scorer]"
        raise ConfigError(
            f"{path}.leader: needs a scorer, which lets the versions predict that did not; "
            f"add a table {table}"
        )
    if course.recall.wanted:
        raise ConfigError(
            f"{path}.leader: does not go with recall: a leader is an earlier version that is tried "
            "again at each label; take one of them out"
        )
    if course.compare.covariate is not None:
        raise ConfigError(
            f"{path}.leader: does not go with compare.covariate: most records are served by "
            "another version than the champion; take one of them out"
        )


_PARTS: dict[str, type[msgspec.Struct]] = {
    "rules": Rules,
    "data": Data,
    "compare": Comparing,
    "recall": Recalling,
    "leader": Leading,
}


def _known(given: Mapping[str, Any], kind: type[msgspec.Struct], path: str) -> None:
    for name in given:
        if name not in kind.__struct_fields__:
            hint = did_you_mean(name, kind.__struct_fields__)
            raise ConfigError(f"{path}.{name}: no such setting; {hint}")
