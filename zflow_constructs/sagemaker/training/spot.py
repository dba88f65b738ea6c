"""Training on spot machines, and the checkpoints that a job goes on from."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import grant_read, grant_write
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step

_LONGEST_RUN = 28 * 86_400


def spot_fields(owner: str, *, spot: bool, max_wait: Duration | None, max_runtime: int) -> dict[str, Template]:
    """The fields of a job on spot machines: `{"EnableManagedSpotTraining": true, "StoppingCondition": {...}}`.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html

    Args:
        owner: the step, for messages: `Step "Train"`.
        spot: whether the job takes spot machines. If not, there are no fields.
        max_wait: how long to wait and to run, together. `None`: twice max_runtime
        max_runtime: how long the job may run, in seconds.

    Raises:
        WorkflowError: the wait has no spot machines to wait for, or leaves no time for the run.
    """
    if not spot:
        if max_wait is not None:
            raise WorkflowError(
                f"{owner}: max_wait is the time that a job waits for spot machines. Set spot=True, or remove max_wait."
            )
        return {}
    wait = max_wait or Duration.seconds(min(2 * max_runtime, _LONGEST_RUN))
    seconds = whole_seconds(owner, "max_wait", wait, least=1, most=_LONGEST_RUN)
    if seconds < max_runtime:
        raise WorkflowError(
            f"{owner}: max_wait is {seconds} seconds, and max_runtime {max_runtime}. The time to wait for spot "
            "machines holds the running time, too: give at least as much, or a shorter max_runtime."
        )
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime, "MaxWaitTimeInSeconds": seconds},
    }


class Checkpoints:
    """The checkpoints of a step's jobs: a folder in S3 that the jobs of a run share, retried and redriven ones, too.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html

    Args:
        step: the step; the folder is `<run>/<step>/checkpoints/`, and in a loop each iteration has its own.
    """

    def __init__(self, step: Step) -> None:
        self._location = DataLocation.from_step(step, "checkpoints")

    @property
    def fields(self) -> dict[str, Template]:
        """`{"CheckpointConfig": {"S3Uri": "s3://...", "LocalPath": "/opt/ml/checkpoints"}}`."""
        return {"CheckpointConfig": {"S3Uri": self._location.uri, "LocalPath": "/opt/ml/checkpoints"}}

    def bind(self, binding: Binding, role: iam.IRole) -> None:
        """Lets the jobs read what earlier ones left, and write more.

        Args:
            binding: the workflow.
            role: the role of the jobs.
        """
        grant_read(self._location.place, role, binding.storage)
        grant_write(self._location.place, role, binding.storage)
