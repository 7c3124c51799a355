"""The small process that stands over a training: it outlives the service, and tells how all ended.

It runs by itself, with nothing but the standard library, so that it starts at once and stays small.
`RUN` has `plan.json`, and gets `process.json` (who runs, and since when), `output` (the end of what
was printed) and at last `outcome.json`; a file `cancel` in it ends the training. Whatever happens,
there is one start: `process.json` is written before the command is started, under a lock.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PLAN, PROCESS, OUTCOME, OUTPUT, CANCEL = (
    "plan.json", "process.json", "outcome.json", "output", "cancel",
)  # fmt: skip
MARK = "HOMEOSTAT_ORDER"
"""The variable by which all that a training has started is known, whatever session it is in."""

KEPT = 1 << 20
"""Bytes of the output that are kept, at least; twice as many at most."""

_PIECE = 1 << 16
_LAST = 4 << 20  # bytes read once the command has ended: what escaped us may print for ever
_LOOK = 0.1  # seconds between two looks at what should end it
_ROUNDS = 100


def main(argv: list[str]) -> int:
    """Start standing over a run, and return once that is sure; 1 when it cannot be."""
    run = Path(argv[1])
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        return 0 if os.read(told, 1) else 1
    os.setsid()
    if _claimed(run):
        write(run / PROCESS, {"supervisor": named(os.getpid())})
        _alone(tell)
        _stand_over(run)
    else:
        os.write(tell, b".")
    os._exit(0)


def _claimed(run: Path) -> bool:
    """Whether this one starts it; False once another has."""
    import fcntl

    lock = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)  # held until the process ends
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if (run / PROCESS).exists():
                return False
            time.sleep(0.01)
            continue
        return not (run / PROCESS).exists()


def _alone(tell: int) -> None:
    """Say that it is begun, and let go of all that is the service's."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(nothing, each)
    os.write(tell, b".")
    os.close(tell)


def _stand_over(run: Path) -> None:
    plan = json.loads((run / PLAN).read_text(encoding="utf-8"))
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    try:
        process = subprocess.Popen(
            plan["argv"], cwd=plan["cwd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **plan["environment"]},
            start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        write(run / OUTCOME, {"why": "unstartable", "problem": str(error)})
        return
    write(
        run / PROCESS, {"supervisor": named(os.getpid()), "command": named(process.pid)}
    )  # fmt: skip
    why = _Watch(run, plan, process, ended).until_it_ends()
    write(run / OUTCOME, {"why": why, "code": process.returncode})


class _Watch:
    """Takes what the command prints, and ends it when it is time."""

    def __init__(
        self, run: Path, plan: dict[str, Any], process: subprocess.Popen[bytes], ended: list[int]
    ) -> None:
        self._run, self._plan, self._process, self._ended = run, plan, process, ended
        self._mark = f"{MARK}={plan['environment'][MARK]}"
        self._output = Output(run / OUTPUT)
        self._pipe = process.stdout.fileno() if process.stdout else -1
        os.set_blocking(self._pipe, False)
        self._began = self._heard = time.monotonic()
        self._kill: float | None = None

    def until_it_ends(self) -> str:
        why, looked = "", 0.0
        with selectors.DefaultSelector() as ready:
            ready.register(self._pipe, selectors.EVENT_READ)
            while self._process.poll() is None:
                for _ in ready.select(_LOOK):
                    if not self._read():
                        ready.unregister(self._pipe)  # closed, and yet it may live
                now = time.monotonic()
                if now - looked < _LOOK:
                    continue
                looked = now
                if self._kill is None:
                    why = self._reason(now)
                    if why:
                        self._kill = now + float(self._plan["grace"])
                        end(self._process.pid, self._mark, signal.SIGTERM)
                        end(self._process.pid, self._mark, signal.SIGCONT)
                elif now >= self._kill:
                    end(self._process.pid, self._mark, signal.SIGKILL)
        kill_all(self._process.pid, self._mark)
        self._drain()
        self._output.close()
        return why or "ended"

    def _reason(self, now: float) -> str:
        if (self._run / CANCEL).exists():
            return "cancelled"
        if self._ended:
            return "stopped"
        if now - self._began > self._plan["seconds"]:
            return "timeout"
        silence = self._plan["silence"]
        return "silent" if silence is not None and now - self._heard > silence else ""

    def _read(self) -> bool:
        try:
            piece = os.read(self._pipe, _PIECE)
        except BlockingIOError:
            return True
        self._heard = time.monotonic()
        self._output.write(piece)
        return bool(piece)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(_LAST // _PIECE):
                piece = os.read(self._pipe, _PIECE)
                if not piece:
                    break
                self._output.write(piece)


class Output:
    """The end of an output in two files, each of up to `KEPT` bytes."""

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._size = path, path.open("wb", buffering=0), 0

    def write(self, piece: bytes) -> None:
        if self._size + len(piece) > KEPT:
            self._file.close()
            os.replace(self._path, f"{self._path}.old")
            self._file, self._size = self._path.open("wb", buffering=0), 0
        self._file.write(piece)
        self._size += len(piece)

    def close(self) -> None:
        self._file.close()


def end(leader: int, mark: str, how: signal.Signals) -> None:
    """A signal to the group of a leader, which is ours to end, and to all that bear the mark."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, how)
    for pid in members(mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)


def kill_all(leader: int | None, mark: str) -> None:
    """End all of them, those that they start meanwhile too."""
    if leader is not None:
        end(leader, mark, signal.SIGKILL)
    for _ in range(_ROUNDS):
        left = members(mark)
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def members(mark: str) -> list[int]:
    """Processes with this variable in their environment, as far as this system tells."""
    wanted, found = b"\0" + mark.encode() + b"\0", []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in filter(str.isdigit, names):
        with suppress(OSError):
            environment = Path("/proc", name, "environ").read_bytes()
            if wanted in b"\0" + environment + b"\0" and int(name) != os.getpid():
                found.append(int(name))
    return found


def named(pid: int) -> dict[str, Any]:
    """A process by its number, and since when it has that."""
    return {"pid": pid, "since": since(pid)}


def runs(process: dict[str, Any]) -> bool:
    """Whether a process still runs, and is the one that was named, not a later one of its number.

    One that has ended and that nobody has looked at yet does not run.
    """
    now = since(int(process["pid"]))
    return now is not None and now == process["since"]


def since(pid: int) -> str | None:
    """When a process was started, as this system tells it; None when it does not run."""
    try:
        fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _asked(pid)
    if fields[0] in (b"Z", b"X"):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{fields[19].decode()}@{boot}"


def _asked(pid: int) -> str | None:
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return None if not told or told[0].startswith("Z") else " ".join(told[1:])


def write(path: Path, told: dict[str, Any]) -> None:
    """A file of JSON that is there whole, or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
