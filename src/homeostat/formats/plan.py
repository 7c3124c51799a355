"""Which column of a format becomes which field of a record, and the records that come of it.

Of each field the rules name the columns it may come from; the first that is there is taken:
a column by its name, `=text` for a constant, `prefix.*` for all columns that begin so (of
`features` and `scores`), `*` for all that nothing else takes, `prefix.?` for the only plain one,
and `max(scores)` for the class with the highest score. What the user states goes before the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean
from homeostat.formats.format import Found, Rules
from homeostat.formats.moments import any_naive, zoned
from homeostat.formats.payload import cell
from homeostat.intake import Faults
from homeostat.record import InferenceRecord

FIELDS = InferenceRecord.__struct_fields__
TRUTH = ("record_id", "label", "time", "model")
"""The fields of a label."""

GROUPS = ("features", "scores")
LARGEST = "max(scores)"
_REQUIRED = ("model_version", "predicted_label", "latency_ms", "created_at")
_TEXTS = ("record_id", "model", "model_version")
_SCORE_NAMES = ("score", "scores", "probability", "confidence", "proba")

_ANSWERS = (
    "predicted_label", "prediction", "predictions", "predicted_class", "predict", "label", "class",
    "pred", "y_pred", "output_label", "output", "output-0", "output_0",
)  # fmt: skip
_CHANCES = (
    "predict_proba", "probabilities", "output_probability", "probability", "proba", "scores",
    "score", "confidences", "predictions", "output-0", "output_0",
)  # fmt: skip
RESPONSE: Rules = {
    "features": ("request.*",),
    "predicted_label": (*(f"response.{name}" for name in _ANSWERS), "response.?", LARGEST),
    "scores": tuple(f"response.{name}.*" for name in _CHANCES),
    "score": ("response.score", "response.confidence", "response.probability"),
}
"""The rules of all formats that log requests and responses as they are."""

Given = Mapping[str, str | list[str]]
"""What a user states: by field its column, `=constant`, or for features a list of columns."""


class Line(msgspec.Struct, frozen=True):
    """One line of what is told of a mapping: a field, where it comes from, and a remark."""

    field: str
    column: str
    note: str = ""


class Plan(msgspec.Struct, frozen=True):
    """By field the column or constant that it is; `defaults` stand in for what a row lacks."""

    fields: dict[str, str | list[str]]
    defaults: dict[str, str]
    zone: str
    assumed: bool

    def batch(self, found: Found, rejects: Faults) -> Batch:
        """The records of some rows; those that are none are listed in `rejects` by their row."""
        columns, n = found.columns, len(found.places)
        given: dict[str, Any] = {}
        for field, source in self.fields.items():
            if field in GROUPS:
                given.setdefault(field, {}).update(self._group(field, source, columns))
            elif "." in field:
                group, _, name = field.partition(".")
                given.setdefault(group, {})[name] = self._column(field, str(source), columns, n)
            else:
                given[field] = self._column(field, str(source), columns, n)
        if self.fields.get("predicted_label") == LARGEST:
            given["predicted_label"] = _largest(given["scores"], n)
        given["created_at"] = zoned(given["created_at"], self.zone)
        return Batch.from_mapping(given, rejects)

    def truths(self, found: Found) -> dict[str, Sequence[Any]]:
        """The columns of labels: record_id, label, time and model."""
        n = len(found.places)
        taken = {
            name: self._column(name, str(source), found.columns, n)
            for name, source in self.fields.items()
        }
        return {name: taken.get(name, [None] * n) for name in TRUTH}

    def _column(self, field: str, source: str, columns: Mapping[str, Any], n: int) -> Any:
        if source == LARGEST:
            return None
        if source.startswith("="):
            return [_constant(field, source)] * n
        values = columns.get(source)
        if values is None:
            values = [None] * n
        if field in _TEXTS:
            values = _texts(values)
        default = self.defaults.get(field)
        if default is None or (isinstance(values, np.ndarray) and values.dtype.kind != "O"):
            return values
        if all(value is not None for value in values):
            return values
        constant = _constant(field, default)
        return [constant if value is None else value for value in values]

    def _group(
        self, field: str, source: str | list[str], columns: Mapping[str, Any]
    ) -> dict[str, Any]:
        if isinstance(source, list):
            return {name: columns[name] for name in source if name in columns}
        prefix = source.removesuffix("*")
        return {
            name.removeprefix(prefix): values
            for name, values in columns.items()
            if name.startswith(prefix)
            and f"{field}.{name.removeprefix(prefix)}" not in self.fields
            and not (prefix == "" and self._taken(name))
        }

    def _taken(self, column: str) -> bool:
        """Whether a field is this column, or a group has it."""
        return any(_is_of(column, source) for source in self.fields.values())

    def unsaid(self, found: Found) -> set[str]:
        """The fields with a constant to stand in, of which these rows hold nothing at all."""
        columns = {name: found.columns.get(str(self.fields[name])) for name in self.defaults}
        return {name for name, values in columns.items() if _is_empty(values)}

    def told(self, unsaid: Collection[str] = ()) -> list[Line]:
        """Each field and where it comes from, in the order of a record.

        Of an `unsaid` field that is the constant which stood in for it.
        """
        fields = {**self.fields, **{name: self.defaults[name] for name in unsaid}}
        order = {name: at for at, name in enumerate((*FIELDS, *TRUTH))}
        by_place = sorted(fields, key=lambda name: order.get(name.partition(".")[0], 99))
        return [self._line(field, fields[field]) for field in by_place]

    def _line(self, field: str, source: str | list[str]) -> Line:
        if isinstance(source, list):
            return Line(field, ", ".join(source))
        if source.startswith("="):
            same = self.defaults.get(field) == source
            note = "the format does not say it" if same else "stated"
            return Line(field, source, note)
        if field in ("created_at", "time") and self.assumed:
            return Line(field, source, f"where it has no zone, taken as {self.zone}")
        return Line(field, source)


def resolve(rules: Rules, given: Given, found: Found, zone: str | None = None) -> Plan:
    """The plan for rows like these; raises InvalidInput naming a field that nothing is for."""
    names = list(found.columns)
    truth = "label" in rules
    known = TRUTH if truth else FIELDS
    for field, source in given.items():
        _check(field, source, names, known)
    fields: dict[str, str | list[str]] = dict(given)
    for field, candidates in rules.items():
        if field not in given:
            fitting = next((each for each in candidates if _fits(field, each, found)), None)
            if fitting is not None:
                fields[field] = _only(fitting, names)
    if fields.get("predicted_label") == LARGEST and "scores" not in fields:
        del fields["predicted_label"]
    for field in ("record_id", "label") if truth else _REQUIRED:
        if field not in fields:
            hint = f'state it: mapping = {{ {field} = "..." }}; there are {", ".join(names)}'
            raise InvalidInput(field, "comes from no column of this format", hint)
    defaults = {
        field: candidates[-1]
        for field, candidates in rules.items()
        if candidates and candidates[-1].startswith("=") and field not in given
    }
    times = found.columns.get(str(fields.get("time" if truth else "created_at")), ())
    return Plan(fields, defaults, zone or "UTC", zone is None and any_naive(times))


def _check(field: str, source: str | list[str], names: list[str], known: Iterable[str]) -> None:
    outer, dot, _ = field.partition(".")
    if outer not in known or (dot and outer not in GROUPS):
        raise InvalidInput(f"mapping.{field}", "is no field", did_you_mean(field, known))
    for each in [source] if isinstance(source, str) else source:
        if each.startswith("=") or each == LARGEST:
            continue
        prefix = each.removesuffix("*")
        there = any(n.startswith(prefix) for n in names) if prefix != each else each in names
        if not there:
            raise InvalidInput(f"mapping.{field}", f"names {each!r}, which is no column here",
                               did_you_mean(each, names))  # fmt: skip


def _fits(field: str, source: str, found: Found) -> bool:
    if source.startswith("=") or source == LARGEST:
        return True
    names = list(found.columns)
    if source.endswith("?"):
        return _only(source, names) != source
    if not source.endswith("*"):
        return source in names
    columns = [found.columns[name] for name in names if name.startswith(source[:-1])]
    if field == "scores":
        return len(columns) > 1 and all(map(_chances, columns))
    return bool(columns)


def _only(source: str, names: Sequence[str]) -> str:
    """The one plain column under a prefix that is no score; the source where there is none."""
    if not source.endswith("?"):
        return source
    prefix = source[:-1]
    plain = [
        name for name in names
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
        and name.removeprefix(prefix) not in _SCORE_NAMES
    ]  # fmt: skip
    return plain[0] if len(plain) == 1 else source


def _chances(values: Sequence[Any]) -> bool:
    """Whether all that is there can be probabilities."""
    given = [value for value in values if value is not None]
    return bool(given) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        for value in given
    )


def _is_of(column: str, source: str | list[str]) -> bool:
    if isinstance(source, list):
        return column in source
    prefix = source.removesuffix("*")
    return column == source or ("" < prefix != source and column.startswith(prefix))


def _is_empty(values: Any) -> bool:
    if values is None:
        return True
    known = isinstance(values, np.ndarray) and values.dtype.kind != "O"
    return not known and all(value is None for value in values)


def _texts(values: Any) -> Any:
    """Numbers as text, whole ones without a fraction; what is text stays as it is."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind not in "iuf":
            return values
        values = values.tolist()
    if set(map(type, values)) <= {str, type(None)}:
        return values
    return [None if value is None or value != value else _text(value) for value in values]


def _text(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value


def _constant(field: str, source: str) -> Any:
    text = source[1:]
    return cell(text) if field == "latency_ms" else text


def _largest(scores: Mapping[str, Any], n: int) -> list[Any]:
    """Of each row the class with the highest score; None where it has none."""
    names = [cell(name) for name in scores]
    rows = zip(*scores.values(), strict=True) if names else [()] * n
    found = []
    for row in rows:
        known = [(value, -at) for at, value in enumerate(row) if value is not None]
        found.append(names[-max(known)[1]] if known else None)
    return found
