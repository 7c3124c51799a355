"""A real PostgreSQL for tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def _program(name):
    found = shutil.which(name)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(places[-1]) if places else None)


class Server:
    """A PostgreSQL of its own in a folder, reached by a socket there; never as root: it refuses."""

    def __init__(self, folder):
        self.folder, self.url = folder, f"postgresql://homeostat@/postgres?host={folder}"
        self._pg_ctl, initdb = _program("pg_ctl"), _program("initdb")
        if self._pg_ctl is None or initdb is None:
            pytest.skip("no PostgreSQL server is installed")
        root = os.geteuid() == 0
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._before = user if root else []
        if root:
            folder.chmod(0o755)
            shutil.chown(folder, "postgres", "postgres")
        self._run(initdb, "-A", "trust", "-U", "homeostat", "--no-sync", "-E", "UTF8")

    def start(self):
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self._run(self._pg_ctl, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self):
        self._run(self._pg_ctl, "-m", "immediate", "stop")

    def _run(self, program, *words):
        data = str(self.folder / "data")
        subprocess.run([*self._before, program, "-D", data, *words],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder)  # fmt: skip
