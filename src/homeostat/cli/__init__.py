"""The command line. Nothing of it is imported by the library, and click not before `main`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the `homeostat` command."""
    try:
        import click  # noqa: F401 - only to learn whether it is there
    except ImportError:
        from homeostat.errors import MissingExtra

        print(f"Error: {MissingExtra('cli', 'click', 'The command line')}", file=sys.stderr)
        sys.exit(2)
    from homeostat.cli.group import cli

    cli(prog_name="homeostat")
