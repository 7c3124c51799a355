"""A command that trains: it finds the order in a file, and writes its result to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from homeostat.errors import ConfigError
from homeostat.outbound.environment import environment as seen
from homeostat.trainers.supervised import Supervised
from homeostat.trainers.variables import variables


def command(
    argv: list[str], *, environment: Mapping[str, str] | None = None, env: Sequence[str] = (),
    cwd: str | None = None, grace: float = 5.0, silence: float | None = None,
) -> Supervised:  # fmt: skip
    """A trainer from its settings; raises ConfigError, InvalidSetting.

    `argv` is started without a shell, in the folder `cwd` or the service's own. It sees the usual
    variables, those that `env` names, and `environment`; and HOMEOSTAT_ORDER, the path of the order
    as JSON, HOMEOSTAT_RESULT, to which its result goes, and HOMEOSTAT_FOLDER, for its artifact.
    """
    if not argv or not argv[0]:
        raise ConfigError('argv: needs a program, like ["python", "train.py"]')
    if any("\0" in each for each in argv):
        raise ConfigError("argv: cannot hold a NUL")
    if cwd is not None and not Path(cwd).is_dir():
        raise ConfigError(f"cwd: {cwd} is no folder")
    names, own = tuple(env), variables(environment)
    return Supervised("command", argv, lambda: seen(names, own), cwd, grace, silence)
