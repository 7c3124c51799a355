"""Which features the metrics and detectors of a configuration need, held against what is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from homeostat.privacy import Privacy

_NAMING = ("by", "feature", "columns", "tests")
"""Settings of plug-ins that name features."""

_FIELDS = ("model", "model_version", "predicted_label", "ground_truth_label")


def check_needs(
    privacy: Privacy, metrics: Iterable[Mapping[str, Any]], tables: Iterable[Mapping[str, Any]],
    detectors: Sequence[Any], source: str,
) -> None:  # fmt: skip
    """Raise ConfigError when one needs a feature that is dropped, or its values where those go.

    `tables` are what the detectors are made from. What a plug-in of others needs, nobody knows.
    """
    for kind, each in (("metrics", metrics), ("detectors", tables)):
        for what, name in _named(each):
            privacy.check([name], what, f"{source}: {kind}")
    for detector in detectors:
        for names in _compared(detector):
            privacy.check(names, "a reference", f"{source}: detectors", hashed=False)


def _named(tables: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Features that settings name, with who has them, however deep within another."""
    for table in tables:
        if not isinstance(table, Mapping):
            continue
        for key, value in table.items():
            if key in _NAMING:
                found = (name for name in _names(key, value) if name not in _FIELDS)
                yield from ((str(table.get("type")), name) for name in found)
            else:
                yield from _named([value])


def _names(key: str, value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [] if key == "tests" else [value]  # one test for all columns names none
    return map(str, value or ())


def _compared(detector: Any) -> Iterator[list[str]]:
    """The columns of references that were made before; those learned here learn what is kept."""
    reference = getattr(detector, "learned", None)
    if reference is not None:
        own = reference if detector.columns is None else detector.columns
        yield [name for name in own if name not in detector.left_out]
    if hasattr(detector, "detector"):
        yield from _compared(detector.detector)
