"""How an execution ended, for the steps that run afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zflow_constructs.core.states.asl import Pass, Retrier, State, Task
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import PARAMETERS_VARIABLE, RESULT, Variable
from zflow_constructs.core.values.syntax import Call, If, Let, Predicate
from zflow_constructs.core.values.templates import Scope

OUTCOME_VARIABLE = "outcome"
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def _url() -> Expression:
    """The execution in the console of its region, `https://eu-central-1.console.aws.amazon.com/states/home?...`."""
    partition, region = Variable("arn")[1], Variable("arn")[3]
    console = "https://" + region + "." + Call("lookup", (_CONSOLES, partition))
    url = console + "/states/home?region=" + region + "#/v2/executions/details/" + RESULT["ExecutionArn"]
    return Let("arn", Call("split", (RESULT["ExecutionArn"], ":")), url)


def _or_empty(field: Variable) -> Expression:
    return If(Predicate("exists", (field,)), field, "")


_FIELDS: Mapping[str, Expression] = {
    "status": RESULT["Status"],
    "error": _or_empty(RESULT["Error"]),
    "cause": _or_empty(RESULT["Cause"]),
    "execution": RESULT["ExecutionArn"],
    "name": RESULT["Name"],
    "started": RESULT["StartDate"],
    "url": _url(),
}
_RETRY = Retrier(("Sfn.SdkClientException", "Sfn.SfnException"), max_attempts=10, max_delay_seconds=60)


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
        assign={OUTCOME_VARIABLE: _FIELDS},
        output={"input": Call("parse", (RESULT["Input"],)), "started": RESULT["StartDate"]},
        retry=(_RETRY,),
    )
    if not parameters.declared:
        return {"Outcome": look}
    given = parameters.given_or_defaults("$states.input.input", "$states.input.started")
    return {
        "Outcome": replace(look, next="Parameters"),
        "Parameters": Pass(assign={PARAMETERS_VARIABLE: Jsonata(given)}),
    }
