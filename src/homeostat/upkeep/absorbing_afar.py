"""States sent to a service that runs: `homeostat absorb --url`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from homeostat.profiles.kept import states_body
from homeostat.profiles.state import Place
from homeostat.upkeep.absorbing import Absorbed, refused_rows, states_in
from homeostat.upkeep.asking import send

_PATH = "/v1/states"
_PARQUET = "application/vnd.apache.parquet"


def absorb_afar(url: str, token_file: Path, files: Sequence[Path | str]) -> Iterator[Absorbed]:
    """Send the states of Parquet files to a service, a request for each model of a file.

    Each is one transaction there; those that were added before count once, so that what failed
    midway can be given again. Raises InvalidInput, and NoAnswer with the service's words, also
    where one model's states are larger than the service takes.
    """
    for file in map(str, files):
        models: dict[str, list[tuple[Place, bytes]]] = {}
        for place, body in states_in(file):
            models.setdefault(place.model, []).append((place, body))
        refused = models.pop("", [])
        for name in sorted(models):
            told = send(url, token_file, _PATH, states_body(models[name]), _PARQUET)
            yield from (_absorbed(file, one) for one in told["absorbed"])
        yield from refused_rows(file, len(refused))


def _absorbed(file: str, told: dict[str, Any]) -> Absorbed:
    return Absorbed(file, told["model"], told["minutes"], told["records"], told["known"],
                    told["left_out"])  # fmt: skip
