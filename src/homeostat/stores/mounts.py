"""Which kind of file system a folder is on; SQLite's locks and its log need one of this machine.

On others a lock may be granted twice, and what two machines map of the log differs: that loses
committed transactions. https://sqlite.org/wal.html, https://sqlite.org/howtocorrupt.html
"""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|davfs|fuse\.(sshfs|glusterfs|s3fs|gcsfuse|rclone|blobfuse2?|davfs)"
)


def network(path: Path) -> str:
    """The kind, like "nfs4", of a network's file system; empty for one of this machine.

    Also of what is not there yet. Empty where it cannot be known: only Linux tells.
    """
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    kind = _kind(path.resolve(), lines)
    return kind if _NETWORK.fullmatch(kind) else ""


def _kind(path: Path, lines: list[str]) -> str:
    """That of the innermost mount; of several at one place the last covers the others."""
    found, depth = "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        place = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4]))
        if path.is_relative_to(place) and len(place.parts) >= depth:
            found, depth = after.split(" ")[0], len(place.parts)
    return found
