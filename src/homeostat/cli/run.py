"""`homeostat run`: records in, events and a summary out."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from homeostat import config
from homeostat.cli.configuration import settings_of
from homeostat.cli.group import (
    ERROR,
    FOUND,
    INTERRUPTED,
    SET_ASIDE,
    TERMINATED,
    USAGE,
    Failure,
    debug_option,
    import_from_here,
)
from homeostat.cli.session import Folding, Keeping, Session
from homeostat.cli.writers import Lines, kinds, opened
from homeostat.events import SystemEvent
from homeostat.fleet import Fleet
from homeostat.formats import TABLE
from homeostat.sources.chunk import LABELS, UNKNOWN, Options
from homeostat.sources.feed import Feed, open_feed
from homeostat.sources.files import afresh
from homeostat.sources.opening import FORMATS, open_source
from homeostat.sources.waiting import Resume

EPILOG = """\b
A record has
  model_version, predicted_label, latency_ms, created_at (with its zone), and may have
  ground_truth_label, record_id, model, score, scores, features, metadata.
  In tables, columns features.x and scores.x make up those two.

\b
Examples
  homeostat run predictions.parquet
  homeostat run log.jsonl.gz --events events.jsonl --events-kinds drift,retrain
  kubectl logs -f app | homeostat run - --rejects bad.jsonl
  homeostat run today.csv --fail-on drift && echo healthy
  homeostat run 'logs/*.jsonl' s3://bucket/captures --data homeostat-data --follow

