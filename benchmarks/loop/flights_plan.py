"""How the year of flights is set up: every number is about flights or days, none about the year."""

from __future__ import annotations

from pathlib import Path

PLAN = {
    "skill.window": 2000,
    "skill.floor": -0.3,  # clearly worse than always giving the same answer
    "skill.hold": 500,  # flights in a row below the floor
    "after_drift": "7d",  # not more often than this when something has changed
    "anyway": "21d",  # nor than this when nothing new has
    "at_latest": "45d",  # when all seems well, for a new one may be better still
    "data.window": "30d",
    "data.held_out": 0,
    "trainer.windows": "[7, 14, 30]",  # days; a model of each, and their mean is the version
    "trainer.recent": 0,  # the latest flights, on which the trainer chooses what goes forward
    "recall.versions": 0,
    "recall.records": 4000,
    "recall.alpha": 0.05,
    "recall.margin": 0.0,
    "recall.minimum": 3000,
    "compare.alpha": 0.05,
    "compare.margin": 0.0,
    "compare.minimum": 3000,  # some days of flights, for those of one day share its weather
    "compare.patience": "30d",
    "compare.watch": 0,
    "compare.watch_margin": 0.0,
    "leader.versions": 12,
    "leader.among": "registered",
    "leader.lasts": 2000,
}

CONFIG = """
[[metrics]]
type = "skill"
window = {skill.window}

[[detectors]]
type = "adwin"
on = "error"

[strategy]
type = "any_of"

[[strategy.strategies]]
type = "all_of"
cooldown = "{after_drift}"

[[strategy.strategies.strategies]]
type = "drift"
metric = "error"

[[strategy.strategies.strategies]]
type = "threshold"
metric = "skill"
threshold = {skill.floor}
hold = {skill.hold}

[[strategy.strategies]]
type = "threshold"
metric = "skill"
threshold = {skill.floor}
hold = {skill.hold}
cooldown = "{anyway}"

[models.flights.retraining.parameters]
recent = {trainer.recent}
windows = {trainer.windows}

[models.flights.retraining.trainer]
type = "command"
argv = ["{python}", "{here}/flights_model.py"]
env = ["FLIGHTS_FIRST", "OMP_NUM_THREADS"]

[models.flights.retraining.scorer]
type = "function"
function = "flights_model:predict"
path = ["{here}"]
env = ["FLIGHTS_FIRST", "OMP_NUM_THREADS"]

[models.flights.retraining.rules]
cooldown = "{after_drift}"
at_latest = "{at_latest}"

[models.flights.retraining.data]
window = "{data.window}"
held_out = {data.held_out}

[models.flights.retraining.recall]
versions = {recall.versions}
records = {recall.records}
alpha = {recall.alpha}
margin = {recall.margin}
minimum = {recall.minimum}

[models.flights.retraining.compare]
alpha = {compare.alpha}
margin = {compare.margin}
minimum = {compare.minimum}
patience = "{compare.patience}"
watch = {compare.watch}
watch_margin = {compare.watch_margin}

[models.flights.retraining.leader]
versions = {leader.versions}
among = "{leader.among}"
lasts = {leader.lasts}
"""


def filled(config: str, plan: dict, python: str, here: Path) -> str:
    """The configuration with the settings of a plan."""
    for name, value in {**plan, "python": python, "here": here}.items():
        config = config.replace(f"{{{name}}}", str(value))
    return config
