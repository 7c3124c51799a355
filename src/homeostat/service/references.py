"""What a model's inputs are compared with: its references, or how far they are learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from homeostat.engine import Engine
from homeostat.reference import Reference
from homeostat.service.replies import number


def references(engine: Engine) -> list[dict[str, Any]]:
    """Of each detector that has one: the reference's columns, or None while it learns."""
    return [
        {"detector": detector.name, "on": detector.on, "reference": _told(found)}
        for detector in engine.detectors
        for found in _references(detector)
    ]


def _references(detector: Any) -> Iterable[Reference | None]:
    if hasattr(detector, "learned"):
        yield detector.learned
    elif hasattr(detector, "detector"):  # one within another
        yield from _references(detector.detector)


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
