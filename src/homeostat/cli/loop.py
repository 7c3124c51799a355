"""The loop from a terminal: what runs, who serves, and a person's word on it.

Each command asks a service that runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from homeostat.cli.folder import as_json, minute, output_option, show, table
from homeostat.cli.group import debug_option

_URL = "http://127.0.0.1:8321"


def _asked(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds where the service is, and the token."""
    url = click.option("--url", default=_URL, show_default=True, envvar="HOMEOSTAT_URL",
                       show_envvar=True, help="Where the service is.")  # fmt: skip
    token = click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
                         required=True, envvar="HOMEOSTAT_TOKEN_FILE",
                         show_envvar=True, help="The token for it.")  # fmt: skip
    return url(token(command))


def _telling(
    name: str, text: str, say: Callable[[dict[str, Any]], None], *options: Any
) -> click.Command:  # fmt: skip
    """A command that asks the service about a model, and says the answer, or gives it as JSON.

    What its options gave is sent; without any the question is only looked up.
    """

    def run(model: str, url: str, token_file: Path, output: str, **given: Any) -> None:
        from homeostat.upkeep.asking import ask

        body = {key: value for key, value in given.items() if value is not None}
        told = ask(url, token_file, f"/v1/models/{model}/{name}", body if options else None)
        if as_json(output):
            click.echo(msgspec.json.encode(told).decode())
        else:
            say(told)

    run.__doc__ = text
    decorated: Callable[..., Any] = run
    for option in reversed((*options, _asked, output_option, debug_option)):
        decorated = option(decorated)
    return click.command(name)(click.argument("model")(decorated))


def _asking(name: str, text: str, *options: Any) -> click.Command:
    """A person's word."""
    return _telling(name, text, _answered, *options, _REASON)


def _answered(told: dict[str, Any]) -> None:
    click.echo(_told(told))


def _told(answer: dict[str, Any]) -> str:
    if "standing" in answer:
        standing = answer["standing"]
        told = f"{answer['model']}: champion {standing['champion']}"
        if standing.get("challenger"):
            role = "watched against" if standing.get("watched") else "challenger"
            told += f", {role} {standing['challenger']}"
        if standing.get("leader"):
            told += f", {standing['leader']} leads"
        return told + f" (generation {standing['generation']})"
    return f"{answer['model']}: {answer['id']} {answer['state']}: {answer['reason']}"


_REASON = click.option("--reason", metavar="TEXT", help="Why; it is kept with the event.")
_JOB = click.option("--job", metavar="ID", help="Only if it is this one.")
_GENERATION = click.option(
    "--generation", type=int, metavar="N", help="Only if the champion has not changed since."
)
_VERSION = click.option("--version", metavar="NAME", help="This version, not the challenger.")
_REJECTED = click.option("--version", metavar="NAME", help="Let this version lead no more.")

retrain = _asking("retrain", "Ask for a retraining of MODEL now.")
approve = _asking("approve", "Let the retraining of MODEL go on that waits for approval.", _JOB)
cancel = _asking("cancel", "End the retraining of MODEL that runs or waits.", _JOB)
promote = _asking("promote", "Let the challenger of MODEL serve.", _VERSION, _GENERATION)
reject = _asking("reject", "Compare the challenger of MODEL no more.", _REJECTED)
rollback = _asking("rollback", "Let the version of MODEL serve again that served before.",
                   _GENERATION)  # fmt: skip


def _shown_versions(told: dict[str, Any]) -> None:
    if told.get("retraining") is False and not told["versions"]:
        click.echo(f"{told['model']}: no [retraining] configured, so it has no versions")
        return
    standing = told.get("standing") or {}
    names = {standing.get("challenger"): "challenger", standing.get("previous"): "previous",
             standing.get("champion"): "champion"}  # fmt: skip
    if not standing.get("watched"):  # in a watch it is the previous one that is compared
        names[standing.get("challenger")] = "challenger"
    if standing.get("leader"):
        role = names.get(standing["leader"])
        names[standing["leader"]] = f"{role}, leads" if role else "leads"
    made = table("version", "", "made", "metrics, artifact")
    for each in told["versions"]:
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in each["metrics"].items())
        more = "\n".join(filter(None, (metrics, each["artifact"])))
        made.add_row(each["version"], names.get(each["version"], ""), minute(each["created"]),
                     more)  # fmt: skip
    show(made)
    if told.get("comparison"):
        click.echo(_compared(told["comparison"]))
    if told.get("hindered"):
        click.echo(f"It waits for its scorer, which failed: {told['hindered']}")


def _compared(found: dict[str, Any]) -> str:
    if not found["n"]:
        return "The comparison has no pair of predictions yet."
    what = "watch after the promotion" if found["watch"] else "comparison"
    return (
        f"The {what}: {found['n']:,} pairs, champion {found['champion_accuracy']:.1%} right, "
        f"the other {found['challenger_accuracy']:.1%}; difference {found['difference']:+.4f} "
        f"({found['lower']:+.4f} to {found['upper']:+.4f})"
    )


def _shown_jobs(told: dict[str, Any]) -> None:
    made = table("job", "state", "asked", "why, and what came of it")
    for each in told["jobs"]:
        version = each["version"]
        found = version and f"{'recalled' if each['state'] == 'recalled' else 'made'} {version}"
        came = "\n".join(filter(None, (each["reason"], found, each["problem"])))
        made.add_row(each["id"], each["state"], minute(each["asked"]), came)
    show(made)


versions = _telling(
    "versions", "Print the versions of MODEL, which of them serves, and how the comparison stands.",
    _shown_versions,
)  # fmt: skip
jobs = _telling("jobs", "Print the retrainings of MODEL, the newest first.", _shown_jobs)
