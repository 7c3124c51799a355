"""`homeostat check`: tells whether a plug-in keeps the laws."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import msgspec

from homeostat.cli.configuration import told
from homeostat.cli.group import ERROR, debug_option, import_from_here
from homeostat.errors import ConfigError, did_you_mean
from homeostat.plugins import TABLE, known, load

if TYPE_CHECKING:
    from homeostat.testing import Result

PATIENCE_S = 2.0
"""How long nothing is said on a terminal."""


@click.command(
    epilog="""\b
Examples
  homeostat check my_package:MyMetric      a class that needs no arguments
  homeostat check my_package:make_metric   a function that makes one
  homeostat check accuracy                 a registered name
  homeostat check homeostat.toml           a configuration, model by model

\b
Exit status: 0 all laws kept, 1 a law broken, 2 there is nothing to check"""
)
@click.argument("target")
@click.option("-o", "--output", type=click.Choice(["auto", "table", "json"]), default="auto",
              help="auto: a table on a terminal, else JSON.")  # fmt: skip
@debug_option
@click.pass_context
def check(ctx: click.Context, target: str, output: str) -> None:
    """Check TARGET, a metric, detector or strategy, against the laws; or a configuration.

    Batches of any size give the same events, a restored snapshot goes on as if nothing had
    happened, memory stays bounded, odd input raises nothing: each law is tried on many streams.
    Modules in the current directory can be imported.
    """
    if target.endswith(".toml"):
        import_from_here()
        click.echo(told(target, output == "json" or (output == "auto" and not sys.stdout.isatty())))
        return
    from homeostat import testing

    plugin = _plugin(target)
    with _patience(target) as trying:
        results = testing.check(plugin, trying=trying)
    if output == "json" or (output == "auto" and not sys.stdout.isatty()):
        found = [result._asdict() for result in results]
        ok = all(result.ok for result in results)
        click.echo(msgspec.json.encode({"target": target, "ok": ok, "laws": found}).decode())
    else:
        _print_table(target, results)
    ctx.exit(0 if all(result.ok for result in results) else ERROR)


@contextmanager
def _patience(target: str) -> Iterator[Callable[[str], None] | None]:
    """On a terminal, a line that names the law being tried, once it takes a while."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, emoji=False)
    status = console.status(f"checking {escape(target)}")
    timer = threading.Timer(PATIENCE_S, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda law: status.update(f"checking {escape(target)}: {law}")
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def _print_table(target: str, results: Sequence[Result]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "law", "detail", box=box.SIMPLE_HEAD, pad_edge=False)
    for result in results:
        table.add_row(_mark(result), escape(result.law), escape(result.detail))
    broken = sum(not result.ok for result in results)
    skipped = sum(result.skipped for result in results)
    console = Console(highlight=False, emoji=False)
    console.print(table)
    kept = len(results) - broken - skipped
    style = "bold red" if broken else "green"
    end = f"[{style}]{kept} laws kept, {broken} broken[/], {skipped} skipped"
    console.print(f"{escape(target)}: {end}", soft_wrap=True)


def _mark(result: Result) -> str:
    if result.skipped:
        return "[dim]skipped[/]"
    return "[green]kept[/]" if result.ok else "[bold red]broken[/]"


def _plugin(target: str) -> Any:
    """A class that can be made without arguments, or what a function makes."""
    found = _imported(target) if ":" in target else _registered(target)
    if not (isinstance(found, type) or inspect.isroutine(found)):
        return _checkable(target, found)
    needed = [
        name
        for name, parameter in _parameters(found).items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise ConfigError(
            f"{target} needs arguments ({', '.join(needed)}); write a function that makes one "
            "and check that: homeostat check my_module:make_it"
        )
    return found if isinstance(found, type) else _checkable(f"what {target} makes", found())


def _parameters(make: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(make).parameters
    except ValueError:  # some built-in types tell nothing of theirs
        return {}


def _checkable(what: str, found: Any) -> Any:
    """A plug-in or something that makes one; a number, a text or a module is neither."""
    from homeostat.testing.outcome import named_kind
    from homeostat.testing.subject import KINDS

    if callable(found) or any(callable(getattr(found, kind.entry, None)) for kind in KINDS):
        return found
    raise ConfigError(
        f"{what} is {named_kind(found)}, no metric, detector or strategy; name a class, an "
        "instance, or a function that makes one"
    )


def _registered(name: str) -> Any:
    for kind in TABLE:
        if name in known(kind):
            return load(kind, name)
    names = [name for kind in TABLE for name in known(kind)]
    raise ConfigError(
        f"{name!r} is no registered name and no module:Class; {did_you_mean(name, names)}"
    )


def _imported(target: str) -> Any:
    module, _, path = target.partition(":")
    import_from_here()
    try:
        found: Any = import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except AttributeError as error:
        known_names = [name for name in vars(sys.modules[module]) if not name.startswith("_")]
        raise ConfigError(f"{error}; {did_you_mean(path, known_names)}") from error
    except Exception as error:  # a user's module may raise anything
        raise ConfigError(f"cannot import {module!r}: {type(error).__name__}: {error}") from error
    return found
