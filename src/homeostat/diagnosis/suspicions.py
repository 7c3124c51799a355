"""Units that a column may be in, where chance would explain it as well: told, and no more."""

from __future__ import annotations

from homeostat.diagnosis.sides import Side
from homeostat.diagnosis.units import unit_change


def suspicions(reference: Side, current: Side, features: list[str]) -> list[str]:
    """A sentence for each feature that may be in another unit, or may just have changed."""
    out = []
    for name in features:
        before, after = reference.columns[name], current.columns[name]
        if before.numeric and after.numeric:
            found = unit_change(before.present, after.present)
            if found is not None and not found.sure:
                chance = f"{found.coincidence:.0%} of all factors are as near to a known one"
                out.append(f"{name} may be {found.unit.text}, but {chance}")
    return out
