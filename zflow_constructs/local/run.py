"""What a local run is asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

# What a command is asked for is known before the engine, which takes seconds to import.
if TYPE_CHECKING:
    from zflow_constructs.local.databricks.spark import SparkChoice
    from zflow_constructs.local.steps import Step

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-central-1"
DEFAULT_TIME_SCALE = 0.05


@dataclass(frozen=True)
class RunSettings:
    """How to run a workflow.

    Args:
        folder: The run folder, which keeps everything.
        parameters: The execution's input. Default: none.
        time_scale: What a second of a Wait state or a retry's interval lasts, in seconds. Default: 0.05.
        spark: Which Spark the Databricks scripts get: `auto`, `classic` or `sail`. Default: `auto`.
        approve: The approval steps that are approved at once; `all`: every one. Default: none.
        databricks_jobs: The settings of the Databricks jobs that are there, by their ids. Default: none.
    """

    folder: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    time_scale: float = DEFAULT_TIME_SCALE
    spark: SparkChoice = "auto"
    approve: tuple[str, ...] = ()
    databricks_jobs: Mapping[int, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True)
class FollowUp:
    """An execution that a rule has started because of the run: it cleans up, or tells somebody.

    Args:
        execution: Its ARN.
        machine: Its state machine's name.
        status: Its status.
        error: The error's name, where it failed.
        cause: The error's cause, where it failed.
        steps: Its steps.
    """

    execution: str
    machine: str
    status: str
    error: str
    cause: str
    steps: list[Step]


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Args:
        execution: The execution's ARN.
        input: The execution's input.
        status: The execution's status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: The execution's output, where it succeeded.
        error: The error's name, where it failed.
        cause: The error's cause, where it failed.
        steps: The workflow's steps.
        outputs: The stack's outputs.
        endpoints: The endpoints in service.
        undelivered: The functions that failed on an event, and how.
        follow_ups: The executions that rules have started because of the run.
    """

    execution: str
    input: Mapping[str, object]
    status: str
    output: object
    error: str
    cause: str
    steps: list[Step]
    outputs: Mapping[str, str]
    endpoints: list[str]
    undelivered: list[str]
    follow_ups: list[FollowUp]

    @property
    def succeeded(self) -> bool:
        """Whether the workflow succeeded, and all that followed."""
        return {self.status, *(follow_up.status for follow_up in self.follow_ups)} == {"SUCCEEDED"}
