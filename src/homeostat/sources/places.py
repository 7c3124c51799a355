"""Where files are: paths, folders, patterns, and addresses of object stores."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from glob import glob, has_magic
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from homeostat.errors import InvalidInput, MissingExtra

STDIN = "-"


class File(NamedTuple):
    """A file as it is now: its name, what it is known by when it is renamed, its size.

    `live` is one that shows what is written to it while it is open.
    """

    name: str
    identity: str
    size: int
    open: Callable[[], BinaryIO]
    live: bool = True


def is_address(place: str) -> bool:
    """Whether it is one of an object store or the like: `s3://bucket/folder`."""
    return "://" in place


def files(place: str) -> list[File]:
    """The files of a place, in the order in which they are read; none where there are none yet.

    A folder is all files in it, but those whose names begin with `.` or `_`. Raises OSError where
    a single file or folder is not there, MissingExtra where an address needs a package.
    """
    if is_address(place):
        return _remote(place)
    if has_magic(place) and not os.path.exists(place):
        paths = [path for path in glob(place, recursive=True) if os.path.isfile(path)]
    elif os.path.isdir(place):
        paths = list(_within(place))
    else:
        paths = [place]
    if paths == [place]:
        return [_local(place)]
    return [file for path in sorted(paths, key=_order) for file in _if_there(path)]


def rotated(path: str) -> list[File]:
    """Files beside a log that may be its older parts, the oldest first."""
    parent, name = os.path.split(path)
    found = [
        (beside.stat().st_mtime, beside.path)
        for beside in os.scandir(parent or ".")
        if beside.name != name and beside.name.startswith(name) and beside.is_file()
    ]
    return [file for _, path in sorted(found) for file in _if_there(path)]


def _within(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each[0] not in "._"]
        yield from (os.path.join(parent, name) for name in names if name[0] not in "._")


def _order(path: str) -> tuple[bool, str]:
    """By name; what tells the roles of columns (BentoML's schema files) comes first."""
    return not os.path.basename(path).startswith("schema."), path


def _if_there(path: str) -> list[File]:
    """A file that was listed, unless somebody has removed it since."""
    try:
        return [_local(path)]
    except FileNotFoundError:
        return []


def _local(path: str) -> File:
    status = os.stat(path)
    identity = f"{status.st_dev}:{status.st_ino}"
    return File(path, identity, status.st_size, lambda: Path(path).open("rb"))


def _remote(place: str) -> list[File]:
    system, path = filesystem(place)
    system.invalidate_cache()  # a listing of before does not show what is new
    if has_magic(path):
        paths = system.glob(path)
    elif system.isdir(path):
        paths = [each for each in system.find(path) if not _hidden(each, path)]
    else:
        paths = [path]
    return [_object(system, each, _address(place, each)) for each in sorted(paths, key=_order)]


def _hidden(path: str, folder: str) -> bool:
    return any(part[:1] in ("_", ".") for part in path.removeprefix(folder).split("/") if part)


def _object(system: Any, path: str, name: str) -> File:
    about = system.info(path)
    return File(
        name,
        name,
        int(about["size"]),
        lambda: BufferedReader(system.open(path, "rb")),
        live=False,
    )


def _address(place: str, path: str) -> str:
    """The address of a path in a file system, with what tells it from the same path in another.

    That is a host, and after `::` the archive that it is in; users and passwords are left out.
    """
    first, chained, outer = place.partition("::")
    scheme, _, rest = first.partition("://")
    if not rest:  # a cache of the address behind it
        return _address(outer, path)
    if "://" in path:
        return path
    host = rest.partition("/")[0].rpartition("@")[2] if _has_host(scheme, first) else ""
    inside = path if scheme == "file" else path.lstrip("/")
    within = re.sub(r"//[^/@]*@", "//", outer)
    return f"{scheme}://{host}{'/' if host else ''}{inside}{chained}{within}"


def _has_host(scheme: str, address: str) -> bool:
    """Whether the file system is that of one host, which its paths do not name."""
    from fsspec import get_filesystem_class

    return "host" in get_filesystem_class(scheme)._get_kwargs_from_urls(address)


def filesystem(place: str) -> tuple[Any, str]:
    """The file system of fsspec for an address, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtra("fsspec", "fsspec", f"Reading {place}") from error
    try:
        system, path = url_to_fs(place)
    except ImportError as error:
        raise MissingExtra("fsspec", _package(place), f"Reading {place}") from error
    except ValueError as error:
        known = "s3://, gs://, abfs://, file://, memory:// and others that fsspec knows"
        raise InvalidInput(place, f"is no address: {error}", known) from error
    return system, path


def _package(place: str) -> str:
    scheme = place.partition("://")[0]
    return {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}.get(scheme, scheme)
