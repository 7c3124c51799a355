"""What came of a training, as the code that trains tells it: JSON, checked.

    {"artifact": "model.joblib", "version": "2026-11", "metrics": {"auc": 0.91}}

All of it may be left out. `size_bytes` is measured where the artifact is a path.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import InvalidInput
from homeostat.lifecycle.orders import Trained

MOST = 1 << 20
"""Bytes that a result may have."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_LONGEST = 200  # characters of a version's name
_FARTHEST = 2_000  # characters of an address


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    artifact: str | None = None
    version: str | None = None
    metrics: dict[str, float] = {}
    size_bytes: int | None = None


def trained_of(told: Any, folder: Path | None = None) -> Trained:
    """A result from plain data, or from its JSON; raises InvalidInput.

    With a `folder`, an artifact that is no address has to be in it.
    """
    try:
        if isinstance(told, str | bytes):
            found = msgspec.json.decode(told, type=_Told)
        else:
            found = msgspec.convert(told, _Told)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("result", f"is not what was agreed on: {error}", _FORM) from None
    version = found.version
    if version is not None and not (
        version.strip() and version.isprintable() and len(version) <= _LONGEST
    ):
        raise InvalidInput("version", f"must be 1 to {_LONGEST} printable characters")
    artifact, size = found.artifact, found.size_bytes
    if artifact is not None and folder is not None and not _ADDRESS.match(artifact):
        artifact = within_folder(artifact, folder)
        size = _size(folder / artifact)
    return Trained(artifact=artifact, version=version, metrics=found.metrics, size_bytes=size)


def sent_of(told: Any) -> Trained:
    """A result that somebody sent: its artifact can be an address alone, no path of this machine.

    Raises InvalidInput.
    """
    found = trained_of(told)
    if found.artifact is not None and not _elsewhere(found.artifact):
        raise InvalidInput(
            "artifact", f"{found.artifact[:_LONGEST]!r} is no address of somewhere else",
            "send one like models:/churn/3 or s3://bucket/model",
        )  # fmt: skip
    return found


def _elsewhere(artifact: str) -> bool:
    address = _ADDRESS.match(artifact)
    near = address is None or address[0].lower() == "file:"
    return not near and artifact.isprintable() and len(artifact) <= _FARTHEST


_FORM = 'write {"artifact": ..., "version": ..., "metrics": {...}}, each of which may be left out'


def trained_in(path: Path, folder: Path) -> Trained:
    """The result in a file; raises InvalidInput."""
    try:
        with open(path, "rb", opener=_no_link) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInput("result", f"{path.name} is no plain file")
            body = file.read(MOST + 1)
    except FileNotFoundError:
        raise InvalidInput(
            "result", "is missing: it ended well and wrote none",
            "write it to the path in HOMEOSTAT_RESULT",
        ) from None  # fmt: skip
    except OSError as error:
        raise InvalidInput("result", f"cannot be read: {error.strerror}") from None
    if len(body) > MOST:
        raise InvalidInput(
            "result", f"is larger than {MOST:,} bytes", "put what is large into the artifact"
        )
    return trained_of(body, folder)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def within_folder(artifact: str, folder: Path) -> str:
    """A path as it is below a folder; raises InvalidInput where it leads out, or to nothing."""
    home = folder.resolve()
    try:
        place = (home / artifact).resolve()
        inside = place != home and place.is_relative_to(home)
        there = inside and place.exists()
    except (OSError, ValueError, RuntimeError):
        inside = there = False
    if not inside:
        raise InvalidInput(
            "artifact", f"{artifact!r} is outside the folder of the order",
            "put it into the path in HOMEOSTAT_FOLDER, or give an address",
        )  # fmt: skip
    if not there:
        raise InvalidInput(
            "artifact", f"{artifact!r} is not in the folder of the attempt",
            "write it below the path in HOMEOSTAT_FOLDER before the result",
        )  # fmt: skip
    return str(place.relative_to(home))


def _size(place: Path) -> int:
    if place.is_file():
        return place.stat().st_size
    return sum(each.lstat().st_size for each in place.rglob("*") if each.is_file())
