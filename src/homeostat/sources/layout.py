"""Which column of a table is which field of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.record import InferenceRecord
from homeostat.validation import text

_FIELDS = {field.name: field.required for field in msgspec.structs.fields(InferenceRecord)}

KNOWN = tuple(_FIELDS)
REQUIRED = tuple(name for name, required in _FIELDS.items() if required)
NESTED = ("features", "scores")

LABELS = ("predicted_label", "ground_truth_label")


def path(name: str) -> tuple[str, ...]:
    """`features.age` as ("features", "age"), any other name as itself alone."""
    outer, dot, inner = name.partition(".")
    return (outer, inner) if dot and inner and outer in NESTED else (name,)


def is_known(name: str) -> bool:
    """Whether a column is one of a record's."""
    return path(name)[0] in KNOWN


def check(names: Sequence[str], unknown: str, where: str) -> None:
    """Refuse columns that make no records: one missing, one twice, one that is no field."""
    for name in names:
        text("the name of a column", name)
        if names.count(name) > 1:
            raise InvalidInput(name, "is a column twice", "name it once", where)
    if unknown == "reject":
        for name in names:
            if not is_known(name):
                raise InvalidInput(name, "is no field of a record", _mend(name, names), where)
    for name in REQUIRED:
        if name not in names:
            hint = f"the columns are {', '.join(names)}"
            raise InvalidInput(name, "is missing", hint, where)


def _mend(name: str, names: Sequence[str]) -> str:
    """What to do about a column that is no field; one that is there already is not meant."""
    near = did_you_mean(name, [field for field in KNOWN if field not in names])
    join = " Or" if near.endswith("?") else "; or"
    return (
        f"{near}{join} call a feature's column features.{name}, or pass --unknown features, "
        "metadata or ignore"
    )


def gathered(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as `Batch.from_mapping` takes them: `features.x` and `scores.x` put together."""
    taken: dict[str, Any] = {}
    for name, values in columns.items():
        outer, *inner = path(name)
        if inner:
            taken.setdefault(outer, {})[inner[0]] = values
        else:
            taken[name] = values
    return taken


def with_extra(metadata: Any, extra: Mapping[str, Any]) -> Any:
    """Metadata that also holds the unknown fields; its own entries win."""
    if not extra:
        return metadata
    if metadata is None:
        return dict(extra)
    own = metadata if isinstance(metadata, Mapping) else {"metadata": metadata}
    return {**extra, **own}


def with_features(columns: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of which the unknown ones are features; those that are named as such win."""
    return {f"features.{name}": values for name, values in extra.items()} | dict(columns)


def metadata_rows(
    metadata: Iterable[Any], extra: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any] | None]:
    """Per row its metadata with the cells of unknown columns that are not empty."""
    rows = zip(*extra.values(), strict=True)
    return [
        with_extra(
            own, {name: cell for name, cell in zip(extra, row, strict=True) if cell is not None}
        )
        for own, row in zip(metadata, rows, strict=True)
    ]


def from_text(value: Any) -> Any:
    """A metadata cell: an object or array written as JSON is read, any other text is kept."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput("metadata", f"is not valid JSON: {error}", "quote it as text") from None
