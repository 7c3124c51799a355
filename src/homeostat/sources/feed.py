"""What a source is to those who read it, and which one an address names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.sources import delta
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.files import Files, Wait, afresh
from homeostat.sources.opening import settled
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Resume


class Feed(Protocol):
    """Chunks of records, each with the offsets behind it; iterate inside a `with`.

    Where each chunk is taken in one transaction with its offsets, and a feed begins at the offsets
    that were kept last, nothing is lost and nothing taken twice. `size` is in bytes, None where it
    is not known, `position()` how many of them were read.
    """

    name: str
    format: str
    options: Options
    recogniser: Recogniser

    @property
    def size(self) -> int | None:
        """Bytes of all of it."""
        ...

    def position(self) -> int:
        """How many of them were read."""
        ...

    def __iter__(self) -> Iterator[Chunk]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...  # fmt: skip


STREAMS = {
    "kafka": "homeostat.streams.kafka",
    "nats": "homeostat.streams.nats",
    "redis": "homeostat.streams.redis",
    "rediss": "homeostat.streams.redis",
    "mqtt": "homeostat.streams.mqtt",
    "mqtts": "homeostat.streams.mqtt",
}
"""By the scheme of an address, the module that reads such a broker."""


def open_feed(
    places: Sequence[str], format: str | None, options: Options, *,
    resume: Resume = afresh, follow: bool = False, wait: Wait = lambda _: None,
) -> Feed:  # fmt: skip
    """The feed of these places, at the offsets that `resume` finds.

    Raises InvalidInput where they do not go together, OSError where a file is not there,
    MissingExtra.
    """
    streams = [place for place in places if scheme_of(place) in STREAMS]
    if streams:
        return _stream(streams[0], places, format, options, resume, follow, wait)
    tables = [place for place in places if _is_delta(place)]
    if not tables:
        return Files(places, format, options, resume=resume, follow=follow, wait=wait)
    if len(places) > 1:
        raise InvalidInput(tables[0], "is a Delta table", "read it in a run of its own")
    if format not in (None, options.traffic):
        hint = did_you_mean(format, ["delta"])
        raise InvalidInput("format", f"cannot be {format!r} of a Delta table", hint)
    return delta.Delta(places[0], options, resume=resume, follow=follow, wait=wait)


def scheme_of(place: str) -> str:
    """What stands before `://`; empty where nothing does."""
    scheme, mark, _ = place.partition("://")
    return scheme if mark else ""


def check_feed(places: Sequence[str], format: str | None, options: Options) -> None:
    """That these places can be read, as far as it is known without asking one of them.

    Raises InvalidInput, MissingExtra.
    """
    streams = [place for place in places if scheme_of(place) in STREAMS]
    if not streams:
        open_feed(places, format, options)  # which opens nothing yet
        return
    _settled_stream(streams[0], places, format, options)
    import_module(STREAMS[scheme_of(streams[0])]).check(streams[0])


def _stream(
    place: str, places: Sequence[str], format: str | None, options: Options, resume: Resume,
    follow: bool, wait: Wait,
) -> Feed:  # fmt: skip
    options = _settled_stream(place, places, format, options)
    module = import_module(STREAMS[scheme_of(place)])
    feed: Feed = module.open_stream(place, options, resume=resume, follow=follow, wait=wait)
    return feed


def _settled_stream(
    place: str, places: Sequence[str], format: str | None, options: Options
) -> Options:
    """The options of a stream; raises InvalidInput for what cannot be of one."""
    if len(places) > 1:
        raise InvalidInput(place, "is a stream", "read it in a run of its own")
    if options.strict:
        raise InvalidInput("strict", "is for files: a stream goes on", "leave it out")
    kind, options = settled(format, options)
    if kind not in (None, "jsonl"):
        hint = "a message is one record as JSON, or what another stack logs"
        raise InvalidInput("format", f"cannot be {kind!r} of a stream", hint)
    return options


def _is_delta(place: str) -> bool:
    return place.startswith(delta.SCHEME) or (Path(place) / delta.LOG).is_dir()
