"""`homeostat serve`: the service."""

from __future__ import annotations

from pathlib import Path

import click

from homeostat.cli.configuration import configured_by, service_settings, settings_of
from homeostat.cli.group import debug_option, import_from_here
from homeostat.collected import Faults


@click.command(
    epilog="""\b
Exit status:
  0  ended in order: SIGTERM or SIGINT, and what was accepted is kept
  1  cannot go on: the disk or the data needs a hand, or another process has the folder
  2  not begun: the configuration or the command line is wrong; nothing was made
  5  a plug-in hung and could not be interrupted; it is off when started again
An end by SIGKILL or a power cut needs no hand: start it again."""
)
@click.option(
    "-c",
    "--config",
    "config_path",
    metavar="FILE",
    help="What to monitor, and [service]. Default: homeostat.toml if there is one.",
)
@click.option(
    "-d",
    "--data",
    "folder",
    metavar="DIR",
    default="homeostat-data",
    show_default=True,
    help="Where everything is kept; made if it is not there.",
)
@click.option("--host", help="Where to listen. Default: 127.0.0.1, this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: 8321; 0 takes a free one.")
@click.option("--behind-proxy", is_flag=True, help="A proxy before it ends TLS.")
@click.option(
    "--token-file",
    metavar="FILE",
    help="Write the first administrator's token there, in place of printing it; over no file.",
)
@debug_option
@click.pass_context
def serve(
    ctx: click.Context, config_path: str | None, folder: str, host: str | None, port: int | None,
    behind_proxy: bool, token_file: str | None,
) -> None:  # fmt: skip
    """Take records and labels over HTTP, measure, watch, and tell; for months.

    Keeps everything in one folder. Prints its address and, at the first start, one token.
    Ends in order at SIGTERM; after any other end it starts again by itself.
    """
    import_from_here()
    from homeostat.service.beginning import TokenFile
    from homeostat.service.caring import Caring
    from homeostat.service.server import serve as serve_folder

    settings = settings_of(config_path)
    given = {"host": host, "port": port, "behind_proxy": behind_proxy or None}
    chosen = {name: value for name, value in given.items() if value is not None}
    faults = Faults()
    with faults.kept():
        service = service_settings(settings, chosen)
    with faults.kept():
        caring = Caring(settings.courses, settings.course, (), settings.source)
    with faults.kept():
        veils = settings.veils()
    faults.tell()
    caring.registries = service.registries
    token_place = None if token_file is None else TokenFile(Path(token_file), Path(folder))
    if token_place is not None and not (service.store or Path(folder).exists()):
        token_place.check()  # before the folder is made; else a start with a token goes on

    def told(address: str) -> None:
        click.echo(f"homeostat serves {address}, data in {folder}")
        if token_file is not None and not Path(token_file).exists():
            click.echo(f"{token_file} was not written: there is a token already; make another with "
                       f"homeostat token create --scope admin --data {folder}")  # fmt: skip

    def token_told(token: str) -> None:
        if token_place is not None:
            token_place.write(token)
        click.echo(f"admin token, told this once: {f'in {token_file}' if token_file else token}")

    status = serve_folder(
        Path(folder), service, settings.engine_of, told, token_told, settings.models, caring,
        settings.lateness_of, configured_by(config_path) | {"options": chosen}, veils,
    )  # fmt: skip
    ctx.exit(status)
