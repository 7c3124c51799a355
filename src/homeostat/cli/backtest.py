"""`homeostat backtest`: several strategies over history."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from homeostat import config
from homeostat.cli.folder import as_json, output_option, show, table
from homeostat.cli.group import USAGE, Failure, debug_option, import_from_here
from homeostat.sources import opening
from homeostat.sources.chunk import Options

if TYPE_CHECKING:
    from homeostat.backtest.comparing import Report
    from homeostat.backtest.outcome import Outcome
    from homeostat.backtest.proposals import Proposal, Tried
    from homeostat.backtest.settings import Plan
    from homeostat.batch import Batch
    from homeostat.lifecycle.rules import Rules


@click.command()
@click.argument("records")
@click.option("-c", "--config", "config_path", metavar="FILE",
              help="What is measured and watched, [backtest] and [strategies.NAME]. Default: "
                   "homeostat.toml if there is one.")  # fmt: skip
@click.option("-s", "--strategies", "names", metavar="NAMES", default="never,default",
              show_default=True,
              help="Joined by commas: those of the configuration; default, its [strategy]; cost, "
                   "at the prices of [backtest]; every:10000 or every:7d; never.")  # fmt: skip
@click.option("-t", "--trainer", metavar="MODULE:FUNCTION",
              help="Retrain for real with this function, which takes a batch of labelled records "
                   "and returns something with predict(columns).")  # fmt: skip
@click.option("--rules", "ruled", is_flag=True,
              help="Requests obey [retraining.rules] as in the service, but for those of "
                   "calendars.")  # fmt: skip
@click.option("--gate", is_flag=True, help="A new model serves only if it is shown to be better.")
@click.option("--changes", metavar="RECORDS",
              help="Known changes, as numbers of records from 0, joined by commas; they decide "
                   "what is a false alarm.")  # fmt: skip
@click.option("--propose", "proposing", is_flag=True,
              help="Search settings for the prices of [backtest]; needs a trainer.")  # fmt: skip
@click.option("--json", "json_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Write everything as JSON.")  # fmt: skip
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path),
              help="Draw it, as .svg, .png or .pdf.")  # fmt: skip
@click.option("-f", "--format", "format_", type=click.Choice(list(opening.FORMATS)),
              help="Of RECORDS; default: told by content and name.")  # fmt: skip
@output_option
@debug_option
def backtest(
    records: str, config_path: str | None, names: str, trainer: str | None, ruled: bool, gate: bool,
    changes: str | None, proposing: bool, json_path: Path | None, picture: Path | None,
    format_: str | None, output: str,
) -> None:  # fmt: skip
    """Run several strategies over the history in RECORDS, a file or - for standard input.

    Without a trainer nothing is retrained: it tells what would have been asked, and when. With one
    every strategy lives through history with a model of its own.
    """
    import_from_here()
    from homeostat.backtest.comparing import trained, watched
    from homeostat.backtest.contestants import contestants
    from homeostat.backtest.ruled import ruled as under_rules
    from homeostat.backtest.training import trainer_of

    plan = _plan(config_path)
    who = contestants(plan, [name.strip() for name in names.split(",") if name.strip()])
    if not who:
        raise Failure("--strategies names none; never,default is a beginning", USAGE)
    if ruled:
        who = [under_rules(each, _rules(plan)) for each in who]
    known = _numbers(changes)
    named = trainer or plan.settings.trainer
    if named is None and (gate or proposing):
        option = "--gate" if gate else "--propose"
        raise Failure(f"{option} needs a trainer: --trainer module:function", USAGE)
    proposal = None
    with _progress(sys.stderr.isatty() and not as_json(output)) as told:
        batches = _batches(records, format_, plan, told)
        if named is None:
            report = watched(plan, who, batches, known)
        else:
            train, history = trainer_of(named), _joined(batches, records)
            report = trained(plan, who, history, train, known, gate, told)
            if proposing:
                from homeostat.backtest.proposals import propose

                proposal = propose(plan, history, train, told)
    _write(report, proposal, json_path, picture)
    if as_json(output):
        click.echo(_json(report, proposal))
        return
    _show(report)
    if proposal is not None:
        _show_proposal(proposal)


def _plan(path: str | None) -> Plan:
    from homeostat.backtest.settings import load

    here = Path(config.FILE)
    try:
        return load(here if path is None and here.is_file() else path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


def _rules(plan: Plan) -> Rules:
    """Those of the service, or their defaults."""
    from homeostat.lifecycle.rules import Rules

    return Rules() if plan.fleet.course is None else plan.fleet.course.rules


def _numbers(given: str | None) -> list[int] | None:
    if given is None:
        return None
    try:
        return [int(each) for each in given.split(",") if each.strip()]
    except ValueError as error:
        raise Failure(f"--changes: must be numbers of records, got {given!r}", USAGE) from error


def _batches(path: str, format_: str | None, plan: Plan, told: Any) -> Iterator[Batch]:
    base = plan.base()
    options = Options(labels=base.labels, unknown=base.unknown)
    set_aside = 0
    with opening.open_source(path, format_, options) as source:
        for chunk in source:
            set_aside += len(chunk.rejects)
            yield chunk.batch
            told("reading", source.position(), source.size or 0)
    if set_aside:
        click.echo(f"{path}: set aside as unreadable: {set_aside:,}; `homeostat run --rejects` "
                   "tells which", err=True)  # fmt: skip


def _joined(batches: Iterator[Batch], path: str) -> Batch:
    from homeostat.batch import Batch

    parts = [batch for batch in batches if len(batch)]
    if not parts:
        raise Failure(f"{path} holds no record that can be taken", USAGE)
    return Batch.joined(parts)


@contextmanager
def _progress(shown: bool) -> Iterator[Any]:
    """Says who is how far, where somebody watches."""
    if not shown:
        yield lambda name, done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def told(name: str, done: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=of or None)
            bars.update(tasks[name], completed=done, total=of or None)

        yield told


def _json(report: Report, proposal: Proposal | None) -> str:
    """The figures, the strategies by name; a proposal where one was asked for."""
    whole = report.to_dict()
    if proposal is not None:
        whole["proposal"] = msgspec.to_builtins(proposal)
    return msgspec.json.encode(whole).decode()


def _write(
    report: Report, proposal: Proposal | None, json_path: Path | None, picture: Path | None
) -> None:
    if json_path is not None:
        json_path.write_text(_json(report, proposal) + "\n", encoding="utf-8")
    if picture is not None:
        from homeostat.backtest.picture import draw

        draw(report, picture)


# What a person sees ---------------------------------------------------------------------------


def _show(report: Report) -> None:
    from rich.text import Text

    columns = ["accuracy", "retrained" if report.trained else "asked", "false", "cost"]
    columns += ["regret", "over time"] if report.trained else []
    shown = table("strategy", *columns)
    for column in shown.columns[1:6]:
        column.justify = "right"
    shown.columns[-1].no_wrap = True
    both = [*report.strategies.values(), *report.calendars.values()]
    accurate = max((each.accuracy or 0.0 for each in both), default=0.0)
    cheap = min((each.cost for each in both), default=0.0)
    span = _span(both)
    for at, each in enumerate(both):
        own = at < len(report.strategies)
        shown.add_row(*_cells(each, report.trained, accurate, cheap, span),
                      style="" if own else "dim")  # fmt: skip
    show(shown)
    show(Text(_remarks(report), "dim"))


def _cells(
    each: Outcome, trained: bool, accurate: float, cheap: float, span: tuple[float, float]
) -> list[Any]:
    from rich.text import Text

    accuracy = "-" if each.accuracy is None else f"{each.accuracy:.4f}"
    best = trained and each.accuracy == accurate
    cells: list[Any] = [
        Text(each.name, no_wrap=True),
        Text(accuracy, "bold green" if best else ""),
        f"{each.retrainings:,}",
        f"{each.false_alarms:,}",
        Text(f"{each.cost:,.0f}", "bold green" if trained and each.cost == cheap else ""),
    ]
    if trained:
        cells += ["-" if each.regret is None else f"{each.regret:,.0f}", _line(each, span)]
    return cells


_HEIGHTS = "▁▂▃▄▅▆▇█"


def _span(outcomes: list[Outcome]) -> tuple[float, float]:
    values = [x for each in outcomes for x in _parts(each)]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _parts(each: Outcome) -> list[float]:
    """Accuracy in some ten parts, for a line that fits beside the figures."""
    step = max(len(each.over_time) // 10, 1)
    parts = [each.over_time[at : at + step] for at in range(0, len(each.over_time), step)]
    known = [[x for x in part if x is not None] for part in parts]
    return [sum(part) / len(part) for part in known if part]


def _line(each: Outcome, span: tuple[float, float]) -> str:
    low, high = span
    scale = (len(_HEIGHTS) - 1) / ((high - low) or 1.0)
    return "".join(_HEIGHTS[round((x - low) * scale)] for x in _parts(each))


def _remarks(report: Report) -> str:
    prices = report.settings
    lines = [
        f"{report.records:,} records; a retraining costs {prices.retraining_cost:g}, a wrong "
        f"prediction {prices.error_cost:g}"
    ]
    if report.trained:
        lines.append(f"the first {report.first:,} records trained the first model; regret: against "
                     "the cheapest calendar in hindsight")  # fmt: skip
    else:
        lines.append(
            "nothing was retrained: accuracy as recorded, costs differ by retrainings only"
        )
    lines.append(
        f"false: asked without a drop among the latest {prices.around:,} labelled records"
        if report.changes is None
        else f"false: asked without a known change within {prices.within:,} records before"
    )
    hindered = [f"{each.name} {each.suppressed:,}" for each in report.strategies.values()
                if each.suppressed]  # fmt: skip
    if hindered:
        lines.append(f"requests that the rules did not let pass: {', '.join(hindered)}")
    return "\n".join(lines)


def _show_proposal(proposal: Proposal) -> None:
    from rich.text import Text

    show(Text("\nProposed for these costs", "bold"))
    shown = table("", "cost of 1,000", "accuracy", "retrained")
    for column in shown.columns[1:]:
        column.justify = "right"
    for fitted, held_out in (
        (proposal.fitted, proposal.held_out),
        (proposal.calendar_fitted, proposal.calendar_held_out),
    ):
        shown.add_row(Text(fitted.name, "bold"))
        shown.add_row("  first 70 %, fitted to it", *_figures(fitted), style="dim")
        shown.add_row("  last 30 %, held out", *_figures(held_out))
    show(shown)
    better = proposal.held_out.cost <= proposal.calendar_held_out.cost
    verdict = "does no worse than" if better else "is dearer than"
    show(Text(f"On what it was not fitted to, it {verdict} the best calendar.",
              "green" if better else "yellow"))  # fmt: skip
    if proposal.per_month is not None:
        show(Text(f"Budget to plan for: {proposal.per_month:.1f} retrainings in 30 days."))
    show(Text(f"\n[strategies.proposed]\n{_toml(proposal.fitted)}", "dim"))


def _figures(tried: Tried) -> tuple[str, str, str]:
    return f"{tried.cost:,.1f}", f"{tried.accuracy:.4f}", f"{tried.retrainings:,}"


def _toml(tried: Tried) -> str:
    return "\n".join(f"{name} = {_value(value)}" for name, value in tried.settings.items())


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{name} = {_value(each)}" for name, each in value.items())
        return "{ " + inner + " }"
    return f'"{value}"' if isinstance(value, str) else f"{value!r}"
