"""A command that predicts: Parquet in, Parquet out, one run for each batch."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import ConfigError, MissingExtra, within
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import Version
from homeostat.outbound.environment import environment
from homeostat.scorers.answers import predictions
from homeostat.scorers.faults import ScorerFailed
from homeostat.scorers.features import Wanted

_PRINTED = 4000  # bytes of what it prints that are shown


class Command:
    """Runs `argv`, without a shell, in the place of whose {input} and {output} are paths.

    {artifact}, {model} and {version} are of the version that is to predict. The input has a column
    for each feature; the output needs `prediction`, one a row in the same order, and may have
    `score`. What it prints is shown when it fails; after `timeout` seconds it is ended with all
    that it has started. It sees the usual environment and the variables that `env` names.
    """

    name = "command"

    def __init__(
        self, argv: list[str], *, features: list[str] | None = None, classes: Sequence[str] = (),
        env: Sequence[str] = (), timeout: float = 300.0,
    ) -> None:  # fmt: skip
        if not argv or not all(any(mark in each for each in argv) for mark in _MARKS):
            raise ConfigError('argv: needs a program, and "{input}" and "{output}" behind it')
        self._argv, self._wanted, self._classes = list(argv), Wanted(features), tuple(classes)
        self._env = tuple(env)
        self._timeout = within("timeout", timeout, 0.0, 86_400.0, "(]")

    def predict(self, version: Version, batch: Batch) -> Predictions:
        """One a record; raises ScorerFailed, or InvalidInput for features and answers."""
        columns = self._wanted.of(batch)
        with tempfile.TemporaryDirectory(prefix="homeostat-") as folder:
            given, answered = Path(folder, "input.parquet"), Path(folder, "output.parquet")
            _write(columns, given)
            printed = self._run(self._filled(version, given, answered), Path(folder))
            labels, scores = _read(answered, printed)
        return predictions(labels, batch, scores, self._classes)

    def _filled(self, version: Version, given: Path, answered: Path) -> list[str]:
        places = {
            "{input}": str(given), "{output}": str(answered), "{artifact}": version.artifact or "",
            "{model}": version.model, "{version}": version.version,
        }  # fmt: skip
        if version.version.startswith("-") and any(e.startswith("{version}") for e in self._argv):
            raise ScorerFailed(  # a version is what records say that it is
                f"the version {version.version[:64]!r} would be taken for an option of "
                f"{self._argv[0]}; write --version={{version}} in argv, or name it otherwise"
            )
        return [_put(each, places) for each in self._argv]

    def _run(self, argv: list[str], folder: Path) -> str:
        """What it printed; raises ScorerFailed when it did not end well."""
        with (folder / "printed").open("w+b") as printed:
            try:
                process = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
                    env=environment(self._env), start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                raise ScorerFailed(f"cannot start {argv[0]}: {error}") from None
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                raise ScorerFailed(
                    f"{argv[0]} did not end within {self._timeout:g} s", _tail(printed)
                ) from None
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if code:
                raise ScorerFailed(f"{argv[0]} ended with exit status {code}", _tail(printed))
            return _tail(printed)


_MARKS = ("{input}", "{output}")


def _put(text: str, places: dict[str, str]) -> str:
    """A part of a command with the places filled; what was filled in is not looked at again."""
    found, rest = "", text
    while rest:
        here = [(rest.find(mark), mark) for mark in places if mark in rest]
        if not here:
            break
        at, mark = min(here)
        found, rest = found + rest[:at] + places[mark], rest[at + len(mark) :]
    return found + rest


def _tail(printed: Any) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - _PRINTED))
    return str(printed.read().decode("utf-8", "replace"))


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("frames", "pyarrow", "The scorer 'command'") from error
    return pa, pq


def _write(columns: dict[str, NDArray[Any]], path: Path) -> None:
    pa, pq = _parquet()
    pq.write_table(pa.table({name: _values(pa, each) for name, each in columns.items()}), path)


def _values(pa: Any, column: NDArray[Any]) -> Any:
    """Numbers with null for NaN; other kinds as they are, and as text where they are mixed."""
    if column.dtype.kind == "f":
        return pa.array(column, mask=np.isnan(column))
    values = column.tolist()
    if len({type(value) for value in values if value is not None}) > 1:
        values = [None if value is None else str(value) for value in values]
    return pa.array(values)


def _read(path: Path, printed: str) -> tuple[list[Any], list[Any] | None]:
    pa, pq = _parquet()
    if not path.exists():
        raise ScorerFailed("the command wrote nothing to {output}", printed)
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ScorerFailed(f"{{output}} is no Parquet file: {error}", printed) from None
    if "prediction" not in table.column_names:
        names = ", ".join(table.column_names) or "none"
        raise ScorerFailed(f"{{output}} has no column 'prediction'; its columns: {names}", printed)
    scores = table["score"].to_pylist() if "score" in table.column_names else None
    return table["prediction"].to_pylist(), scores
