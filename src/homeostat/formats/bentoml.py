"""BentoML's monitoring logs: `data.*.log`, a row a prediction; `schema.*.log`, the roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.formats.format import Format, Found, State
from homeostat.formats.table import Table

_OWN = ("timestamp", "request_id", "trace_id", "meta_data", "columns")
_ROLES = {"feature": "feature", "prediction": "prediction", "target": "target"}
_ANSWERS = ("pred", "prediction", "predictions", "predicted_label", "label", "class", "output")


class Monitored:
    """A reading: a schema line tells the roles of the columns in the rows that follow it."""

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}
        self._about: dict[str, str] = {}

    def read(self, table: Table) -> Found:
        """The columns of the rows, each under its role."""
        schemas = table.column("columns")
        for row, columns in enumerate(schemas):
            if isinstance(columns, list) and table.column("meta_data")[row] is not None:
                self._learn(columns, table.column("meta_data")[row])
        kept = [row for row, columns in enumerate(schemas) if columns is None]
        if not kept:
            return Found({}, [], [], len(table))
        places = [table.place(row) for row in kept]
        return Found(self._columns(table, kept), places, [], len(table) - len(kept))

    def _columns(self, table: Table, kept: Sequence[int]) -> dict[str, Sequence[Any]]:
        def taken(name: str) -> list[Any]:
            column = table.column(name)
            return [column[row] for row in kept]

        columns: dict[str, Sequence[Any]] = {
            "time": taken("timestamp"),
            "id": [_id(one) for one in taken("request_id")],
            "trace": [_id(one) for one in taken("trace_id")],
            **{name: [value] * len(kept) for name, value in self._about.items()},
        }
        for name in table.names:
            if name not in _OWN:
                columns[f"{self._role(name)}.{name}"] = taken(name)
        return columns

    def _role(self, name: str) -> str:
        if self._roles:
            return self._roles.get(name, "feature")
        return "prediction" if name in _ANSWERS else "feature"

    def _learn(self, columns: Sequence[Any], about: Any) -> None:
        self._roles = {
            str(each.get("name")): _ROLES.get(str(each.get("role")), "feature")
            for each in columns if isinstance(each, Mapping)
        }  # fmt: skip
        named = {"model": "bento_name", "version": "bento_version"}
        given = about if isinstance(about, Mapping) else {}
        self._about = {
            name: str(given[key]) for name, key in named.items()
            if given.get(key) and given[key] != "not available"
        }  # fmt: skip

    def end(self) -> Found:
        """Nothing waits."""
        return Found({}, [])

    def state(self) -> State:
        """The roles."""
        return {"roles": self._roles, "about": self._about} if self._roles else {}

    def resume(self, state: State) -> None:
        """Know these roles again."""
        self._roles, self._about = dict(state.get("roles", {})), dict(state.get("about", {}))


def _id(text: Any) -> Any:
    """BentoML writes "None" and "0" where there is none."""
    return None if text in (None, "None", "0", "") else str(text)


def _sniff(sample: Table) -> float:
    names = set(sample.names)
    data = {"timestamp", "request_id", "trace_id"} <= names
    return 0.9 if data or {"meta_data", "columns"} <= names else 0.0


FORMAT = Format(
    name="bentoml",
    title="BentoML monitoring log",
    rules={
        "model": ("model", "=default"),
        "model_version": ("version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("=0",),
        "features": ("feature.*",),
        "predicted_label": (*(f"prediction.{name}" for name in _ANSWERS), "prediction.?"),
        "ground_truth_label": ("target.?",),
    },
    sniff=_sniff,
    new=Monitored,
)
"""The files of one monitor; give the schema file too, or roles go by the columns' names."""
