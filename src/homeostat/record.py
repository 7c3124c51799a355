"""One prediction: what was said, the truth if known, how long it took, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.times import to_text
from homeostat.validation import CHECKS, moment, plain_features

Label: TypeAlias = str | int | float | bool
Feature: TypeAlias = str | int | float | bool | None

if TYPE_CHECKING:
    _Label: TypeAlias = Label
    _Latency: TypeAlias = int | float
    _Time: TypeAlias = datetime
    _Features: TypeAlias = Mapping[str, Feature]
    _Scores: TypeAlias = Mapping[str, float]
    _Text: TypeAlias = str
    _Score: TypeAlias = float
else:
    # msgspec checks types only when it decodes; `validation` checks them on every way in,
    # with messages that name the field, so the decoder is told to take anything.
    _Text = _Label = _Latency = _Time = _Score = _Scores = _Features = Any


class InferenceRecord(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One prediction of a model in production. Immutable.

    `predicted_label` and `ground_truth_label` are text for classes, numbers for regression
    (numbers may also be classes: the metric decides); the truth is None until it is known.
    `latency_ms` is in milliseconds, at least 0. `created_at` must know its zone and is kept in
    UTC to the microsecond; RFC 3339 text is read too. `metadata` is any JSON value (copied), at
    most 100 levels deep and 1 MiB. `score` is the model's confidence in its prediction, `scores`
    one probability per class, `features` a flat mapping (NaN is taken as missing). `record_id`
    names the prediction; `model` tells models apart, `model_version` the versions of one.

    Raises InvalidInput, naming the field, for anything else: NaN or infinite numbers, a negative
    latency, a time without zone, text that is no UTF-8 or holds a NUL; in JSON also for a missing
    or unknown field. About 0.3 µs to make without metadata and features.
    """

    model_version: _Text
    predicted_label: _Label
    # A factory, so that a null is written as the seed writes it although other defaults are not.
    ground_truth_label: _Label | None = msgspec.field(default_factory=NoneType)
    latency_ms: _Latency
    created_at: _Time
    metadata: Any = msgspec.field(default_factory=NoneType)
    record_id: _Text | None = None
    model: _Text = "default"
    score: _Score | None = None
    scores: _Scores | None = None
    features: _Features | None = None

    def __post_init__(self) -> None:
        created = self.created_at
        if type(created) is not datetime or created.tzinfo is not UTC:
            msgspec.structs.force_setattr(self, "created_at", moment("created_at", created))
        # The common record passes in a few comparisons; anything unusual is looked at in full.
        version, predicted, truth = (
            self.model_version, self.predicted_label, self.ground_truth_label,
        )  # fmt: skip
        if (
            not (
                type(version) is str
                and version in _SEEN
                and type(predicted) is str
                and predicted in _SEEN
                and (truth is None or (type(truth) is str and truth in _SEEN))
                and type(self.latency_ms) is int
                and 0 <= self.latency_ms < 4_000_000_000  # a small number, to compare fast
                and self.metadata is None
                and self.features is None
                and self.score is None
                and self.scores is None
                and self.record_id is None
                and self.model == "default"
            )
            and not self._is_usual()
        ):
            self._validate()

    def _is_usual(self) -> bool:
        """The same for one with an id and plain features; these are copied."""
        score, features, one = self.score, self.features, self.record_id
        usual = (
            type(self.model_version) is type(self.model) is str
            and self.model_version in _SEEN
            and self.model in _SEEN
            and type(self.predicted_label) is str
            and self.predicted_label in _SEEN
            and (
                (truth := self.ground_truth_label) is None
                or (type(truth) is str and truth in _SEEN)
            )
            and type(self.latency_ms) in _NUMBERS
            and 0 <= self.latency_ms < 4_000_000_000
            and self.metadata is None
            and self.scores is None
            and (score is None or (type(score) is float and -1e300 < score < 1e300))
            and (one is None or (type(one) is str and one.isascii() and "\0" not in one))
            and (features is None or (type(features) is dict and plain_features(features)))
        )
        if usual and features is not None:
            msgspec.structs.force_setattr(self, "features", dict(features))
        return usual

    def _validate(self) -> None:
        for name, check in CHECKS.items():
            given = getattr(self, name)
            taken = check(name, given)
            if taken is not given:
                msgspec.structs.force_setattr(self, name, taken)
        if len(_SEEN) < _SEEN_MAX:
            texts = (self.model_version, self.predicted_label, self.ground_truth_label, self.model)
            _SEEN.update(text for text in texts if type(text) is str)

    @classmethod
    def dummy_ok(cls) -> Self:
        """A right prediction made just now, for tests and examples."""
        return cls(
            model_version="v1.0.0",
            predicted_label="ok",
            ground_truth_label="ok",
            latency_ms=42,
            created_at=datetime.now(UTC),
        )

    def to_json(self) -> str:
        """The record as one JSON object, byte for byte as the seed's serde writes it."""
        return _ENCODER.encode(_Wire.of(self)).decode()

    @classmethod
    def from_json(cls, data: str | bytes | bytearray) -> InferenceRecord:
        """Read one JSON object; raises InvalidInput naming the field that is wrong."""
        try:
            return _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _explained(error, data) from None


