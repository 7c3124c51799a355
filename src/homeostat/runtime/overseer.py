"""A process beside the service, that ends it when a plug-in lets nothing else run in it.

C code that keeps the interpreter's lock stops every thread, the one that looks at calls as well.
Only another process can still look: at a page that both see, on which the service says that a call
is under way, and a thread of it leaves a beat. Where a call is under way and the beat stands still,
it says so on the page, for the next start, and kills the service.

Run by its path, without the package, so that it takes 4 MB. Looks are counted, not seconds, and
none while the service is stopped: one that was frozen and goes on is not killed.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import sys
from pathlib import Path

PAGE = 1 << 16
BEAT, UNDER_WAY, ENDED, NOTE = range(4)
"""Where on the page what is: a byte each, and the note up to a zero."""


def oversee(path: Path, service: int, look: float, most: int) -> None:
    """Look every `look` seconds, until standard input ends; kill after `most` without a beat."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), PAGE) as page:
        seen, looks = page[BEAT], 0
        while not select.select([0], [], [], look)[0] and os.getppid() == service:
            if _stopped(service):
                continue
            stuck = page[UNDER_WAY] and page[BEAT] == seen
            seen, looks = page[BEAT], looks + 1 if stuck else 0
            if looks == most:
                page[ENDED] = 1
                _tell(page[NOTE : page.find(b"\0", NOTE)])
                os.kill(service, signal.SIGKILL)
                return


def _stopped(service: int) -> bool:
    """Whether a signal or a debugger stopped it; False where the system does not tell."""
    try:
        told = Path(f"/proc/{service}/stat").read_text(errors="replace")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] in "tT"


def _tell(note: bytes) -> None:
    import json  # only now: it is as large as all the rest

    told = json.loads(note)
    os.write(2, (
        f"homeostat: plug-in {told['plugin']} of model {told['model']} {told['why']}; the process "
        "is killed, and the plug-in off from the next start on, until it is changed or `homeostat "
        "mended` is run. Nothing that was acknowledged is lost: start again\n"
    ).encode())  # fmt: skip


if __name__ == "__main__":
    oversee(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
