"""A Python function that trains, in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

from homeostat.errors import ConfigError
from homeostat.outbound.environment import environment as seen
from homeostat.trainers import called
from homeostat.trainers.supervised import Supervised
from homeostat.trainers.variables import variables


def function(
    function: str, *, path: Sequence[str] = (), environment: Mapping[str, str] | None = None,
    env: Sequence[str] = (), grace: float = 5.0, silence: float | None = None,
) -> Supervised:  # fmt: skip
    """A trainer from its settings; raises ConfigError, InvalidSetting.

    `function` is "module:name"; it is called with the Order, and returns a Trained, or a map like
    it. The process looks for modules in `path` first, then where we do, and sees the usual
    variables, those that `env` names, and `environment`.
    """
    module, colon, name = function.partition(":")
    if not (module and colon and name.isidentifier()):
        raise ConfigError(f'function: must be like "module:name", got {function!r}')
    # -P: what stands beside the program must not be taken for modules
    argv = [sys.executable, "-P", called.__file__, function, json.dumps([*path, *sys.path])]
    names, own = tuple(env), variables({"PYTHONUNBUFFERED": "1", **(environment or {})})
    return Supervised("function", argv, lambda: seen(names, own), None, grace, silence)
