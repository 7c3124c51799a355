"""Events on standard output, one JSON object a line: for containers whose output is collected."""

from __future__ import annotations

import sys

from homeostat.outbound.retry import Retry
from homeostat.sinks.outgoing import Outgoing


class Stdout:
    """Writes each event as a line."""

    name = "stdout"
    keeps = True

    def send(self, event: Outgoing) -> None:
        try:
            sys.stdout.write(event.line.decode())
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            raise Retry(f"standard output: {error}") from error
