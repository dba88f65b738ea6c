"""How an execution ended, for the steps that run afterwards."""

import json
from dataclasses import dataclass, replace

from zflow_constructs.core.states.asl import Pass, Retrier, State, Task
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import PARAMETERS_VARIABLE
from zflow_constructs.core.values.templates import Scope

OUTCOME_VARIABLE = "outcome"
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_URL = (
    f'($arn := $split($states.result.ExecutionArn, ":"); "https://" & $arn[3] & "." & '
    f"$lookup({json.dumps(_CONSOLES)}, $arn[1]) & "
    '"/states/home?region=" & $arn[3] & "#/v2/executions/details/" & $states.result.ExecutionArn)'
)
_FIELDS = {
    "status": "$states.result.Status",
    "error": '$exists($states.result.Error) ? $states.result.Error : ""',
    "cause": '$exists($states.result.Cause) ? $states.result.Cause : ""',
    "execution": "$states.result.ExecutionArn",
    "name": "$states.result.Name",
    "started": "$states.result.StartDate",
    "url": _URL,
}
_RETRY = Retrier(("Sfn.SdkClientException", "Sfn.SfnException"), 1, 10, max_delay_seconds=60)


@dataclass(frozen=True, eq=False)
class Outcome(Expression):
    """How the run ended, in the steps of `MlWorkflow(finally_=...)`.

    Args:
        field: `status` (`SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`), `error`, `cause`, `execution` (the ARN),
            `name`, `started` (the time) or `url` (of the execution in the console).

    Raises:
        WorkflowError: there is no such field.

    Example:
        `payload={"text": "Run " + Outcome("name") + ": " + Outcome("status")}, when=Outcome("status") != "SUCCEEDED"`
    """

    field: str

    def __post_init__(self) -> None:
        if self.field not in _FIELDS:
            raise WorkflowError(
                f'Outcome: there is no "{self.field}" of a run.{did_you_mean(self.field, _FIELDS)} '
                f"There is: {one_of(_FIELDS)}."
            )

    def render(self, scope: Scope) -> str:
        """`$outcome.status`."""
        return f"{scope.outcome}.{self.field}"

    def __repr__(self) -> str:
        return f'The outcome "{self.field}" of the run'


def outcome_states(parameters: RunParameters) -> dict[str, State]:
    """The states that look at the execution that has ended, and give its parameters to the steps.

    `{"Outcome": {"Resource": "...:aws-sdk:sfn:describeExecution", "Assign": {"outcome": {"status": ...}, ...}}}`

    Args:
        parameters: the run parameters of the workflow.
    """
    look = Task(
        resource="arn:aws:states:::aws-sdk:sfn:describeExecution",
        arguments={"ExecutionArn": Jsonata("$states.input.execution")},
        timeout_seconds=60,
        assign={OUTCOME_VARIABLE: {name: Jsonata(text) for name, text in _FIELDS.items()}},
        output={"input": Jsonata("$parse($states.result.Input)"), "started": Jsonata("$states.result.StartDate")},
        retry=(_RETRY,),
    )
    if not parameters.declared:
        return {"Outcome": look}
    given = parameters.given_or_defaults("$states.input.input", "$states.input.started")
    return {
        "Outcome": replace(look, next="Parameters"),
        "Parameters": Pass(assign={PARAMETERS_VARIABLE: Jsonata(given)}),
    }
