"""What happened: the closed list of event kinds, their payloads, and their JSON.

On the wire an event is externally tagged, as serde tags an enum: `{"MetricUpdated": {...}}`.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from homeostat import times
from homeostat.errors import InvalidInput, did_you_mean


class _Payload(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    pass


class MetricEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A metric's new value; NaN (null in JSON) where it is not defined yet.

    A metric that is an estimate may add `lower` and `upper`, the ends of its interval, and `n`,
    the observations that it rests on. They are beyond the seed, and left out when not known.
    """

    name: str
    value: float
    model_version: str
    created_at: datetime
    n: int | None = None
    lower: float | None = None
    upper: float | None = None


class DriftEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A detector's alarm: `observed` crossed `threshold` on the series `metric`.

    What follows is beyond the seed, and left out when not known. `detector` names the detector;
    `direction` says whether the change is for the `worse`, the `better`, or just a `change`, or
    that the data are `broken`: a column is gone, new, or of another type;
    `changed_at` is when it most likely began, and `since` how many observations ago; `evidence`
    is what the detector shows for it, as plain data.
    """

    affected_model: str
    metric: str
    threshold: float
    observed: float
    created_at: datetime
    detector: str | None = None
    direction: str | None = None
    changed_at: datetime | None = None
    since: int | None = None
    evidence: dict[str, Any] | None = None


class EpisodeEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """The end of what a detector's alarm had begun: when that was, and how many alarms it had."""

    affected_model: str
    metric: str
    began_at: datetime
    alarms: int
    created_at: datetime
    detector: str | None = None
    direction: str | None = None


class RetrainEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A strategy asks for a retraining, and says why."""

    model_version: str
    reason: str
    created_at: datetime


class FailureEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A plug-in raised; it was set aside for that record, everything else went on."""

    plugin: str
    error: str
    created_at: datetime


class DecisionEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A challenger was compared with the champion: accuracies on records neither had seen.

    What follows `challenger_accuracy` is beyond the first demo, and left out when not known: the
    job that made the challenger, the numbers of the events that began it in the model's log, who
    decided (None for the comparison itself), and what the comparison shows as plain data.
    """

    model_version: str
    challenger: str
    reason: str
    created_at: datetime
    n: int | None = None
    champion_accuracy: float | None = None
    challenger_accuracy: float | None = None
    job: str | None = None
    causes: list[int] | None = None
    by: str | None = None
    evidence: dict[str, Any] | None = None


class LeaderEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """`model_version` leads in the place of `previous`; weights: of all that may, 1 together."""

    model_version: str
    previous: str
    created_at: datetime
    weights: dict[str, float]


class SuppressedEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """Requests that made no job: why, how many, and their numbers in the log (at most 100)."""

    model_version: str
    reason: str
    created_at: datetime
    requests: int
    causes: list[int] | None = None


class JobEvent(_Payload, frozen=True, gc=False, omit_defaults=True):
    """A retraining: its job, the attempt, why it was asked for, and the events that began it.

    `version`, `artifact` and `metrics` are of what it made, `problem` is why it failed, `by` who
    asked or ended it where that was a person. `origin` of a challenger is `trained`, or `recalled`
    where an earlier version is tried again; then `metrics` are of the look that has found it.
    """

    model_version: str
    job: str
    reason: str
    created_at: datetime
    attempt: int = 1
    causes: list[int] | None = None
    version: str | None = None
    artifact: str | None = None
    metrics: dict[str, float] | None = None
    problem: str | None = None
    by: str | None = None
    origin: str | None = None


class SystemEvent(msgspec.Struct, frozen=True, gc=False):
    """The base of all events; an event's kind is its class, its content the `payload`.

    The payload's fields can be read from the event itself: `event.value`, `event.created_at`.
    """

    payload: Any

    kinds: ClassVar[dict[str, type[SystemEvent]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        SystemEvent.kinds[cls.__name__] = cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.payload, name)

    @property
    def kind(self) -> str:
        """The tag on the wire."""
        return type(self).__name__

    def to_json(self) -> str:
        """The event as one JSON object, byte for byte as the seed's serde writes it."""
        return msgspec.json.encode(self.to_dict()).decode()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The event as plain data, shaped as on the wire."""
        fields = msgspec.structs.asdict(self.payload)
        for name in _TIMES & fields.keys():
            if fields[name] is not None:
                fields[name] = times.to_text(fields[name])
        required = len(fields) - len(self.payload.__struct_defaults__)
        kept = {
            name: value
            for at, (name, value) in enumerate(fields.items())
            if at < required or value is not None
        }
        return {self.kind: kept}

    @staticmethod
    def from_json(data: str | bytes | bytearray) -> SystemEvent:
        """Read one event; raises InvalidInput for JSON that is none."""
        try:
            tagged = msgspec.json.decode(data, type=dict[str, dict[str, Any]])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidInput("event", f"is not valid: {error}", _SHAPE) from None
        if len(tagged) != 1:
            raise InvalidInput("event", f"has {len(tagged)} tags instead of one", _SHAPE)
        ((kind, fields),) = tagged.items()
        if kind not in SystemEvent.kinds:
            raise InvalidInput(kind, "is no kind of event", did_you_mean(kind, SystemEvent.kinds))
        return SystemEvent.kinds[kind]._from_fields(fields)

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> SystemEvent:
        payload = cls.__annotations__["payload"]
        payload = globals()[payload] if isinstance(payload, str) else payload
        undefined = {name for name in _NUMBERS & fields.keys() if fields[name] is None}
        fields = fields | dict.fromkeys(undefined, math.nan)
        try:
            texts = {name for name in _TIMES & fields.keys() if isinstance(fields[name], str)}
            fields = fields | {name: times.parse(fields[name]) for name in texts}
            return cls(msgspec.convert(fields, payload))
        except (msgspec.ValidationError, ValueError) as error:
            raise InvalidInput(cls.__name__, f"is not valid: {error}") from None


_NUMBERS = {"value", "threshold", "observed"}  # null in JSON where they are not defined
_TIMES = {"created_at", "changed_at", "began_at"}
_SHAPE = 'an event is one tagged object, like {"MetricUpdated": {...}}'


class MetricUpdated(SystemEvent, frozen=True, gc=False):
    """A metric has a new value."""

    payload: MetricEvent


class DriftDetected(SystemEvent, frozen=True, gc=False):
    """A detector raised an alarm."""

    payload: DriftEvent


class DriftEnded(SystemEvent, frozen=True, gc=False):
    """An episode of drift is over: the detector has been quiet, or saw the opposite change."""

    payload: EpisodeEvent


class RetrainRequested(SystemEvent, frozen=True, gc=False):
    """A strategy asked for a retraining."""

    payload: RetrainEvent


class PluginFailed(SystemEvent, frozen=True, gc=False):
    """A metric, detector or strategy raised for the first time since it last worked."""

    payload: FailureEvent


class ModelPromoted(SystemEvent, frozen=True, gc=False):
    """A challenger became the champion."""

    payload: DecisionEvent


class ChallengerRejected(SystemEvent, frozen=True, gc=False):
    """A challenger was no better; the champion stays."""

    payload: DecisionEvent


class ChallengerReady(SystemEvent, frozen=True, gc=False):
    """A challenger is shown to be better; it serves when a person says so."""

    payload: DecisionEvent


class ChallengerUndecided(SystemEvent, frozen=True, gc=False):
    """The time of a comparison was over before it could tell; the champion stays."""

    payload: DecisionEvent


class ModelRolledBack(SystemEvent, frozen=True, gc=False):
    """The version that served before serves again; `challenger` is the one that gave way."""

    payload: DecisionEvent


class WatchEnded(SystemEvent, frozen=True, gc=False):
    """The champion stays, and `challenger`, which it replaced, is compared with it no more."""

    payload: DecisionEvent


class LeaderChanged(SystemEvent, frozen=True, gc=False):
    """Another version answers from now on, for it has been best lately; the champion stays."""

    payload: LeaderEvent


class RetrainSuppressed(SystemEvent, frozen=True, gc=False):
    """Requests for a retraining that made none, with the reason."""

    payload: SuppressedEvent


class RetrainQueued(SystemEvent, frozen=True, gc=False):
    """A request for a retraining became a job."""

    payload: JobEvent


class RetrainStarted(SystemEvent, frozen=True, gc=False):
    """A retraining runs."""

    payload: JobEvent


class RetrainSucceeded(SystemEvent, frozen=True, gc=False):
    """A retraining made a new version."""

    payload: JobEvent


class RetrainFailed(SystemEvent, frozen=True, gc=False):
    """A retraining made none: it failed, took too long, was lost or cancelled."""

    payload: JobEvent


class ChallengerRegistered(SystemEvent, frozen=True, gc=False):
    """A new version is compared with the champion from now on."""

    payload: JobEvent
