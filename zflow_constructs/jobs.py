"""What SageMaker's jobs have in common when they end."""

import json
from typing import Literal

from zflow_constructs.core.expressions import Expression, Jsonata


def completed_name(label: str, kind: Literal["TrainingJob", "TransformJob"]) -> Expression:
    """The name of the job that just ended, or an error if it did not complete.

    A job that was stopped, by somebody or by its time limit, has ended without having failed, and is no success.

    Args:
        label: the step, for the message: `Step "Train"`.
        kind: the job's kind, as SageMaker's description names it.

    Returns:
        `$states.result.TrainingJobStatus = "Completed" ? $states.result.TrainingJobName : $error(...)`
    """
    result = f"$states.result.{kind}"
    message = f'{json.dumps(f"{label}: the job ")} & {result}Name & " ended " & {result}Status & "."'
    return Jsonata(f'{result}Status = "Completed" ? {result}Name : $error({message})')
