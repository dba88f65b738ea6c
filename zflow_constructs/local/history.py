"""What the events of an execution's history tell of steps.

See https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

import json
from collections.abc import Iterator, Mapping

_NAMES = (
    "TrainingJobName",
    "TransformJobName",
    "ProcessingJobName",
    "HyperParameterTuningJobName",
    "EndpointName",
    "FunctionName",
)


def details_of(event: Mapping[str, object]) -> Mapping[str, object]:
    """What an event says beside its type.

    Args:
        event: The event.
    """
    for name, value in event.items():
        if name.endswith("EventDetails") and isinstance(value, Mapping):
            return value
    return {}


def job_names(details: Mapping[str, object]) -> Iterator[str]:
    """The names of the job, endpoint or function that a Task is about to call for.

    Args:
        details: What a TaskScheduled event says.
    """
    parameters = json_object(details.get("parameters"))
    for name in _NAMES:
        if isinstance(parameters.get(name), str):
            yield str(parameters[name]).rsplit(":function:", 1)[-1]


def started_executions(details: Mapping[str, object]) -> Iterator[str]:
    """The ARN of the execution that a Task has started, if it has.

    Args:
        details: What a TaskSubmitted event says.
    """
    output = json_object(details.get("output"))
    if "ExecutionArn" in output:
        yield str(output["ExecutionArn"])


def databricks_runs(details: Mapping[str, object]) -> Iterator[str]:
    """The id of the Databricks run that a Task's function has submitted, or its execution has watched, if any.

    Args:
        details: What a TaskSucceeded event says.
    """
    output = json_object(details.get("output"))
    for answer in (output.get("Payload"), output.get("Output")):
        match answer:
            case {"run": {"run_id": str(run_id)}}:
                yield run_id


def json_object(text: object) -> Mapping[str, object]:
    """The object that a text is in JSON; an empty one if it is something else, or there is no text.

    Args:
        text: The text.
    """
    value = json.loads(str(text)) if text else {}
    return value if isinstance(value, Mapping) else {}
