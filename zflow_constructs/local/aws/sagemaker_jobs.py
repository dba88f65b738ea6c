"""SageMaker's training, transform and processing jobs, run by the container contract as local processes.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
and https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from zflow_constructs.local.containers import JobOutcome

Request = Mapping[str, object]

_log = logging.getLogger(__name__)


class Container(Protocol):
    """What runs a job: `TrainingContainer`, `TransformContainer` or `ProcessingContainer`."""

    def run(self) -> JobOutcome:
        """Run the job to its end."""

    def stop(self) -> None:
        """End the job, from another thread."""


ContainerFor = Callable[[Request, Path, Reporter], Container]
"""Makes the container of a job from its request, its folder, and who hears its log."""


@dataclass
class _Job:
    kind: str
    name: str
    request: Request
    container: Container
    description: dict[str, object]
    done: threading.Event = field(default_factory=threading.Event)


class _Refused:
    """The container of a job that can't run here."""

    def __init__(self, error: ValueError) -> None:
        self._error = error

    def run(self) -> JobOutcome:
        raise self._error

    def stop(self) -> None:
        """Nothing runs."""


class Jobs:
    """The jobs of a local run.

    Args:
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        folder: Each job works in a folder in it.
        training: Makes the container of a training job.
        transform: Makes the container of a transform job.
        processing: Makes the container of a processing job.
        on_line: Hears each line of each job's log, with the job's name.
    """

    def __init__(
        self,
        *,
        region: str,
        account: str,
        folder: Path,
        training: ContainerFor,
        transform: ContainerFor,
        processing: ContainerFor,
        on_line: Callable[[str, str], None],
    ) -> None:
        self._arn = f"arn:aws:sagemaker:{region}:{account}"
        self._folder = folder
        self._containers: Mapping[str, ContainerFor] = {
            "TrainingJob": training,
            "TransformJob": transform,
            "ProcessingJob": processing,
        }
        self._on_line = on_line
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], _Job] = {}
        self.actions: dict[str, Callable[[Request], Mapping[str, object]]] = {}
        for kind in self._containers:
            self.actions[f"Create{kind}"] = partial(self._create, kind)
            self.actions[f"Describe{kind}"] = partial(self._describe, kind)
            self.actions[f"Stop{kind}"] = partial(self._stop, kind)

    def log_path(self, name: str) -> Path:
        """The folder of a job, with its log.

        Args:
            name: The job.
        """
        return self._folder / name

    def create_training_job(self, request: Request, *, tuning_job_arn: str) -> None:
        """Start a training job of a tuning job: its folder is in the tuning job's, whose log its lines are.

        Args:
            request: The CreateTrainingJob request.
            tuning_job_arn: The tuning job.
        """
        self._create("TrainingJob", request, tuning_job_arn)

    def wait_for_training_job(self, name: str) -> Mapping[str, object]:
        """Wait for a training job's end.

        Args:
            name: The job.

        Returns:
            Its description.
        """
        job = self._jobs["TrainingJob", name]
        job.done.wait()
        return job.description

    def stop(self) -> None:
        """Stop the running jobs and wait for their end."""
        for job in list(self._jobs.values()):
            job.container.stop()
        for job in list(self._jobs.values()):
            job.done.wait(timeout=10)

    def _create(self, kind: str, request: Request, tuning_job_arn: str = "") -> Mapping[str, object]:
        name = str(request[f"{kind}Name"])
        arn = f"{self._arn}:{kind.lower().replace('job', '-job')}/{name}"
        with self._lock:
            if (kind, name) in self._jobs:
                raise ApiError("ResourceInUse", f"{kind} names must be unique within an AWS account: {arn}")
            tuning_job = tuning_job_arn.rpartition("/")[-1]
            folder = self._folder / tuning_job / name
            folder.mkdir(parents=True, exist_ok=True)
            container = self._container(kind, request, folder, tuning_job or name)
            now = datetime.now(tz=UTC)
            description = {
                **request,
                f"{kind}Arn": arn,
                **({"TuningJobArn": tuning_job_arn} if tuning_job_arn else {}),
                f"{kind}Status": "InProgress",
                "SecondaryStatus": "Starting",
                "CreationTime": now,
                "LastModifiedTime": now,
            }
            job = _Job(kind=kind, name=name, request=request, container=container, description=description)
            self._jobs[kind, name] = job
        threading.Thread(target=self._run, args=(job,), name=f"job-{name}", daemon=True).start()
        return {f"{kind}Arn": arn}

    def _container(self, kind: str, request: Request, folder: Path, heard_as: str) -> Container:
        try:
            return self._containers[kind](request, folder, lambda line: self._on_line(heard_as, line))
        except ValueError as error:
            # Refused as a job that fails at once: a refused call would be retried, like one that is throttled.
            self._on_line(heard_as, str(error))
            return _Refused(error)

    def _run(self, job: _Job) -> None:
        start = datetime.now(tz=UTC)
        job.description = {
            **job.description,
            "SecondaryStatus": job.kind.removesuffix("Job"),
            f"{job.kind.removesuffix('Job')}StartTime": start,
        }
        try:
            ended = _ended(job.kind, job.container.run())
        # A job must end, whatever happens: its status is all that a caller sees.
        except Exception as error:  # noqa: BLE001
            _log.exception("the job %s broke", job.name)
            ended = {f"{job.kind}Status": "Failed", "FailureReason": f"{type(error).__name__}: {error}"}
        end = datetime.now(tz=UTC)
        ended |= {
            f"{job.kind.removesuffix('Job')}EndTime": end,
            "LastModifiedTime": end,
            "SecondaryStatus": ended[f"{job.kind}Status"],
        }
        # One assignment, so that nobody sees the status without the fields that come with it.
        job.description = {**job.description, **ended}
        job.done.set()

    def _describe(self, kind: str, request: Request) -> Mapping[str, object]:
        return self._job(kind, request).description

    def _stop(self, kind: str, request: Request) -> Mapping[str, object]:
        job = self._job(kind, request)
        if job.description[f"{kind}Status"] == "InProgress":
            job.description = {**job.description, f"{kind}Status": "Stopping", "SecondaryStatus": "Stopping"}
            job.container.stop()
        return {}

    def _job(self, kind: str, request: Request) -> _Job:
        name = str(request[f"{kind}Name"])
        if (kind, name) not in self._jobs:
            raise ApiError("ValidationException", "Requested resource not found.")
        return self._jobs[kind, name]


def _ended(kind: str, outcome: JobOutcome) -> dict[str, object]:
    ended: dict[str, object] = {f"{kind}Status": outcome.status}
    if outcome.failure_reason:
        ended["FailureReason"] = outcome.failure_reason
    if outcome.exit_message:
        ended["ExitMessage"] = outcome.exit_message
    if kind == "TrainingJob":
        now = datetime.now(tz=UTC)
        ended["ModelArtifacts"] = {"S3ModelArtifacts": outcome.model_artifacts}
        ended["FinalMetricDataList"] = [
            {"MetricName": name, "Value": value, "Timestamp": now} for name, value in outcome.metrics.items()
        ]
    return ended
