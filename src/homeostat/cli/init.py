"""`homeostat init`: the defaults as a file, with everything else that could stand in it."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from homeostat.cli.group import USAGE, Failure, debug_option
from homeostat.config import DEFAULT_TOML, FILE
from homeostat.errors import HomeostatError
from homeostat.plugins import known, load

_HEAD = """\
# What homeostat monitors: `homeostat run SOURCE` reads this file when it is in the current
# directory, or with --config FILE. These are the defaults; every key is checked.

"""
_CATALOGUE = """
# ----------------------------------------------------------------------------------------------
# All there is to choose from, with its settings and their defaults. Strategies nest as inline
# tables: strategies = [{ type = "drift" }, { type = "threshold", threshold = 0.9, hold = 20 }]
# A class of your own is named by where it is: type = "my_package.metrics:MyMetric"
"""
_SECTIONS = {"metrics": "[[metrics]]", "detectors": "[[detectors]]", "strategies": "[strategy]"}


@click.command()
@click.argument("path", default=FILE)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@debug_option
def init(path: str, force: bool) -> None:
    """Write a commented configuration to PATH (homeostat.toml; - prints it).

    It holds the defaults, so nothing changes until you edit it, and lists every metric, detector
    and strategy with its settings.
    """
    text = _HEAD + DEFAULT_TOML + _CATALOGUE + "".join(_catalogue())
    if path == "-":
        click.echo(text, nl=False)
        return
    target = Path(path) / FILE if Path(path).is_dir() else Path(path)
    try:
        with target.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise Failure(f"{target} exists; pass --force to overwrite it", USAGE) from None
    except OSError as error:
        raise Failure(f"{target}: {error.strerror}", USAGE) from error
    click.echo(f"Wrote {target}. Edit it, then: homeostat run SOURCE{_option(target)}")


def _option(target: Path) -> str:
    return "" if target == Path(FILE) else f" --config {target}"


def _catalogue() -> Iterator[str]:
    for kind, section in _SECTIONS.items():
        for name in sorted(known(kind)):
            lines = ["", section, f"type = {_toml(name)}", *_entry(kind, name)]
            yield "".join(f"# {line}".rstrip() + "\n" if line else "\n" for line in lines)


def _entry(kind: str, name: str) -> Iterator[str]:
    """The first sentence about a plug-in and its settings, as lines of a comment."""
    try:
        make = load(kind, name)
    except HomeostatError as error:
        yield f"  (cannot be loaded: {error})"
        return
    about = (inspect.getdoc(make) or "").partition("\n\n")[0]
    yield from textwrap.wrap(about, 88, initial_indent="  ", subsequent_indent="  ")
    for key, parameter in _settings(make).items():
        if parameter.default is parameter.empty:
            yield f"{key} = ...  (required)"
        elif parameter.default is None:
            yield f"{key} = ...  (none)"
        else:
            yield f"{key} = {_toml(parameter.default)}"


def _settings(make: Any) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(make).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {key: p for key, p in parameters.items() if p.kind not in variadic}


def _toml(value: Any) -> str:
    plain = value if isinstance(value, bool | int | float | str | list | dict) else str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else plain)
