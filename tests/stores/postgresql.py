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

    def __init__(self, folder, of=None):
        """`of`: the primary that it follows, a copy of it to begin with; None to begin empty."""
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
        if of is None:
            self._run(initdb, "-A", "trust", "-U", "homeostat", "--no-sync", "-E", "UTF8")
        else:
            self._run(_program("pg_basebackup"), "-h", str(of.folder), "-U", "homeostat",
                      "--no-sync", "-c", "fast", "-R", "-X", "stream")  # fmt: skip

    def start(self, *settings):
        told = "".join(f" -c {each}" for each in settings)
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off{told}"
        self._run(self._pg_ctl, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self):
        self._run(self._pg_ctl, "-m", "immediate", "stop")

    def promote(self):
        """Make the standby the primary; returns when it is."""
        self._run(self._pg_ctl, "-w", "promote")

    def _run(self, program, *words):
        data = str(self.folder / "data")
        subprocess.run([*self._before, program, "-D", data, *words],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder)  # fmt: skip
