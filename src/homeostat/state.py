"""Memory as plain data: what a plug-in remembers can be copied out, kept, and put back.

A class lists the attributes that are its memory in `memory`; its constructor parameters are
its configuration, kept under attributes of the same name. Everything else (snapshot, restore,
a fresh copy, bytes on disk) follows from those two lists and is written once, here.
"""

from __future__ import annotations

import copy
import inspect
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import msgspec
import numpy as np

from homeostat.errors import SnapshotMismatch

_LINE = 80  # characters of a setting in a repr


class Stateful:
    """Gives a class `snapshot`, `restore` and `fresh` from the names in `memory`."""

    memory: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        try:
            given = ", ".join(f"{name}={_brief(value)}" for name, value in settings(self).items())
        except AttributeError:  # a class that does not keep its parameters under their names
            given = "..."
        return f"{type(self).__name__}({given})"

    def snapshot(self) -> dict[str, Any]:
        """A copy of the memory as plain data; later changes to the object do not touch it."""
        return {name: _copied(getattr(self, name)) for name in self.memory}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if set(snapshot) != set(self.memory):
            raise SnapshotMismatch(
                f"{type(self).__name__} remembers {sorted(self.memory)}, "
                f"the snapshot holds {sorted(snapshot)}"
            )
        for name in self.memory:
            setattr(self, name, _put_back(getattr(self, name), snapshot[name]))

    def fresh(self) -> Self:
        """The same configuration with an empty memory."""
        again: Self = _anew(self)
        return again


def settings(thing: object) -> dict[str, Any]:
    """The constructor parameters of a plug-in, read from the attributes of the same names."""
    parameters = inspect.signature(type(thing).__init__).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {name: getattr(thing, name) for name in named[1:]}


def _brief(setting: Any) -> str:
    """A setting as `repr` shows it, but never more than a line of numbers or names."""
    text = repr(setting)
    plain = isinstance(setting, list | tuple | dict | np.ndarray) and "(" not in text
    if "\n" not in text and not (plain and len(text) > _LINE):
        return text
    size = f" of {len(setting):,}" if hasattr(setting, "__len__") else ""
    return f"<{type(setting).__name__}{size}>"


def remember(thing: Any) -> Any:
    """The memory of any plug-in: its own snapshot, or its attributes where it has none."""
    return _copied(thing if hasattr(thing, "snapshot") else _attributes(thing))


def recall(thing: Any, kept: Any) -> None:
    """Give a plug-in the memory that `remember` took from one like it."""
    if hasattr(thing, "restore"):
        thing.restore(kept)
    else:
        now = _attributes(thing)
        for name in now.keys() - kept.keys():  # first set after the snapshot was taken
            object.__delattr__(thing, name)
        for name, value in kept.items():  # past a frozen dataclass, too
            object.__setattr__(thing, name, _put_back(now.get(name), value))


def _attributes(thing: object) -> dict[str, Any]:
    """The attributes of an object, whether it keeps them in slots or not."""
    state = object.__getstate__(thing)
    plain, slotted = state if isinstance(state, tuple) else (state, None)
    return {**(plain or {}), **(slotted or {})}


def _anew(thing: Any) -> Any:
    return type(thing)(**{name: _emptied(value) for name, value in settings(thing).items()})


def _emptied(setting: Any) -> Any:
    """A setting for a fresh copy: plug-ins inside it start afresh as well."""
    if isinstance(setting, list):
        return [_emptied(item) for item in setting]
    if hasattr(setting, "fresh"):
        return setting.fresh()
    is_plugin = hasattr(setting, "on_event") or hasattr(setting, "on_record")
    return _anew(setting) if is_plugin else setting


def _copied(value: Any) -> Any:
    if hasattr(value, "snapshot") and not isinstance(value, type):
        return value.snapshot()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, (deque, list, tuple)):
        return [_copied(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)  # their own order differs from process to process
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value


def _put_back(current: Any, kept: Any) -> Any:
    if hasattr(current, "restore"):
        current.restore(kept)
        return current
    if isinstance(current, deque):
        return deque(kept, maxlen=current.maxlen)
    if isinstance(current, bytearray):
        return bytearray(kept)
    if isinstance(current, list) and any(hasattr(item, "restore") for item in current):
        return [_put_back(item, part) for item, part in zip(current, kept, strict=True)]
    if isinstance(current, (tuple, set, frozenset)):
        return type(current)(kept) if type(current) is not tuple else tuple(kept)
    if isinstance(current, dict) and type(current) is not dict:
        current = copy.copy(current)  # a Counter stays one, a defaultdict keeps its factory
        current.clear()
        current.update(_copied(kept))
        return current
    return _copied(kept)


def to_bytes(snapshot: Any) -> bytes:
    """A snapshot as MessagePack: no code in it, floats to the last bit."""
    return msgspec.msgpack.encode(snapshot, enc_hook=_array_out)


def from_bytes(data: bytes) -> Any:
    """The snapshot that `to_bytes` wrote; raises SnapshotMismatch on anything else."""
    try:
        return _arrays_in(msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, TypeError, ValueError, KeyError) as error:
        raise SnapshotMismatch(f"these bytes are not a snapshot: {error}") from error


_ARRAY = "\x00ndarray"  # no attribute can have this name, so no snapshot key can clash with it


def _array_out(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != object:
        data = np.ascontiguousarray(value)
        return {_ARRAY: [data.dtype.str, list(data.shape), data.tobytes()]}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"a snapshot cannot hold a {type(value).__name__}; keep plain data or arrays, "
        "or give it snapshot and restore"
    )


def _arrays_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_arrays_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        dtype, shape, data = value[_ARRAY]
        return np.frombuffer(data, dtype=np.dtype(dtype)).reshape(shape).copy()
    return {key: _arrays_in(item) for key, item in value.items()}
