"""`homeostat replay`: the log of a service run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeostat import fleet
from homeostat.cli.configuration import settings_of
from homeostat.cli.folder import data_option
from homeostat.cli.group import ERROR, USAGE, Failure, debug_option, import_from_here
from homeostat.cli.waiting import waiting
from homeostat.cli.writers import opened

if TYPE_CHECKING:
    from homeostat.backtest.replay import Difference, Line
    from homeostat.stores.store import Model, Store

config_option = click.option(
    "-c", "--config", "config_path", metavar="FILE",
    help="What is monitored, and where a store of PostgreSQL is. Default: homeostat.toml if there "
         "is one.",
)  # fmt: skip


@click.command(
    epilog="""\b
Exit status:
  0  replayed; with --check, every event is as it was recorded
  1  --check found a difference, or the journal does not begin at the beginning"""
)
@data_option
@config_option
@click.option("-e", "--events", metavar="FILE", help="Write the events as lines of JSON: model, "
              "seq, event; - is standard output.")  # fmt: skip
@click.option("-m", "--model", help="Only this model. Default: all, the oldest first.")
@click.option("--check", is_flag=True, help="Compare with the events that were recorded.")
@debug_option
def replay(
    folder: Path, config_path: str | None, events: str | None, model: str | None, check: bool
) -> None:
    """Fold the recorded journal again; a service may go on using it.

    The same log and configuration give the same events, byte for byte. What retention has taken
    cannot be replayed: then engines start empty at what is left, and that is said.
    """
    import_from_here()
    from homeostat.backtest.replay import difference, models_of, recorded

    settings = settings_of(config_path)
    with journal(folder, settings) as store, _lines(events) as write:
        for each in models_of(store, model):
            told = _told(store, each, settings, check)
            again = _waited(_written(told, write), each, events)
            if check:
                found = difference(again, recorded(store, each))
                for _ in again:
                    pass  # the rest is written, whatever the difference
                if found is not None:
                    raise Failure(_difference(found), ERROR)
            else:
                n = sum(1 for _ in again)
            if events != "-":
                said = "as recorded" if check else f"{n:,} events"
                click.echo(f"{each.name}: {said}")


def _waited(told: Iterator[Line], model: Model, events: str | None) -> Iterator[Line]:
    """The same, with a bar on a terminal that no events go to."""
    if events == "-":
        yield from told
        return
    with waiting(f"folding the journal of {model.name} again"):
        yield from told


@contextmanager
def journal(folder: Path, settings: fleet.Fleet) -> Iterator[Store]:
    """The store of a folder, or the one that the configuration names, only to be read."""
    from homeostat.service.settings import service_of
    from homeostat.stores import open_store
    from homeostat.upkeep import folders

    where = service_of(settings.service, f"{settings.source}: service").where(folder)
    if where == folder:
        with folders.opened(folder, read_only=True) as store:
            yield store
        return
    store = open_store(where, read_only=True)
    try:
        yield store
    finally:
        store.close()


def warn_of_gaps(store: Store, model: Model) -> bool:
    """Say on standard error how much of a model's journal is gone; whether any is."""
    from homeostat.backtest.replay import forgotten

    gone = forgotten(store, model)
    if gone:
        click.echo(f"{model.name}: retention has taken the first {gone:,} facts of the journal; "
                   "what follows is of the rest, from empty engines", err=True)  # fmt: skip
    return bool(gone)


def _told(store: Store, model: Model, settings: fleet.Fleet, check: bool) -> Iterator[Line]:
    from homeostat.backtest.replay import lines, replayed

    if warn_of_gaps(store, model) and check:
        raise Failure(f"{model.name}: the journal does not begin at the beginning, so that its "
                      "events cannot be checked; leave out --check to see those of what is left, "
                      "or keep more: service.retention.records", ERROR)  # fmt: skip
    return lines(model, replayed(store, model, settings.engine_of))


def _written(told: Iterator[Line], write: Any) -> Iterator[Line]:
    for line in told:
        if write is not None:
            write(line.to_json() + "\n")
        yield line


@contextmanager
def _lines(path: str | None) -> Iterator[Any]:
    if path is None:
        yield None
        return
    try:
        made = opened(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error
    with made as stream:
        yield None if stream is None else stream.write


def _difference(found: Difference) -> str:
    return (
        f"{found.model}: event {found.seq} is not as recorded. Recorded: "
        f"{found.recorded or 'nothing'}. Replayed: {found.replayed or 'nothing'}. Is the "
        "configuration the one that the service had all the time?"
    )
