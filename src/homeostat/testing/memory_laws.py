"""Laws for every kind of plug-in: about time, memory, and what goes in and comes out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from homeostat import plugins
from homeostat.errors import HomeostatError
from homeostat.state import from_bytes, recall, remember, settings, to_bytes
from homeostat.testing.compare import memory, packed
from homeostat.testing.outcome import Breach, Skip, named_kind
from homeostat.testing.streams import cuttings, prefixes
from homeostat.testing.subject import KINDS, Subject, agree

_ROOM = 2048  # bytes that a memory may grow by in any case: counters, a logarithm


def batch_invariance(subject: Subject) -> None:
    """Any cutting of a stream into batches says the same and leaves the same memory."""
    subject.require_columnar()
    kind = subject.kind
    for stream in subject.streams:
        single = subject.new()
        want = kind.one_by_one(single, stream.items)
        for at, sizes in enumerate(cuttings(len(stream.items))):
            cut = subject.new()
            where = f'on "{stream.name}", {_cut_name(at)}'
            mend = f"Make {kind.columnar} do exactly what {kind.entry} does, in the same order"
            agree(subject.feed_in_pieces(cut, stream.items, sizes), want, where, mend)
            agree(memory(cut), memory(single), f"{where}, its memory afterwards", mend)


def _cut_name(at: int) -> str:
    return ("cut into singles", "as one batch", *("cut at random",) * 2)[at]


def resume(subject: Subject) -> None:
    """Stopped anywhere, packed into bytes and restored, it goes on as if never stopped."""
    for stream in subject.streams:
        for stop in prefixes(len(stream.items)):
            _resumed(subject, stream.name, stream.items, stop)


def _resumed(subject: Subject, name: str, items: Any, stop: int) -> None:
    straight, used = subject.new(), subject.new()
    subject.feed(straight, items[:stop])
    subject.feed(used, items[stop // 2 :])  # what is restored into need not be new
    kept = packed(straight)
    want = subject.feed(straight, items[stop:])
    for again, state in ((subject.new(), "new"), (used, "used")):
        recall(again, from_bytes(kept))
        where = f'on "{name}", stopped after {stop} and restored into a {state} one'
        mend = (
            "Put all that it remembers between calls into its snapshot, and put it back with the "
            "same types (homeostat.Stateful: list every such attribute in `memory`)"
        )
        agree(subject.feed(again, items[stop:]), want, where, mend)
        agree(memory(again), memory(straight), f"{where}, its memory at the end", mend)


def snapshot_stands_still(subject: Subject) -> None:
    """A snapshot is a copy: neither going on nor restoring from it changes it."""
    stream = _longest(subject)
    half = len(stream) // 2
    first, second = subject.new(), subject.new()
    subject.feed(first, stream[:half])
    packed(first)
    kept = remember(first)
    before = to_bytes(kept)
    subject.feed(first, stream[half:])
    mend = "Copy lists, dicts and arrays on the way out and on the way in"
    agree(from_bytes(to_bytes(kept)), from_bytes(before), "after it went on", mend)
    recall(second, kept)
    subject.feed(second, stream[half:])
    agree(from_bytes(to_bytes(kept)), from_bytes(before), "after a restored one went on", mend)


def determinism(subject: Subject) -> None:
    """Two new ones say the same on the same stream, and global random state is not touched."""
    before = (random.getstate(), np.random.get_state(legacy=False))  # noqa: NPY002
    for stream in subject.streams:
        one, other = subject.new(), subject.new()
        want = subject.feed(one, stream.items)
        where = f'on "{stream.name}"'
        mend = "Take time from the records and randomness from a seed that is a setting"
        agree(subject.feed(other, stream.items), want, where, mend)
        agree(memory(other), memory(one), f"{where}, its memory", mend)
    after = (random.getstate(), np.random.get_state(legacy=False))  # noqa: NPY002
    agree(after, before, "global random state", "Use numpy.random.default_rng(seed) of your own")


def bounded_memory(subject: Subject) -> None:
    """What it remembers is bounded by its settings, not by how long the stream is."""
    short, long, _ = subject.kind.long
    found: dict[int, int] = {}
    for seen, size in _sizes(subject):
        found[seen] = size
        if seen == 3 * short and (_stands_still(found) or _keeps_each(found, subject)):
            break  # the answer is plain: a slow plug-in need not be fed the rest
        if seen == long and size <= 2 * found[short] + _ROOM:
            return  # a window that these stretches did not fill stops growing in the next
    *_, at_before, at_last = found.values()
    if at_last > at_before + _ROOM:
        listed = ", ".join(f"{size:,} after {seen:,}" for seen, size in found.items())
        raise Breach(
            f"its memory grows, in bytes: {listed}",
            "Cap whatever it keeps per value, class, version or id, with an explicit other",
        )


_STILL = 32  # bytes of growth over a stretch that counters may account for
_EACH = 4  # bytes an item: whoever takes more over every stretch keeps something of each item


def _growths(found: Mapping[int, int]) -> list[int]:
    sizes = list(found.values())
    return [after - before for before, after in pairwise(sizes)]


def _stands_still(found: Mapping[int, int]) -> bool:
    return max(_growths(found)) <= _STILL


def _keeps_each(found: Mapping[int, int], subject: Subject) -> bool:
    """Whether it keeps something of each item, and none of its settings speaks of so many."""
    first, *_, last = found
    stretch = (last - first) // 2
    declared = any(abs(number) > first for number in subject.tuning.numbers)
    return not declared and min(_growths(found)) >= max(_EACH * stretch, _ROOM + 1)


def _sizes(subject: Subject) -> Iterator[tuple[int, int]]:
    """How many bytes its memory takes after some of the stream, and after how much."""
    short, long, longer = subject.kind.long
    plugin, seen = subject.new(), 0
    for piece in subject.kind.endless(subject.tuning):
        subject.push(plugin, piece)
        seen += subject.kind.piece
        if seen in (short, 2 * short, 3 * short, long, longer):
            yield seen, len(packed(plugin))
        if seen >= longer:
            return


def input_untouched(subject: Subject) -> None:
    """It changes nothing of what it is given."""
    kind = subject.kind
    for feed in (kind.one_by_one, kind.at_once)[: 1 + subject.is_columnar]:
        for stream in subject.new_streams():
            before = kind.looks(stream.items)
            feed(subject.new(), stream.items)
            mend = "Copy before changing: others read the same batch and the same records"
            agree(kind.looks(stream.items), before, f'on "{stream.name}", its input', mend)


def settings_make_another(subject: Subject) -> None:
    """Its settings are kept under their names, and `plugins.build` makes an equal one of them."""
    sample = subject.sample
    try:
        given = settings(sample)
    except AttributeError as error:
        raise Breach(
            f"a constructor parameter is not kept under its own name: {error}",
            "Keep each parameter as an attribute of the same name, or snapshots of one set up "
            "otherwise cannot be told apart",
        ) from None
    _require_plain(given)
    _require_named(type(sample), subject.kind.table)
    description = plugins.spec(sample)
    try:
        again = plugins.build(subject.kind.table, from_bytes(to_bytes(description)))
    except HomeostatError as error:
        raise Breach(f"cannot be built from {description}: {error}", _SETTINGS_MEND) from error
    agree(plugins.spec(again), description, "built from its description", _SETTINGS_MEND)
    stream = _longest(subject)
    want = subject.feed(subject.new(), stream)
    agree(subject.feed(again, stream), want, "built from its description", _SETTINGS_MEND)


_SETTINGS_MEND = "Let the constructor take again what it kept under the names of its parameters"


def _require_named(own: type, table: str) -> None:
    try:
        found = plugins.load(table, f"{own.__module__}:{own.__qualname__}")
    except HomeostatError:
        found = None
    if found is not own:
        raise Skip("no name leads to its class, as to one that is defined inside a function")


def _require_plain(given: dict[str, Any]) -> None:
    for name, value in given.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            inner = any(hasattr(item, kind.entry) for kind in KINDS)
            plain = item is None or isinstance(item, bool | int | float | str | Mapping)
            if inner:
                _require_plain(_settings_or_none(item))
            elif not plain:
                raise Skip(f"setting {name!r} is {named_kind(item)}, which is no plain data")


def _settings_or_none(plugin: object) -> dict[str, Any]:
    try:
        return settings(plugin)
    except AttributeError:  # it hides its own, which is another law's business
        return {}


def fresh_is_empty(subject: Subject) -> None:
    """`fresh()` gives one with the same settings that remembers nothing and shares nothing."""
    if not hasattr(subject.sample, "fresh"):
        raise Skip("it has no fresh()")
    stream = _longest(subject)
    want = subject.feed(subject.new(), stream)
    mend = "Make a new one from the settings, inner plug-ins included"
    for stop in prefixes(len(stream)):
        used = subject.new()
        subject.feed(used, stream[:stop])
        before = memory(used)
        again = used.fresh()
        agree(plugins.spec(again), plugins.spec(used), "its settings", mend)
        agree(memory(again), memory(subject.new()), f"after {stop}, its memory", mend)
        agree(subject.feed(again, stream), want, f"after {stop}, fed from the start", mend)
        agree(memory(used), before, "the one that fresh() was called on", mend)


def speaks(subject: Subject) -> None:
    """On some stream it says something, or the other laws compare silence with silence."""
    for stream in subject.streams:
        if any(subject.kind.says(told) for told in subject.feed(subject.new(), stream.items)):
            return
    raise Skip(
        "it said nothing on any of the kit's streams, so the other laws heard only silence; "
        "pass stream=, made so that it speaks"
    )


def _longest(subject: Subject) -> Any:
    return max((stream.items for stream in subject.streams), key=len)


LAWS = (
    speaks, batch_invariance, resume, snapshot_stands_still, determinism, bounded_memory,
    input_untouched, settings_make_another, fresh_is_empty,
)  # fmt: skip
