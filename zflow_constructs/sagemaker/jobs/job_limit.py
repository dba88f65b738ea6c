"""How long a SageMaker job may run: the `StoppingCondition` of its request."""

from collections.abc import Mapping

from aws_cdk import Duration

from zflow_constructs.core.values.templates import Template
from zflow_constructs.steps.time_limit import TimeLimit
from zflow_constructs.steps.timeouts import DEFAULTS, Timeouts

_FIELD = "StoppingCondition"


def job_limit(owner: str, max_runtime: Duration | None, *, overrides: Mapping[str, Template], most: int) -> TimeLimit:
    """The time limit of a step that runs a job: a step that overrides the `StoppingCondition` has its own, too.

    Args:
        owner: The step, for messages: `Step "Train"`.
        max_runtime: How long the job may run. `None`: as the overrides or the workflow say
        overrides: What the step lays over the job's request.
        most: The upper bound in seconds.

    Raises:
        WorkflowError: The time is out of bounds.
    """
    # What the overridden condition leaves open is the default, whatever the workflow says.
    given = DEFAULTS.job if max_runtime is None and _FIELD in overrides else max_runtime
    return TimeLimit.of(owner, "max_runtime", given, inherits="job", least=1, most=most)


def within(request: Mapping[str, Template], limit: TimeLimit, timeouts: Timeouts) -> Mapping[str, Template]:
    """A job's request with the limit of its workflow: `{"StoppingCondition": {"MaxRuntimeInSeconds": 21600}}`.

    The request of a step with a limit of its own has that already, and stays as it is.

    Args:
        request: The request.
        limit: The step's time limit.
        timeouts: Those of its workflow.
    """
    if limit.own is not None:
        return request
    seconds = limit.seconds(timeouts)
    match request.get(_FIELD):
        case {"MaxWaitTimeInSeconds": int(wait)}:
            limits = {"MaxRuntimeInSeconds": seconds, "MaxWaitTimeInSeconds": max(wait, seconds)}
        case _:
            limits = {"MaxRuntimeInSeconds": seconds}
    return {**request, _FIELD: limits}
