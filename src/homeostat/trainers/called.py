"""The program in which a function trains: the order as JSON in, the result as JSON out."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def main(target: str, path: list[str]) -> None:
    """Call it; what it raises is printed, and ends the process with status 1."""
    sys.path[:0] = [each for each in path if each not in sys.path]
    import msgspec

    from homeostat.lifecycle.orders import Order

    with open(os.environ["HOMEOSTAT_ORDER"], "rb") as file:
        order = msgspec.json.decode(file.read(), type=Order)
    module, _, name = target.partition(":")
    told = getattr(importlib.import_module(module), name)(order)
    if told is None:
        sys.exit(f"{target} returned None; let it return homeostat's Trained, or a map like it")
    result = os.environ["HOMEOSTAT_RESULT"]
    with open(f"{result}.new", "wb") as file:
        file.write(msgspec.json.encode(told, enc_hook=_plain))
    os.replace(f"{result}.new", result)


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's, paths as text."""
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} cannot be told as JSON")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
