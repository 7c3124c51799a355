"""The conformance kit: whether a metric, detector or strategy keeps the laws.

    >>> from homeostat import AccuracyMetric
    >>> from homeostat.testing import assert_conforms, check
    >>> [result.law for result in check(AccuracyMetric) if not result.ok]
    []
    >>> assert_conforms(AccuracyMetric(window=7))

In a test suite, each law as a test of its own:

    @homeostat.testing.parametrize(MyMetric, lambda: MyDetector(delta=0.1))
    def test_laws(law):
        law()

A plug-in is given as an instance (as it is when new), as a class that needs no arguments, or as
a function that makes one. A law that does not suit it is left out by naming it, with the reason,
in its `exempt` (`exempt = {"finds a step": "it looks at the variance"}`); it is then reported as
skipped, as is every law that cannot be tried. A detector that takes numbers of one range only
says so in its `domain` (`domain = (0.0, 1.0)`). Needs nothing but homeostat itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from homeostat.errors import InvalidSetting, did_you_mean
from homeostat.testing import detector_laws, memory_laws, metric_laws, strategy_laws
from homeostat.testing.outcome import Breach, Law, Result, Skip
from homeostat.testing.registry_laws import registry_laws
from homeostat.testing.scorer_laws import scorer_laws
from homeostat.testing.subject import Subject
from homeostat.testing.trainer_laws import trainer_laws

__all__ = [
    "LAWS",
    "Law",
    "Result",
    "assert_conforms",
    "check",
    "laws",
    "parametrize",
    "registry_laws",
    "scorer_laws",
    "trainer_laws",
]

_Trial = Callable[[Subject], None]

LAWS: dict[str, tuple[_Trial, ...]] = {
    "metric": (*metric_laws.LAWS, *memory_laws.LAWS),
    "detector": (*detector_laws.LAWS, *memory_laws.LAWS),
    "detector of records": (detector_laws.shape, *memory_laws.LAWS),
    "strategy": (*strategy_laws.LAWS, *memory_laws.LAWS),
}
"""The laws of each kind of plug-in; the first line of a law's docstring is its sentence."""


def laws(plugin: Any, stream: Iterable[Any] | None = None) -> Iterator[Law]:
    """The laws for a plug-in: each has a name, a sentence, and can be called.

    `stream` is a stream of your own to try it on besides the kit's, where those leave it silent:
    records for a metric, numbers for a detector, events for a strategy.
    """
    try:
        subject = Subject.of(plugin, stream)
    except Breach as breach:
        yield Law("shape", "It is a plug-in.", partial(_raise, breach))
        return
    trials = {name_of(trial): trial for trial in LAWS[subject.kind.name]}
    exempt = dict(getattr(subject.sample, "exempt", {}))
    for name in exempt:
        if name not in trials:
            raise InvalidSetting(f"exempt: {name!r} is no law; {did_you_mean(name, trials)}")
    for name, trial in trials.items():
        if name in exempt:
            yield Law(name, sentence_of(trial), partial(_raise, Skip(f"exempt: {exempt[name]}")))
        else:
            yield Law(name, sentence_of(trial), partial(trial, subject))


def check(
    plugin: Any,
    stream: Iterable[Any] | None = None,
    *,
    trying: Callable[[str], None] | None = None,
) -> list[Result]:
    """Try every law on a plug-in; what came of each.

    Once the law of shape is broken the rest is skipped, whose complaints would be its echoes.
    `trying` is told the name of each law before it is tried.
    """
    results: list[Result] = []
    misshapen = False
    for law in laws(plugin, stream):
        if misshapen:
            results.append(Result(law.name, True, _SHAPE_FIRST, skipped=True))
            continue
        if trying is not None:
            trying(law.name)
        results.append(law.result())
        misshapen = law.name == "shape" and not results[-1].ok
    return results


_SHAPE_FIRST = "shape first: mend that law, then this one can be tried"


def assert_conforms(plugin: Any, stream: Iterable[Any] | None = None) -> None:
    """Raise one AssertionError that lists every breach, and how to mend it."""
    broken = [result for result in check(plugin, stream) if not result.ok]
    if broken:
        listed = "\n".join(f"- {result.law}: {result.detail}" for result in broken)
        raise AssertionError(f"{called(plugin)} breaks {len(broken)} of its laws:\n{listed}")


def parametrize(*plugins: Any) -> Any:
    """A pytest decorator: one test for every law of every plug-in; the test calls its `law`."""
    import pytest

    tests = [(law, f"{called(plugin)}-{law.name}") for plugin in plugins for law in laws(plugin)]
    return pytest.mark.parametrize(
        "law", [law for law, _ in tests], ids=[name for _, name in tests]
    )


def called(plugin: Any) -> str:
    """What a plug-in is called in a report."""
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def name_of(trial: _Trial) -> str:
    """A law's name, in words."""
    return trial.__name__.replace("_", " ")


def sentence_of(trial: _Trial) -> str:
    """What a law says."""
    return (trial.__doc__ or "").partition("\n")[0]


def _raise(outcome: Exception) -> None:
    raise outcome
