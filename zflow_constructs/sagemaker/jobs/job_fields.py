"""What SageMaker's jobs have in common: their tags, and what is known when they end."""

from collections.abc import Mapping

from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.references import RESULT
from zflow_constructs.core.values.syntax import Error, If, Predicate
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.sagemaker.jobs.job_rights import JobKind


def tag_fields(owner: str, tags: Mapping[str, str | Expression] | None) -> dict[str, Template]:
    """The tags of a job or a model: `{"Tags": [{"Key": "team", "Value": "risk"}]}`, or nothing without tags.

    Args:
        owner: Who has them, for messages: `Step "Train"`.
        tags: by key.
    """
    return (
        {"Tags": [{"Key": key, "Value": value} for key, value in as_texts(owner, "tags", tags).items()]} if tags else {}
    )


def completed_name(label: str, kind: JobKind) -> Expression:
    """The name of the job that just ended, or an error if it did not complete.

    A job that was stopped, by somebody or by its time limit, has ended without having failed, and is no success.

    Args:
        label: The step, for the message: `Step "Train"`.
        kind: The job's kind, as SageMaker's description names it.

    Returns:
        `$states.result.TrainingJobStatus = "Completed" ? $states.result.TrainingJobName : $error(...)`
    """
    name, status = RESULT[f"{kind}Name"], RESULT[f"{kind}Status"]
    return If(status == "Completed", name, Error(f"{label}: the job " + name + " ended " + status + "."))


def tuned_name(label: str) -> Expression:
    """The name of the tuning job that just ended, or an error if it did not complete with a model.

    Args:
        label: The step, for the message: `Step "Tune"`.

    Returns:
        `$exists($states.result.BestTrainingJob.TrainingJobName) ? (<as completed_name>) : $error(...)`
    """
    name, status = RESULT["HyperParameterTuningJobName"], RESULT["HyperParameterTuningJobStatus"]
    ended = f"{label}: the tuning job " + name + " ended " + status
    no_model = (
        " without a training job that has a model and a value of the objective metric. "
        "Look at the logs of its training jobs."
    )
    best = RESULT["BestTrainingJob"]["TrainingJobName"]
    return If(Predicate("exists", (best,)), completed_name(label, "HyperParameterTuningJob"), Error(ended + no_model))
