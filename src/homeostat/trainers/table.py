"""The trainers by name, and those that installed packages bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeostat.lifecycle.orders import Trainer
from homeostat.makers import Makers

TABLE = {
    "command": "homeostat.trainers.command:command",
    "function": "homeostat.trainers.function:function",
    "http": "homeostat.trainers.http:http",
    "airflow": "homeostat.trainers.airflow:airflow",
    "prefect": "homeostat.trainers.prefect:prefect",
    "dagster": "homeostat.trainers.dagster:dagster",
    "kubeflow": "homeostat.trainers.kubeflow:kubeflow",
    "github": "homeostat.trainers.github:github",
    "sagemaker": "homeostat.trainers.sagemaker:sagemaker",
    "argo": "homeostat.trainers.argo:argo",
}

TRAINERS = Makers("trainer", "homeostat.trainers", TABLE)


def trainer_of(table: Mapping[str, Any], path: str = "trainer") -> Trainer:
    """The trainer that a table describes; raises ConfigError with the path to what is wrong."""
    trainer: Trainer = TRAINERS.made(table, path)
    return trainer
