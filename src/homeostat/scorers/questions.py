"""Asks a worker for the predictions of a version, and checks what comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import Version
from homeostat.scorers.answers import predictions
from homeostat.scorers.features import Wanted
from homeostat.scorers.process import Process

_WORKER = Path(__file__).with_name("worker.py")


class Worked:
    """A scorer whose predictions a worker makes. `address_of` a version is what it loads."""

    def __init__(
        self, name: str, process: Process, address_of: Callable[[Version], str | None],
        features: Sequence[str] | None, classes: Sequence[str],
    ) -> None:  # fmt: skip
        self.name, self.process = name, process
        self._address_of, self._classes = address_of, classes
        self._wanted = Wanted(features)

    def predict(self, version: Version, batch: Batch) -> Predictions:
        """One a record; raises ScorerFailed, or InvalidInput for features and answers."""
        columns = self._wanted.of(batch)
        reply = self.process.ask({
            "artifact": self._address_of(version),
            "n": len(batch),
            "columns": {name: _packed(column) for name, column in columns.items()},
        })  # fmt: skip
        return predictions(reply.get("labels"), batch, reply.get("scores"), self._classes)

    def close(self) -> None:
        """End the process; the next question would start another."""
        self.process.close()


def worker_of(
    first: Mapping[str, Any], environment: Callable[[], dict[str, str]], timeout: float,
    starting: float, python: str | None = None,
) -> Process:  # fmt: skip
    """A worker under this interpreter, or another one, that does what `first` says."""
    argv = [python or sys.executable, "-P", str(_WORKER)]  # -P: our files are no modules to it
    return Process(argv, first, environment, timeout=timeout, starting=starting)


def _packed(column: NDArray[Any]) -> Any:
    return column.astype("<f8").tobytes() if column.dtype.kind == "f" else column.tolist()
