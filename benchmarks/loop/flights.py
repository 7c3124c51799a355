"""A year of flights through the real service, its store, a trainer and a scorer.

Starts `homeostat serve` on a folder of its own, serves each flight with the version that the service
names champion at its departure, sends the record, and its label at the landing. The service asks,
retrains by a command, compares on flights that neither model has seen, promotes and watches. Prints
what happened, the accuracy beside the best monthly calendar, and for each promotion the accuracy of
both versions over the following 30 days.

`python benchmarks/loop/flights.py` takes some minutes; `--kill 5` ends the service by SIGKILL after
every fifth step at a random moment, and says whether the decisions are the same.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import flights_model

from homeostat.demo.calendar import landed_within, monthly, never
from homeostat.demo.flights import Flights, instants, load, month_starts
from homeostat.demo.loop import DAY

MODEL = "flights"
STEP = 1000  # landings between two looks

CONFIG = """
[[metrics]]
type = "skill"
window = 2000

[[detectors]]
type = "adwin"
on = "error"

[strategy]
type = "any_of"
strategies = [
  {{ type = "all_of", strategies = [
    {{ type = "drift", on = "error" }},
    {{ type = "threshold", metric = "skill", below = {floor}, hold = {held} }},
  ], cooldown = "{after_drift}" }},
  {{ type = "threshold", metric = "skill", below = {floor}, hold = {held}, cooldown = "{anyway}" }},
]

[models.flights.retraining.trainer]
type = "command"
argv = ["{python}", "{here}/flights_model.py"]

[models.flights.retraining.scorer]
type = "function"
function = "flights_model:predict"
path = ["{here}"]

[models.flights.retraining.rules]
cooldown = "{cooldown}"
per_week = 2

[models.flights.retraining.data]
window = "{window}"
held_out = {held_out}
least = 1000

[models.flights.retraining.compare]
alpha = {alpha}
margin = {margin}
minimum = {minimum}
patience = "{patience}"
watch = {watch}
watch_for = "14d"
watch_margin = {watch_margin}
"""
