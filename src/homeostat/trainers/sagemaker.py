"""A pipeline of SageMaker. Source: the AWS SDK for Python."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from homeostat.errors import MissingExtra
from homeostat.lifecycle.orders import (
    CANCELLED,
    ENDED,
    FAILED,
    RUNNING,
    SUCCEEDED,
    Order,
    Progress,
)  # fmt: skip
from homeostat.outbound.retry import Retry
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import ended_well, gone

_SHORT = {"Job": "{job}", "Token": "{token}", "Data": "{data}"}  # a value has 1,024 characters


def sagemaker(
    pipeline: str, *, region: str | None = None, parameters: Mapping[str, str] | None = None
) -> SageMaker:
    """A trainer from its settings, with the credentials of the AWS SDK; raises MissingExtra."""
    try:
        import boto3
    except ImportError as error:
        raise MissingExtra("sagemaker", "boto3", "The trainer 'sagemaker'") from error
    client = boto3.client("sagemaker", region_name=region)
    return SageMaker(client, pipeline, parameters or _SHORT)


class SageMaker:
    """The handle is the run's ARN. The result is the model package that a step registered."""

    name = "sagemaker"

    def __init__(self, client: Any, pipeline: str, parameters: Mapping[str, str]) -> None:
        self._client, self._pipeline, self._parameters = client, pipeline, parameters

    def begin(self, order: Order) -> str:
        values = filled(self._parameters, order, text=True)
        return str(self._ask(
            "start_pipeline_execution", PipelineName=self._pipeline,
            PipelineParameters=[{"Name": name, "Value": text} for name, text in values.items()],
            ClientRequestToken=_request(key_of_attempt(order)),
        )["PipelineExecutionArn"])  # fmt: skip

    def look(self, handle: str) -> Progress:
        told = self._ask("describe_pipeline_execution", PipelineExecutionArn=handle)
        if told is None:
            return gone(handle)
        state = _STATES.get(told["PipelineExecutionStatus"], RUNNING)
        if state == SUCCEEDED:
            return ended_well(self._registered(handle))
        problem = told.get("FailureReason") or "the pipeline failed"
        return Progress(state=state, problem=str(problem)[:1000] if state == FAILED else "")

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            self._ask(
                "stop_pipeline_execution", PipelineExecutionArn=handle,
                ClientRequestToken=_request(f"stop {handle}"),
            )  # fmt: skip

    def _registered(self, handle: str) -> dict[str, Any] | None:
        told = self._ask("list_pipeline_execution_steps", PipelineExecutionArn=handle)
        for step in told["PipelineExecutionSteps"]:
            arn = (step.get("Metadata") or {}).get("RegisterModel", {}).get("Arn")
            if arn:
                return {"artifact": arn}
        return None

    def _ask(self, name: str, **settings: Any) -> Any:
        try:
            return getattr(self._client, name)(**settings)
        except Exception as error:  # the SDK makes its classes as it runs
            unknown = type(error).__name__ in ("ResourceNotFound", "ResourceNotFoundException")
            if unknown and name == "describe_pipeline_execution":
                return None
            raise Retry(f"SageMaker: {error}") from error


def _request(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()  # 32 to 128 characters


_STATES = {"Executing": RUNNING, "Stopping": RUNNING, "Stopped": CANCELLED, "Failed": FAILED,
           "Succeeded": SUCCEEDED}  # fmt: skip
