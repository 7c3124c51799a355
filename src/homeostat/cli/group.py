"""The `homeostat` command: a table of subcommands, and how errors reach the user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, Any

import click

import homeostat
from homeostat.errors import ConfigError, HomeostatError, MissingExtra, did_you_mean

COMMANDS = {
    "run": ("homeostat.cli.run:run", "Monitor a file of records, or standard input."),
    "serve": ("homeostat.cli.serve:serve", "Take records and labels over HTTP, for months."),
    "top": ("homeostat.cli.top:top", "Watch a running service, live in the terminal."),
    "token": ("homeostat.cli.token:token", "Make, list and take back the service's tokens."),
    "events": ("homeostat.cli.events:events", "Print or follow what the service tells of a model."),
    "versions": ("homeostat.cli.loop:versions", "Which version serves, and which is compared."),
    "jobs": ("homeostat.cli.loop:jobs", "The retrainings of a model, and what came of them."),
    "retrain": ("homeostat.cli.loop:retrain", "Ask for a retraining of a model."),
    "approve": ("homeostat.cli.loop:approve", "Let a retraining go on that waits for a word."),
    "cancel": ("homeostat.cli.loop:cancel", "End a retraining."),
    "promote": ("homeostat.cli.loop:promote", "Let the challenger serve."),
    "reject": ("homeostat.cli.loop:reject", "Compare the challenger no more."),
    "rollback": ("homeostat.cli.loop:rollback", "Let the version serve again that did before."),
    "doctor": (
        "homeostat.cli.doctor:doctor",
        "Examine the service's folder; what to mend, and how.",
    ),
    "audit": ("homeostat.cli.audit:audit", "Print who did what: tokens, promotions, backups."),
    "mended": ("homeostat.cli.mended:mended", "Let plug-ins that hung be tried again."),
    "backup": (
        "homeostat.cli.backup:backup",
        "Write the service's folder to one file, as it runs.",
    ),
    "restore": ("homeostat.cli.restore:restore", "Make a folder of a backup."),
    "erase": ("homeostat.cli.erase:erase", "Erase what a record says of a person."),
    "absorb": ("homeostat.cli.absorb:absorb", "Add states from Spark to a service's folder."),
    "replay": ("homeostat.cli.replay:replay", "Fold a service's journal again, byte for byte."),
    "whatif": ("homeostat.cli.whatif:whatif", "See history with other settings."),
    "backtest": (
        "homeostat.cli.backtest:backtest",
        "Run several strategies over history; propose settings.",
    ),
    "report": ("homeostat.cli.report:report", "Write a report on a model, or on two tables."),
    "show": ("homeostat.cli.show:show", "Print a Grafana dashboard, or Prometheus alert rules."),
    "init": ("homeostat.cli.init:init", "Write a commented configuration file to start from."),
    "check": (
        "homeostat.cli.check:check",
        "Check a metric, detector or strategy against the laws.",
    ),
    "demo": ("homeostat.cli.demo:demo", "See a model drift and heal, on real data."),
}
"""Name, where it is, and its short help: kept here so that --help imports none of them."""

ERROR, USAGE, SET_ASIDE, FOUND, INTERRUPTED, BROKEN_PIPE, TERMINATED = 1, 2, 3, 4, 130, 141, 143


class Failure(click.ClickException):
    """An error as one red line."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it of the class

    def show(self, file: IO[Any] | None = None) -> None:
        plain = "NO_COLOR" in os.environ
        text = " ".join(self.message.split())
        click.echo(click.style("Error: ", fg="red", bold=True) + click.style(text, fg="red"),
                   file=file or sys.stderr, color=False if plain else None)  # fmt: skip


class LazyGroup(click.Group):
    """Imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        with _clear(ctx):
            command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        with _clear(ctx):
            return super().invoke(ctx)


@contextmanager
def _clear(ctx: click.Context) -> Iterator[None]:
    """Errors that a user can mend, without a traceback unless --debug asks for it."""
    try:
        yield
    except KeyboardInterrupt:
        ctx.exit(INTERRUPTED)
    except BrokenPipeError:
        _forget_stdout()
        ctx.exit(BROKEN_PIPE)
    except (HomeostatError, OSError, ModuleNotFoundError) as error:
        failure = _failure(error)
        if failure is None or ctx.meta.get(_DEBUG):
            raise
        raise failure from error


def _failure(error: Exception) -> Failure | None:
    if isinstance(error, ModuleNotFoundError) and error.name == "rich":
        error = MissingExtra("cli", "rich", "The command line")
    if isinstance(error, OSError):
        return Failure(f"{error.filename or 'output'}: {error.strerror or error}", ERROR)
    if isinstance(error, HomeostatError):
        usage = isinstance(error, ConfigError | MissingExtra)
        return Failure(str(error), USAGE if usage else ERROR)
    return None


def import_from_here() -> None:
    """Let modules in the current directory be imported, as `python -m` would."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def _forget_stdout() -> None:
    """Nobody reads any more: what is still buffered must not complain at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_DEBUG = "homeostat.debug"


def debug_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --debug, before or after the name of a subcommand."""

    def keep(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[_DEBUG] = True

    return click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=keep,
        help="Show the traceback of an error.",
    )(command)  # fmt: skip


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Begin with one of these:
  homeostat run predictions.jsonl       monitor a file
  tail -f log.jsonl | homeostat run -   monitor a stream
  homeostat init                        write homeostat.toml, then edit it
`homeostat COMMAND --help` tells the rest, exit statuses and formats included.""",
)
@click.version_option(homeostat.__version__, prog_name="homeostat")
@debug_option
def cli() -> None:
    """Keep a machine-learning model healthy: measure it, detect drift, ask for retraining."""
