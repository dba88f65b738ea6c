"""What SageMaker's jobs have in common: their tags, and what is known when they end."""

import json
from collections.abc import Mapping

from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.jobs.job_rights import JobKind


def tag_fields(tags: Mapping[str, str | Expression] | None) -> dict[str, Template]:
    """The tags of a job or a model: `{"Tags": [{"Key": "team", "Value": "risk"}]}`, or nothing without tags.

    Args:
        tags: by key.
    """
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}


def completed_name(label: str, kind: JobKind) -> Jsonata:
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


def tuned_name(label: str) -> Jsonata:
    """The name of the tuning job that just ended, or an error if it did not complete with a model.

    Args:
        label: the step, for the message: `Step "Tune"`.

    Returns:
        `$exists($states.result.BestTrainingJob.TrainingJobName) ? (<as completed_name>) : $error(...)`
    """
    completed = completed_name(label, "HyperParameterTuningJob")
    job = "$states.result.HyperParameterTuningJob"
    message = (
        f'{json.dumps(f"{label}: the tuning job ")} & {job}Name & " ended " & {job}Status & " without a training job '
        'that has a model and a value of the objective metric. Look at the logs of its training jobs."'
    )
    best = "$states.result.BestTrainingJob.TrainingJobName"
    return Jsonata(f"$exists({best}) ? ({completed.text}) : $error({message})")
