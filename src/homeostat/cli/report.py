"""`homeostat report`: one file to hand on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from homeostat.cli.folder import config_option, data_option, store_of
from homeostat.cli.group import USAGE, Failure, debug_option
from homeostat.cli.waiting import waiting

_EPILOG = """\b
  homeostat report --model fraud --from 2026-03-01 --to 2026-04-01
  homeostat report --reference train.parquet --current today.parquet --pdf drift.pdf
A PDF is printed by a Chromium or Chrome, one that is on the path or named in
HOMEOSTAT_BROWSER."""


@click.command(epilog=_EPILOG)
@data_option
@config_option
@click.option("-m", "--model", help="The model to report on.")
@click.option("--from", "start", metavar="TIME",
              help="The first moment, as 2026-03-01 or 2026-03-01T12:00Z. Default: 30 days before "
                   "--to.")  # fmt: skip
@click.option("--to", "end", metavar="TIME",
              help="The moment after the last. Default: the newest record.")  # fmt: skip
@click.option("--reference", metavar="FILE", help="Compare this table ...")
@click.option(
    "--current", metavar="FILE", help="... with this one: Parquet, CSV, JSON Lines, Arrow."
)
@click.option("--label", default="ground_truth_label", show_default=True, metavar="COLUMN",
              help="Of two tables: the column of labels, if there is one.")  # fmt: skip
@click.option("--prediction", default="predicted_label", show_default=True, metavar="COLUMN",
              help="Of two tables: the column of predictions, if there is one.")  # fmt: skip
@click.option(
    "--html",
    "html_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("homeostat-report.html"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--pdf", "pdf_path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Print it to a PDF as well.")  # fmt: skip
@debug_option
def report(
    folder: Path, config: Path | None, model: str | None, start: str | None, end: str | None,
    reference: str | None, current: str | None, label: str, prediction: str, html_path: Path,
    pdf_path: Path | None,
) -> None:  # fmt: skip
    """Write one file of HTML that tells how a model did, or how two tables differ.

    The file has no script and loads nothing; it may be mailed. A service may run meanwhile.
    """
    if (reference is None) != (current is None):
        raise Failure("--reference and --current go together", USAGE)
    if (model is None) == (reference is None):
        raise Failure("name either --model, or --reference and --current", USAGE)
    if pdf_path is not None:
        from homeostat.report.pdf import browser

        browser()  # says at once when there is none
    now = datetime.now(UTC)
    with waiting("writing the report"):
        if reference is not None and current is not None:
            page = _of_tables(reference, current, label, prediction, now)
        else:
            page = _of_model(store_of(folder, config), str(model), start, end, config, now)
    html_path.write_text(page, encoding="utf-8")
    click.echo(f"wrote {html_path} ({len(page.encode()) / 1000:,.0f} kB)")
    if pdf_path is not None:
        from homeostat.report.pdf import printed

        printed(html_path, pdf_path)
        click.echo(f"wrote {pdf_path}")


def _of_model(
    where: Path | str, model: str, start: str | None, end: str | None, config: Path | None,
    now: datetime,
) -> str:  # fmt: skip
    from homeostat.report.model import report as written
    from homeostat.report.period import gather
    from homeostat.upkeep.folders import opened

    with opened(where, read_only=True) as store:
        period = gather(store, model, _micros("--from", start), _micros("--to", end))
    return written(period, now, [] if config is None else _watched_by(config, model))


def _watched_by(config: Path, model: str) -> list[tuple[str, str]]:
    """How the model is watched; addresses, paths and secrets of the service stay out of it."""
    from homeostat import fleet

    engine = fleet.load_file(config).engine_of(model)
    told = [("metric", repr(each)) for each in engine.metrics]
    told += [("detector", repr(each)) for each in engine.detectors]
    return told + ([("strategy", repr(engine.strategy))] if engine.strategy is not None else [])


def _of_tables(reference: str, current: str, label: str, prediction: str, now: datetime) -> str:
    from homeostat.report.tables import Roles, gather
    from homeostat.report.tables import report as written

    names = (Path(reference).name, Path(current).name)
    found = gather(_table(reference), _table(current), names, Roles(prediction, label))
    return written(found, now)


def _table(path: str) -> dict[str, Any]:
    """A file as columns: a table as it is, records with their features."""
    from homeostat.reference.table import table_of

    if not Path(path).is_file():
        raise Failure(f"{path}: there is no such file", USAGE)
    data = path if path.endswith((".parquet", ".csv")) else _records(path)
    found = table_of(data)
    return {name: found.array(name) for name in found.names}


def _records(path: str) -> Any:
    from homeostat.batch import Batch
    from homeostat.sources.opening import open_source

    with open_source(path) as source:
        parts = [chunk.batch for chunk in source if len(chunk.batch)]
    if not parts:
        raise Failure(f"{path} holds no record that can be taken", USAGE)
    return Batch.joined(parts)


def _micros(option: str, text: str | None) -> int | None:
    from homeostat.times import parse, to_micros

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text) if len(text) <= 10 else parse(text)
    except ValueError as error:
        raise Failure(f"{option}: {text!r} is no time; write 2026-03-01 or 2026-03-01T12:00:00Z",
                      USAGE) from error  # fmt: skip
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
