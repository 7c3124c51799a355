"""A Delta table: the rows that each version has added, from the version that was left."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import msgspec

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.files import Wait, afresh
from homeostat.sources.opening import Opened
from homeostat.sources.places import filesystem, is_address
from homeostat.sources.traffic import NOTHING, Recogniser
from homeostat.sources.waiting import Resume, Waiting

SCHEME = "delta://"
LOG = "_delta_log"
_AGAIN = 5.0  # seconds until the table is looked at again


class Mark(msgspec.Struct):
    """How far a table is read: the version, and of it the files and the rows of the next one."""

    version: int = -1
    files: int = 0
    rows: int = 0
    whole: bool = False


class Delta:
    """A feed of a Delta table: first all rows of its latest version, then what each adds.

    Rows that a version only moves (OPTIMIZE) are not read again; rows that an UPDATE writes anew
    are, and count once where they have a `record_id`.
    """

    def __init__(
        self, place: str, options: Options | None = None, *,
        resume: Resume = afresh, follow: bool = False, wait: Wait = lambda _: None,
    ) -> None:  # fmt: skip
        self.name = place.removeprefix(SCHEME)
        self.options = options or Options()
        self.format, self.size = "delta", None
        self.recogniser = Recogniser(self.options)
        self._follow, self._wait = follow, wait
        self._key = f"delta {self.name}"
        self._waiting, self._kept = (
            Waiting(self.recogniser, self.name, resume),
            resume is not afresh,
        )
        kept = resume(self._key)
        self._mark = Mark() if kept is None else msgspec.json.decode(kept, type=Mark)

    def position(self) -> int:
        """Unknown."""
        return 0

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            latest = _table(self.name).version()
            if self._mark.version < 0:
                self._mark = Mark(latest, whole=True)
            yield from self._version(self._mark.version)
            for version in range(self._mark.version + 1, latest + 1):
                self._mark = Mark(version)
                yield from self._version(version)
            if not self._follow:
                break
            self._wait(_AGAIN)
        if not self._kept:  # else the next run may have what halves wait for
            yield from self.recogniser.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        return None

    def _version(self, version: int) -> Iterator[Chunk]:
        """What is left of a version."""
        added = None if self._mark.whole else _added(self.name, version)
        if added is not None and not added:
            return
        dataset = _table(self.name, version).to_pyarrow_dataset()
        fragments = sorted(dataset.get_fragments(), key=lambda each: each.path)
        if added is not None:
            fragments = [each for each in fragments if each.path.lstrip("/") in added]
        for fragment in fragments[self._mark.files :]:
            yield from self._fragment(fragment, dataset.schema)

    def _fragment(self, fragment: Any, schema: Any) -> Iterator[Chunk]:
        from homeostat.sources import frames  # needs an extra, which a look at the address does not

        mark = self._mark
        opened = Opened(f"{self.name}/{fragment.path}", None, True, self.recogniser, mark.rows)  # type: ignore[arg-type]
        batches = fragment.to_batches(schema=schema, batch_size=self.options.rows)
        with frames.readable(opened.name, "Parquet"):
            for chunk in frames.read(schema, batches, opened, self.options):
                self._mark = msgspec.structs.replace(mark, rows=max(chunk.end, mark.rows))
                yield self._with_offset(chunk)
        self._mark = msgspec.structs.replace(mark, files=mark.files + 1, rows=0)
        yield self._with_offset(Chunk(NOTHING, []))

    def _with_offset(self, chunk: Chunk) -> Chunk:
        told = msgspec.json.encode(self._mark).decode()
        return self._waiting.remembered(chunk, {self._key: told})


def _table(place: str, version: int | None = None) -> Any:
    try:
        import deltalake
    except ImportError as error:
        raise MissingExtra("delta", "deltalake", f"Reading the Delta table {place}") from error
    try:
        return deltalake.DeltaTable(place, version=version)
    except deltalake.exceptions.DeltaError as error:
        hint = "a version that was cleaned up is gone: begin anew with another --data"
        raise InvalidInput(place, f"cannot be read as a Delta table: {error}", hint) from error


class _Add(msgspec.Struct, rename="camel"):
    path: str
    data_change: bool = True


class _Action(msgspec.Struct):
    add: _Add | None = None


def _added(place: str, version: int) -> set[str]:
    """The files that a version adds with rows that are new."""
    name = f"{LOG}/{version:020}.json"
    try:
        if is_address(place):
            system, path = filesystem(place)
            text = system.cat_file(f"{path.rstrip('/')}/{name}")
        else:
            with open(f"{place.rstrip('/')}/{name}", "rb") as file:
                text = file.read()
    except FileNotFoundError as error:
        hint = "its log was cleaned up before it was read; begin anew with another --data"
        raise InvalidInput(place, f"has no log of version {version} any more", hint) from error
    actions = [msgspec.json.decode(line, type=_Action) for line in text.splitlines() if line]
    return {each.add.path for each in actions if each.add is not None and each.add.data_change}
