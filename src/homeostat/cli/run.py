"""`homeostat run`: records in, events and a summary out."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from homeostat import config
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
from homeostat.cli.tally import Tally
from homeostat.cli.writers import Lines, chosen, kinds, opened
from homeostat.engine import Engine
from homeostat.errors import HomeostatError, InvalidInput
from homeostat.events import SystemEvent
from homeostat.sources.chunk import LABELS, UNKNOWN, Options
from homeostat.sources.opening import FORMATS, Source, open_source

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
@click.argument("source")
@click.option("-c", "--config", "config_path", metavar="FILE",
              help="What to monitor. Default: homeostat.toml if there is one, else accuracy over "
                   "100 records, smoothed latency, ADWIN on the errors, and a request to retrain "
                   "at drift, at most one a day.")  # fmt: skip
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="Default: told by the content and the name; .gz and .zst are unpacked.",
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
              help="A field that is none of a record's: reject the line (default), move it into "
                   "metadata, or ignore it.")  # fmt: skip
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
    ctx: click.Context, source: str, config_path: str | None, format_: str | None,
    events: str | None, events_kinds: tuple[str, ...], rejects: str | None, strict: bool,
    unknown: str | None, labels: str | None, output: str, fail_on: tuple[str, ...],
) -> None:  # fmt: skip
    """Monitor the records of SOURCE: a file, or - for standard input.

    Takes JSON Lines, CSV, Parquet and Arrow, also packed (.gz, .zst). Bad lines are set aside and
    counted, and the rest goes on. Shows progress and a table on a terminal, and prints one JSON
    object when piped.
    """
    import_from_here()
    settings = _settings(config_path)
    options = Options(
        labels=labels or settings.labels, unknown=unknown or settings.unknown, strict=strict
    )
    of = kinds(events_kinds)
    if of and events is None:
        raise Failure("--events-kinds chooses what --events writes; pass --events FILE too", USAGE)
    _refuse_overwriting(source, {"--events": events, "--rejects": rejects})
    with ExitStack() as stack:
        found = stack.enter_context(_open(source, format_, options))
        session = _Session(settings.engine(), found, of, on_terminal(output, events))
        session.events = Lines(stack.enter_context(_writable(events)))
        session.rejects = Lines(stack.enter_context(_writable(rejects)))
        session.run()
    _report(session, settings, output, events)
    ctx.exit(_status(session, fail_on))


class _Terminated(KeyboardInterrupt):
    """Somebody asked the process to end."""


@contextmanager
def _termination_raises() -> Iterator[None]:
    """Within it SIGTERM ends what goes on as an interrupt does."""

    def end(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Session:
    """One run: folds the source and remembers how it ended."""

    def __init__(
        self, engine: Engine, source: Source, of: tuple[type[SystemEvent], ...], live: bool
    ) -> None:
        self.engine, self.source, self.of, self.live = engine, source, of, live
        self.events = self.rejects = Lines(None)
        self.tally = Tally(metric.name for metric in engine.metrics)
        self.status = "finished"
        self.error: HomeostatError | None = None
        self.seconds = 0.0

    def run(self) -> None:
        """Take every chunk; an error or an interruption ends it, and is kept for the report."""
        began = time.perf_counter()
        try:
            with _termination_raises():
                if self.live:
                    self._watched()
                else:
                    self._fold()
            if not self.tally.monitored:
                self._stop(self._nothing())
        except _Terminated:
            self.status = "terminated"
        except KeyboardInterrupt:
            self.status = "interrupted"
        except InvalidInput as error:
            self._stop(error)
        self.seconds = time.perf_counter() - began

    def _fold(self, show: Any = None) -> None:
        for chunk in self.source:
            events = self.engine.observe_batch(chunk.batch)
            self.tally.add(chunk, events)
            self.rejects.write(chunk.rejects)
            self.events.write(chosen(events, self.of))
            if show is not None:
                show(self.tally, self.source.position())
            if chunk.rejects and self.strict:
                raise chunk.rejects[0].error

    def _watched(self) -> None:
        from homeostat.cli.progress import Progress

        with Progress(self.source.name, self.source.size) as progress:
            self._fold(progress.show)

    @property
    def strict(self) -> bool:
        """Whether the first reject ends it."""
        return self.source.options.strict

    def _stop(self, error: HomeostatError) -> None:
        self.status, self.error = "stopped", error

    def _nothing(self) -> InvalidInput:
        if not self.tally.set_aside:
            return InvalidInput(self.source.name, "holds no record", "give it at least one")
        (field, problem), alike = max(self.tally.faults.items(), key=lambda item: item[1].count)
        return InvalidInput(
            self.source.name,
            f"holds no record that can be taken, {self.tally.set_aside:,} were set aside",
            f"most often: {field} {problem} (first at {alike.first})",
        )


def _settings(path: str | None) -> config.Config:
    if path is None:
        here = Path(config.FILE)
        return config.load_file(here) if here.is_file() else config.default()
    try:
        return config.load_file(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


def _open(path: str, format_: str | None, options: Options) -> Source:
    try:
        return open_source(path, format_, options)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


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


def _report(session: _Session, settings: config.Config, output: str, events: str | None) -> None:
    to_stderr = events == "-"
    stream = sys.stderr if to_stderr else sys.stdout
    summary = {
        "source": session.source.name,
        "format": session.source.format,
        "config": settings.source,
        "status": session.status,
        "error": None if session.error is None else str(session.error),
        "seconds": round(session.seconds, 3),
        **session.tally.summary(),
    }
    if output == "json" or (output == "auto" and not stream.isatty()):
        click.echo(msgspec.json.encode(summary).decode(), err=to_stderr)
    else:
        from homeostat.cli.output import print_table

        print_table(summary, stream)
    stream.flush()


def _status(session: _Session, fail_on: tuple[str, ...]) -> int:
    if session.error is not None:
        raise Failure(str(session.error), ERROR)
    if session.status == "interrupted":
        return INTERRUPTED
    if session.status == "terminated":
        return TERMINATED
    if any(session.tally.happened(name) for name in fail_on):
        return FOUND
    return SET_ASIDE if session.tally.set_aside else 0