\b
Exit status
  0    finished
  1    stopped by an error: an empty or damaged input, no record that could be taken,
       with --strict the first bad line; the summary tells what came before
  2    a wrong option or configuration, a file that is not there, a missing extra
  3    finished, but lines were set aside
  4    finished, and what --fail-on names has happened (goes before 3)
  130  interrupted; the summary tells what came before
  141  nobody reads the output any more
  143  terminated (SIGTERM); the summary tells what came before"""


@click.command(epilog=EPILOG)
@click.argument("source", nargs=-1)
@click.option("-c", "--config", "config_path", metavar="FILE",
              help="What to monitor. Default: homeostat.toml if there is one, else accuracy over "
                   "100 records, smoothed latency, ADWIN on the errors, and a request to retrain "
                   "at drift, at most one a day.")  # fmt: skip
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice([*FORMATS, *TABLE]),
    metavar="FORMAT",
    help=f"Default: told by the content and the name; .gz and .zst are unpacked. Files of records: "
    f"{', '.join(FORMATS)}; logs of other stacks: {', '.join(TABLE)}.",
)
@click.option("-m", "--map", "mapping", multiple=True, metavar="FIELD=COLUMN",
              help="Of a log of another stack: the column of a field, or FIELD==TEXT for a "
                   "constant; may be repeated.")  # fmt: skip
@click.option("--zone", metavar="ZONE",
              help="Of times in CSV and in logs of other stacks that have none, like "
                   "Europe/Berlin. Default: UTC for those logs; records need one.")  # fmt: skip
@click.option("-d", "--data", "folder", metavar="DIR", type=click.Path(path_type=Path),
              help="Keep records, states and events there, as serve does, with how far the source "
                   "was read: the next run goes on from there.")  # fmt: skip
@click.option(
    "--follow",
    is_flag=True,
    help="Go on as files grow, are rotated, and come; ends at SIGINT or SIGTERM.",
)
@click.option("-e", "--events", metavar="FILE",
              help="Write every event as a line of JSON; - is standard output (the summary then "
                   "goes to standard error).")  # fmt: skip
@click.option("--events-kinds", multiple=True, metavar="KINDS",
              help="Only these: metric, drift, retrain, failure; joined by commas.")  # fmt: skip
@click.option("-r", "--rejects", metavar="FILE",
              help="Write what is set aside as lines of JSON: where, which field, why, the line. "
                   "Lines count from 1, rows of Parquet and Arrow from 0.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Stop at the first bad line.")
@click.option("--unknown", type=click.Choice(UNKNOWN),
              help="A field that is none of a record's: reject the line (default), take it "
                   "as a feature, move it into metadata, or ignore it.")  # fmt: skip
@click.option("--labels", type=click.Choice(LABELS),
              help="What label cells of CSV are. Default: text.")  # fmt: skip
@click.option(
    "-o",
    "--output",
    type=click.Choice(["auto", "table", "json"]),
    default="auto",
    help="The summary. auto: a table with progress on a terminal, else one JSON object.",
)
@click.option("--fail-on", multiple=True, type=click.Choice(["drift", "retrain", "failure"]),
              help="Exit with 4 when this has happened; may be repeated. A drift for the better "
                   "does not count.")  # fmt: skip
@debug_option
@click.pass_context
def run(
    ctx: click.Context, source: tuple[str, ...], config_path: str | None, format_: str | None,
    mapping: tuple[str, ...], zone: str | None, folder: Path | None, follow: bool,
    events: str | None, events_kinds: tuple[str, ...], rejects: str | None, strict: bool,
    unknown: str | None, labels: str | None, output: str, fail_on: tuple[str, ...],
) -> None:  # fmt: skip
    """Monitor the records of SOURCE: files, folders, patterns, addresses, or - for standard input.

    Takes JSON Lines, CSV, Parquet and Arrow, also packed (.gz, .zst), Delta tables, and the logs of
    other stacks, which it recognises. Bad lines are set aside and counted, and the rest goes on.
    Shows progress and a table on a terminal, and prints one JSON object when piped.
    """
    import_from_here()
    settings = None if folder is None else settings_of(config_path)
    own = _settings(config_path) if settings is None else settings.base
    places = source or tuple(own.origin.places)
    if not places:
        raise Failure("Missing argument 'SOURCE': a file, a folder, a pattern or an address; or "
                      "source.from in the configuration", USAGE)  # fmt: skip
    options = Options(
        labels=labels or own.labels, unknown=unknown or own.unknown, strict=strict,
        mapping={**own.origin.mapping, **dict(map(_mapped, mapping))},
        zone=_zone(zone) or own.origin.zone,
        veiled=bool(own.privacy) if settings is None else settings.veiled,
    )  # fmt: skip
    of = kinds(events_kinds)
    if of and events is None:
        raise Failure("--events-kinds chooses what --events writes; pass --events FILE too", USAGE)
    if folder is not None and (events or fail_on):
        raise Failure("--data keeps the events; read them with homeostat events MODEL --data "
                      f"{folder}", USAGE)  # fmt: skip
    for place in places:
        _refuse_overwriting(place, {"--events": events, "--rejects": rejects})
    asked = _Asked(places, format_ or own.origin.format, options, follow)
    with ExitStack() as stack:
        live = on_terminal(output, events)
        if settings is None or folder is None:
            session = _folding(stack, asked, own, of, live)
        else:
            session = _keeping(stack, asked, settings, folder, live)
        session.events = Lines(stack.enter_context(_writable(events)))
        session.rejects = Lines(stack.enter_context(_writable(rejects)))
        session.run()
    _report(session, own.source, output, events)
    ctx.exit(_status(session, fail_on))


class _Asked(NamedTuple):
    """What is to be read, and how."""

    places: tuple[str, ...]
    format: str | None
    options: Options
    follow: bool


def _folding(
    stack: ExitStack, asked: _Asked, own: config.Config, of: tuple[type[SystemEvent], ...],
    live: bool,
) -> Session:  # fmt: skip
    """A run that keeps nothing."""
    found = stack.enter_context(_open(asked))
    engine = own.engine()
    names = [metric.name for metric in engine.metrics]
    return Session(Folding(engine, own.privacy.veil()), found, of, live, names)


def _keeping(stack: ExitStack, asked: _Asked, settings: Fleet, folder: Path, live: bool) -> Session:
    """A run that keeps all in a folder."""
    from homeostat.cli.keeping import kept_in

    ingest = stack.enter_context(kept_in(folder, settings))
    found = stack.enter_context(_open(asked, ingest.offset))
    return Session(Keeping(ingest, found.name), found, (), live, may_be_empty=True)


def _mapped(text: str) -> tuple[str, str]:
    field, equals, column = text.partition("=")
    if not (field and equals and column):
        raise Failure(f"--map {text!r}: write FIELD=COLUMN, or FIELD==TEXT for a constant", USAGE)
    return field, column


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Failure(f"--zone {name!r}: there is no such zone; like Europe/Berlin",
                          USAGE) from error  # fmt: skip
    return name


def _settings(path: str | None) -> config.Config:
    if path is None:
        here = Path(config.FILE)
        return config.load_file(here) if here.is_file() else config.default()
    try:
        return config.load_file(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


def _open(asked: _Asked, resume: Resume = afresh) -> Feed:
    """The source: one file as it always was, or any number of places from where they were left."""
    first = asked.places[0]
    alone = len(asked.places) == 1 and not asked.follow and resume is afresh
    try:
        if alone and (first == "-" or Path(first).is_file()):
            return open_source(first, asked.format, asked.options)
        if "-" in asked.places:
            raise Failure("standard input is read alone, without --follow and --data", USAGE)
        feed = open_feed(asked.places, asked.format, asked.options, resume=resume,
                         follow=asked.follow, wait=time.sleep)  # fmt: skip
        feed.size  # noqa: B018 - so that a file which is not there is told before anything begins
        return feed
    except OSError as error:
        raise Failure(f"{error.filename or first}: {error.strerror or error}", USAGE) from error


def _writable(path: str | None) -> Any:
    try:
        return opened(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


def _refuse_overwriting(source: str, outputs: dict[str, str | None]) -> None:
    taken = {} if source == "-" else {os.path.realpath(source): "SOURCE"}
    for option, path in outputs.items():
        if path is None or path == "-":
            continue
        real = os.path.realpath(path)
        if real in taken and real != os.path.realpath(os.devnull):
            raise Failure(f"{option} is the same file as {taken[real]}: {path}", USAGE)
        taken[real] = option


def on_terminal(output: str, events: str | None) -> bool:
    """Whether somebody watches."""
    return output != "json" and events != "-" and sys.stdout.isatty()


def _report(session: Session, named: str, output: str, events: str | None) -> None:
    to_stderr = events == "-"
    stream = sys.stderr if to_stderr else sys.stdout
    summary = {
        "source": session.source.name,
        "format": session.source.format,
        "recognised": session.source.recogniser.told(),
        "config": named,
        "status": session.status,
        "error": None if session.error is None else str(session.error),
        "seconds": round(session.seconds, 3),
        **session.tally.summary(),
        **session.taker.summary(),
    }
    if output == "json" or (output == "auto" and not stream.isatty()):
        click.echo(msgspec.json.encode(summary).decode(), err=to_stderr)
    else:
        from homeostat.cli.output import print_table

        print_table(summary, stream)
    stream.flush()


def _status(session: Session, fail_on: tuple[str, ...]) -> int:
    if session.error is not None:
        raise Failure(str(session.error), ERROR)
    if session.status == "interrupted":
        return INTERRUPTED
    if session.status == "terminated":
        return TERMINATED
    if any(session.tally.happened(name) for name in fail_on):
        return FOUND
    return SET_ASIDE if session.tally.set_aside else 0
