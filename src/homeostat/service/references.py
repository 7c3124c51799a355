"""What a model's inputs are compared with: its references, or how far they are learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from homeostat.engine import Engine
from homeostat.reference import Reference
from homeostat.service.replies import number


def references(engine: Engine) -> list[dict[str, Any]]:
    """Of each detector that has one: the reference's columns, or how far it has learned them."""
    return [
        {
            "detector": detector.name,
            "on": detector.on,
            "reference": _told(found.learned),
            "learning": _progress(found.learning),
        }
        for detector in engine.detectors
        for found in _with_reference(detector)
    ]


def _with_reference(detector: Any) -> Iterable[Any]:
    if hasattr(detector, "learned"):
        yield detector
    elif hasattr(detector, "detector"):  # one within another
        yield from _with_reference(detector.detector)


def _progress(learning: tuple[int, int] | None) -> dict[str, int] | None:
    return None if learning is None else {"have": learning[0], "need": learning[1]}


def _told(reference: Reference | None) -> dict[str, Any] | None:
    if reference is None:
        return None
    rows = reference.rows
    columns = []
    for name in reference:
        tally = reference[name]
        share = number(tally.missing / rows) if rows else None
        columns.append({"name": name, "kind": tally.kind, "n": tally.n, "missing": share})
    return {"rows": rows, "fingerprint": reference.fingerprint, "columns": columns}
