"""A training on this machine, which goes on when the service ends, as the service sees it.

The handle is the order's folder: whichever process runs looks into it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import InvalidInput, within
from homeostat.lifecycle.orders import (
    CANCELLED,
    FAILED,
    LOST,
    RUNNING,
    SUCCEEDED,
    Order,
    Progress,
)  # fmt: skip
from homeostat.trainers import supervise
from homeostat.trainers.faults import TrainerFailed
from homeostat.trainers.printed import lines_of, share_of
from homeostat.trainers.results import trained_in

_STARTING = 60  # seconds within which the supervising process has to have begun


class Supervised:
    """Runs `argv` with this environment, in `cwd`, under a process that stands over it.

    When cancelled or too late it is asked to end, and after `grace` seconds ended, with all that it
    has started. `silence`: seconds without output after which it is ended, None for any time.
    """

    def __init__(
        self, name: str, argv: Sequence[str], environment: Callable[[], dict[str, str]],
        cwd: str | None = None, grace: float = 5.0, silence: float | None = None,
    ) -> None:  # fmt: skip
        self.name, self._argv, self._environment = name, list(argv), environment
        self._cwd = cwd
        self._grace = within("grace", grace, 0.0, 9.0, "[]")
        self._silence = None if silence is None else within("silence", silence, 0.0, 10.0**9, "(]")

    def begin(self, order: Order) -> str:
        """Start it, or find it started; raises TrainerFailed."""
        folder = Path(order.folder).absolute()
        run = folder / "run"
        if not (run / supervise.PROCESS).exists():
            run.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._written(order, folder, run)
            self._started(run)
        return str(folder)

    def look(self, handle: str) -> Progress:
        """How far it is, by what is in its folder."""
        folder = Path(handle)
        run = folder / "run"
        outcome = _read(run / supervise.OUTCOME)
        if outcome is None:
            process = _read(run / supervise.PROCESS)
            if process is not None and supervise.runs(process["supervisor"]):
                lines = lines_of(run / supervise.OUTPUT)
                return Progress(state=RUNNING, lines=lines, share=share_of(lines))
            outcome = _read(run / supervise.OUTCOME)  # it may have ended just now
            if outcome is None:
                outcome = _left(run, process, "lost")
        return _progress(folder, run, outcome)

    def cancel(self, handle: str) -> None:
        """Ask it to end, which it has within 10 seconds; one that has ended stays as it is."""
        run = Path(handle) / "run"
        process = _read(run / supervise.PROCESS)
        if process is None or (run / supervise.OUTCOME).exists():
            return
        with suppress(FileNotFoundError):
            (run / supervise.CANCEL).touch()
        if not supervise.runs(process["supervisor"]):
            if not (run / supervise.OUTCOME).exists():
                _left(run, process, "cancelled")
            return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process["supervisor"]["pid"], signal.SIGCONT)  # it may have been stopped

    def _written(self, order: Order, folder: Path, run: Path) -> None:
        told = run / "order.json"
        new = told.with_suffix(f".{os.getpid()}.new")
        new.write_bytes(msgspec.json.encode(order))
        os.replace(new, told)
        supervise.write(run / supervise.PLAN, {
            "argv": self._argv, "cwd": self._cwd, "seconds": order.seconds,
            "grace": self._grace, "silence": self._silence,
            "environment": {
                supervise.MARK: str(told), "HOMEOSTAT_RESULT": str(folder / "result.json"),
                "HOMEOSTAT_FOLDER": str(folder),
            },
        })  # fmt: skip

    def _started(self, run: Path) -> None:
        # -I: what stands beside the program must not be taken for modules
        argv = [sys.executable, "-I", supervise.__file__, str(run)]
        try:
            done = subprocess.run(
                argv, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_STARTING, check=False,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TrainerFailed(f"cannot start {argv[0]} to supervise: {error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[-500:]
            raise TrainerFailed(f"the supervising process did not begin: {said}")


def _left(run: Path, process: dict[str, Any] | None, why: str) -> dict[str, Any]:
    """The supervising process is gone without a word: end what it has left, and write that down."""
    command = (process or {}).get("command")
    leader = command["pid"] if command and supervise.runs(command) else None
    supervise.kill_all(leader, f"{supervise.MARK}={run / 'order.json'}")
    outcome: dict[str, Any] = {"why": why, "code": None}
    if process is not None:
        with suppress(FileNotFoundError):
            supervise.write(run / supervise.OUTCOME, outcome)
    return outcome


def _progress(folder: Path, run: Path, outcome: dict[str, Any]) -> Progress:
    lines = lines_of(run / supervise.OUTPUT)
    state, problem = _judged(outcome, lines)
    if state == SUCCEEDED:
        try:
            trained = trained_in(folder / "result.json", folder)
            return Progress(state=SUCCEEDED, lines=lines, share=1.0, result=trained)
        except InvalidInput as error:
            state, problem = FAILED, str(error)
    return Progress(state=state, lines=lines, share=share_of(lines), problem=problem)


def _judged(outcome: dict[str, Any], lines: Sequence[str]) -> tuple[str, str]:
    why, code = outcome["why"], outcome.get("code")
    if why == "cancelled":
        return CANCELLED, "it was cancelled"
    if why in _LOST:
        return LOST, _LOST[why]
    if why == "unstartable":
        return FAILED, f"it cannot be started: {outcome['problem']}"
    if why in _LATE:
        return FAILED, _LATE[why]
    if code == 0:
        return SUCCEEDED, ""
    how = f"exit status {code}" if code is None or code > 0 else f"signal {_signal(-code)}"
    last = f"; its last line: {lines[-1]}" if lines else ""
    return FAILED, f"it ended with {how}{last}"


_LOST = {
    "lost": "the process that stood over it is gone; what was left of the training has been ended",
    "stopped": "the process that stood over it was told to end, and has ended the training",
}
_LATE = {
    "timeout": "it took too long, and has been ended; see retraining.rules.timeout",
    "silent": "it printed nothing for too long, and has been ended; see `silence`",
}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise TrainerFailed(f"{path.name} of the training cannot be read: {error}") from None
