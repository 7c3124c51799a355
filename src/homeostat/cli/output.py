"""A summary as tables."""

from __future__ import annotations

from typing import IO, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN, METRICS_SHOWN = 5, 30
"""How many versions and kinds of fault, and metrics, are listed; the JSON summary has all."""

_KINDS = {"drift": "DriftDetected", "retrain": "RetrainRequested", "failure": "PluginFailed"}


def print_table(summary: dict[str, Any], stream: IO[str]) -> None:
    """Print what a run found."""
    console = Console(file=stream, highlight=False, emoji=False)
    _heading(console, summary)
    for found in summary["recognised"]:
        console.print(f"recognised: [bold]{escape(found['title'])}[/]", soft_wrap=True)
        console.print(_mapping(found))
    metrics = summary["metrics"]
    if _without_latency(summary["recognised"]):
        console.print("latency: not in the data, so nothing is told of it", soft_wrap=True)
        metrics = {name: value for name, value in metrics.items() if "latency_ms" not in name}
    if metrics:
        console.print(_metrics(metrics))
    if summary["events"]:
        console.print(_events(summary))
    if summary["set_aside"]:
        console.print(_faults(summary["set_aside"]))
    _footnotes(console, summary)


def _without_latency(recognised: list[dict[str, Any]]) -> bool:
    """Whether every log that was read leaves the latency to a constant."""
    constant = [
        line["column"].startswith("=")
        for found in recognised
        for line in found["fields"]
        if line["field"] == "latency_ms"
    ]
    return bool(constant) and all(constant)


def _heading(console: Console, summary: dict[str, Any]) -> None:
    records = summary["records"]
    rate = records["read"] / max(summary["seconds"], 0.001)
    state = "" if summary["status"] == "finished" else f" [bold red]{summary['status']}[/]"
    aside = f"{records['set_aside']:,} set aside"
    console.print(
        f"[bold]{escape(summary['source'])}[/]{state}: {records['read']:,} read, "
        f"{records['monitored']:,} monitored, "
        f"{f'[bold red]{aside}[/]' if records['set_aside'] else aside} "
        f"[dim]({summary['seconds']:.2f} s, {rate:,.0f}/s)[/]",
        soft_wrap=True,
    )
    if summary["span"]:
        console.print(f"from {summary['span'][0]} to {summary['span'][1]}", soft_wrap=True)
    versions = list(summary["versions"].items())
    if versions:
        more = f" and {len(versions) - SHOWN:,} more" if len(versions) > SHOWN else ""
        shown = ", ".join(f"{escape(name)} ({n:,})" for name, n in versions[:SHOWN])
        console.print(f"versions: {shown}{more}", soft_wrap=True)


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _mapping(found: dict[str, Any]) -> Table:
    table = _table(("field", "left"), ("from", "left"), ("", "left"))
    for line in found["fields"]:
        table.add_row(escape(line["field"]), escape(line["column"]), line["note"])
    if found["passed_over"]:
        table.add_row("", f"{found['passed_over']:,} rows are no predictions", "passed over")
    if found["waiting"]:
        table.add_row("", f"{found['waiting']:,} wait for their other half", "kept")
    return table


def _metrics(metrics: dict[str, dict[str, Any]]) -> Table:
    table = _table(("metric", "left"), *((name, "right") for name in ("last", "min", "max", "n")))
    for name, values in list(metrics.items())[:METRICS_SHOWN]:
        numbers = (_number(values[which]) for which in ("last", "min", "max"))
        table.add_row(escape(name), *numbers, f"{values['n']:,}")
    if len(metrics) > METRICS_SHOWN:
        table.add_row(f"and {len(metrics) - METRICS_SHOWN:,} more", style="dim")
    return table


def _number(value: float) -> str:
    return "-" if value != value else f"{value:,.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def _events(summary: dict[str, Any]) -> Table:
    told = {kind: summary[name] for name, kind in _KINDS.items() if summary[name]["count"]}
    ends = ("first", "last") if told else ()
    table = _table(("event", "left"), ("count", "right"), *((end, "left") for end in ends))
    for kind, n in summary["events"].items():
        when = (told[kind][end]["created_at"] for end in ends) if kind in told else ()
        table.add_row(kind, f"{n:,}", *when, style="yellow" if kind in told else None)
    return table


def _faults(faults: list[dict[str, Any]]) -> Table:
    table = _table(("set aside", "left"), ("count", "right"), ("first", "left"))
    for fault in faults[:SHOWN]:
        hint = f"; {fault['hint']}" if fault["hint"] else ""
        what = f"{fault['field']} {fault['problem']}{hint}"
        table.add_row(escape(what), f"{fault['count']:,}", fault["first"])
    rest = sum(fault["count"] for fault in faults[SHOWN:])
    if rest:
        table.add_row("others; --rejects FILE writes every one", f"{rest:,}", "")
    return table


def _footnotes(console: Console, summary: dict[str, Any]) -> None:
    last = summary["retrain"]["last"]
    if last:
        console.print(f"[yellow]last request:[/] {escape(last['reason'])}", soft_wrap=True)
    failed = summary["failure"]["last"]
    if failed:
        what = f"{failed['plugin']}: {failed['error']}"
        console.print(f"[red]failed:[/] {escape(what)}", soft_wrap=True)
    if "labels" in summary:
        labels = summary["labels"]
        told = f"{labels['read']:,} read, {labels['joined']:,} joined with their records"
        console.print(f"labels: {told}", soft_wrap=True)
    if "kept" in summary:
        told = ", ".join(f"{name} {n:,}" for name, n in summary["kept"].items())
        console.print(f"kept: {told}", soft_wrap=True)
    for note in summary["notes"]:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    console.print(f"[dim]configuration: {escape(summary['config'])}[/]", soft_wrap=True)
