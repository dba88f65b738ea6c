"""How a job ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REASON_CHARACTERS = 1024
"""How long a FailureReason is on SageMaker, at most."""

JobStatus = Literal["Completed", "Failed", "Stopped"]


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended, in the words of SageMaker's Describe responses.

    Args:
        status: The job's last status. `Stopped` is no success.
        failure_reason: Why it failed or was stopped; empty when it completed.
        model_artifacts: The S3 URI of a training job's model.tar.gz; empty when there is none.
        metrics: The last value of each of a training job's metrics.
        log: The file with all that the container printed.
        exit_message: What a processing job left in the file /opt/ml/output/message. Default: nothing.
    """

    status: JobStatus
    failure_reason: str
    model_artifacts: str
    metrics: Mapping[str, float]
    log: Path
    exit_message: str = ""