class _Wire(msgspec.Struct, omit_defaults=True):
    """The field order of the wire, with the time as text."""

    model_version: Any
    predicted_label: Any
    ground_truth_label: Any
    latency_ms: Any
    created_at: str
    metadata: Any
    record_id: str | None = None
    model: str | None = None
    score: Any = None
    scores: Any = None
    features: Any = None

    @classmethod
    def of(cls, r: InferenceRecord) -> _Wire:
        return cls(
            r.model_version, r.predicted_label, r.ground_truth_label, r.latency_ms,
            to_text(r.created_at), r.metadata, r.record_id,
            None if r.model == "default" else r.model, r.score, r.scores, r.features,
        )  # fmt: skip


# Versions and labels found valid before: there are few, and they come again and again.
_SEEN: set[str] = set()
_SEEN_MAX = 4096
_NUMBERS = (int, float)

_DECODER = msgspec.json.Decoder(InferenceRecord)
_ENCODER = msgspec.json.Encoder(order="deterministic")  # serde_json sorts the keys of a Value
_FIELDS = InferenceRecord.__struct_fields__


def _explained(error: Exception, data: str | bytes | bytearray) -> InvalidInput:
    """The decoder's complaint as one that names the field and the mend."""
    if isinstance(error.__cause__, InvalidInput):
        return error.__cause__
    text = str(error)
    if isinstance(error, RecursionError):
        return InvalidInput("record", "is nested too deeply", "metadata may be 100 levels deep")
    name = text.split("`")[1] if text.count("`") >= 2 else "record"
    if "missing required field" in text:
        return InvalidInput(name, "is missing", f"a record needs {', '.join(_REQUIRED)}")
    if "unknown field" in text:
        return InvalidInput(name, "is no field of a record", did_you_mean(name, _FIELDS))
    if isinstance(error, msgspec.ValidationError):
        place = text.partition("`$.")[2].rstrip("`") or "record"
        return InvalidInput(place, f"cannot be taken: {text}", "send one JSON object a record")
    malformed = InvalidInput("record", f"is not valid JSON: {text}", "send one JSON object a line")
    return _named(data) or malformed


def _named(data: str | bytes | bytearray) -> InvalidInput | None:
    """What is wrong, by its field, where only a laxer reader gets so far.

    Python's takes NaN, Infinity and lone surrogates, which other programs do write.
    """
    try:
        text = data if isinstance(data, str) else data.decode(errors="surrogateescape")
        InferenceRecord(**json.loads(text))
    except InvalidInput as error:
        return error
    except (ValueError, TypeError, RecursionError):
        return None
    return InvalidInput("record", "holds NaN or Infinity, which are no JSON", "write null")


_REQUIRED = ("model_version", "predicted_label", "latency_ms", "created_at")
