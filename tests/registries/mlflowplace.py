"""A real MLflow, from an environment of its own: HOMEOSTAT_MLFLOW, or where CI puts it."""

import os
import signal
import socket
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

PLACE = Path(os.environ.get("HOMEOSTAT_MLFLOW", Path.home() / ".cache" / "homeostat" / "mlflow"))
PYTHON = PLACE / "bin" / "python"
READY = "Uvicorn running on"
ABSENT = (
    f"no MLflow in {PLACE}: python3 -m venv {PLACE} and, with its pip, install "
    "'mlflow>=3.1,<4' msgspec; or name another environment in HOMEOSTAT_MLFLOW"
)


def found():
    return (PLACE / "bin" / "mlflow").exists()


@contextmanager
def serving(folder):
    """Its address; ends with all that it has started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        str(PYTHON), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    process = subprocess.Popen(
        argv, cwd=folder, env=quiet(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        printed, ready = [], threading.Event()
        reader = threading.Thread(target=_read, args=(process.stdout, printed, ready))
        reader.start()
        ready.wait()
        assert READY in "".join(printed), "".join(printed)
        url = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{url}/health", timeout=60) as reply:
            assert reply.status == 200
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()
        process.stdout.close()


def _read(stream, printed, ready):
    """Until the end: a pipe that nobody reads would hold the server up."""
    for line in stream:
        printed.append(line)
        if READY in line:
            ready.set()
    ready.set()


def run(program, *arguments, **variables):
    """Run a program with that MLflow; what it printed."""
    done = subprocess.run(
        [str(PYTHON), "-c", program, *map(str, arguments)], env=quiet() | variables,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def quiet():
    return os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
