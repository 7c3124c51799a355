"""A Python function that predicts, in a process of its own that stays up."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from homeostat.errors import ConfigError, within
from homeostat.outbound.environment import environment
from homeostat.scorers.questions import Worked, worker_of


def function(
    function: str, *, features: list[str] | None = None, classes: Sequence[str] = (),
    path: Sequence[str] = (), env: Sequence[str] = (), timeout: float = 60.0,
    starting: float = 120.0,
) -> Worked:  # fmt: skip
    """A scorer from its settings; raises ConfigError, InvalidSetting.

    `function` is "module:name". It is called with the version's artifact, a path or an address or
    None, and the features by name: arrays of float64 with NaN for missing, or of objects with None.
    It returns a label each, or {"labels": ..., "scores": ...}; with `classes`, a number of one each
    or a row of numbers. The process sees the usual environment and the variables that `env` names,
    and looks for modules in `path` first, then where we do. `timeout` seconds for an answer,
    `starting` for the import.
    """
    module, colon, name = function.partition(":")
    if not (module and colon and name.isidentifier()):
        raise ConfigError(f'function: must be like "module:name", got {function!r}')
    within("timeout", timeout, 0.0, 86_400.0, "(]")
    within("starting", starting, 0.0, 86_400.0, "(]")
    first = {"kind": "function", "target": function, "path": [*path, *sys.path]}
    names = tuple(env)
    worker = worker_of(first, lambda: environment(names), timeout, starting)
    return Worked("function", worker, lambda version: version.artifact, features, tuple(classes))
