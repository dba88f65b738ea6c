"""Lambda functions as steps."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.references import field_path
from zflow_constructs.core.values.templates import Template
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.retry import LAMBDA, Retry
from zflow_constructs.steps.step import Step, StepGroup
from zflow_constructs.steps.time_limit import TimeLimit

_LONGEST_SECONDS = 900


class LambdaStep(Step):
    """Calls a Lambda function, and waits for its answer.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        function: the function.
        payload: its event; outputs of other steps and run parameters may stand in it. Default: {}
        outputs: the fields of its answer that other steps use, as `step.outputs[name]`. Default: none
        timeout: the step fails after this time. Default: as the workflow says, 15 minutes
        retry: whether a function that raised is called again; faults of the Lambda service are in any case.
            Default: as the workflow says
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: an output is named twice, or the timeout is out of bounds.

    Example:
        count = LambdaStep(self, "Count", function=function, payload={"day": workflow_day}, outputs=["rows"])
    """

    kind = "Lambda"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function: lambda_.IFunction,
        payload: Mapping[str, Template] | None = None,
        outputs: Sequence[str] = (),
        timeout: Duration | None = None,
        retry: Retry | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, retry=retry, after=after, when=when, optional=optional)
        self._function = function
        check_json(self.label, "payload", payload)
        self._payload = dict(payload or {})
        self._outputs = Outputs(id, {name: self.result(name) for name in outputs})
        self._limit = TimeLimit.of(self.label, "timeout", timeout, inherits="function", least=1, most=_LONGEST_SECONDS)

    @property
    def function(self) -> lambda_.IFunction:
        """The function."""
        return self._function

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """The fields of the answer, by name."""
        return self._outputs

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what the function answers."""
        return bool(self._outputs)

    def fragment(self) -> Fragment:
        """One state: `{"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"Payload": {...}}}`."""
        task = Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments={"FunctionName": self._function.function_arn, "Payload": self._payload},
            timeout_seconds=self._limit.seconds(self.timeouts),
            assign={
                self.variable: {name: Jsonata(field_path("$states.result.Payload", name)) for name in self._outputs}
            },
            retry=(LAMBDA, *self.retry.failure_retriers()),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the state machine call the function."""
        binding.allow(["lambda:InvokeFunction"], [self._function.function_arn])
