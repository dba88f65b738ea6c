"""Taking an endpoint away."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.core.states.asl import Catcher, Choice, Pass, Rule, Task, Wait
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import JobName
from zflow_constructs.sagemaker.endpoint.settings.answers import made_once
from zflow_constructs.sagemaker.endpoint.settings.waking import waking_name
from zflow_constructs.sagemaker.endpoint.states.history import EndpointHistory
from zflow_constructs.sagemaker.endpoint.states.state import LOOK_ERRORS, EndpointState, check_name, shortened
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step, StepGroup

_CALL_SECONDS = 60
_POLL_SECONDS = 30
_LONGEST = 4 * 3600


class DeleteEndpointStep(Step):
    """Deletes an endpoint with the configurations and models that were made for it, and waits until it is gone.

    An endpoint that isn't there is none to delete: the step succeeds. It is for endpoints that a workflow needs for a
    while (among its `finally_` steps), and for a workflow of its own that ends what is not wanted any more; the stack's
    deletion leaves an endpoint serving.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        endpoint_name: the endpoint's name: `endpoint.endpoint_name`, or that of another workflow's.
        timeout: the step fails if the endpoint is not gone within this time. Default: 1 hour
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: no endpoint has such a name, or the timeout is out of bounds.

    Example:
        delete = DeleteEndpointStep(self, "Delete", endpoint_name=endpoint.endpoint_name)
        MlWorkflow(self, "LoadTest", steps=[endpoint, load], finally_=[delete])
    """

    kind = "SageMaker endpoint, deleted"
    repeatable = False

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        timeout: Duration | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        check_name(self.label, endpoint_name)
        self._endpoint_name = endpoint_name
        self._seconds = whole_seconds(self.label, "timeout", timeout or Duration.hours(1), least=60, most=_LONGEST)
        self._job = JobName(self.name, base=shortened(endpoint_name))
        self._state = EndpointState(self.name, self.variable, endpoint_name, self._seconds)

    @property
    def looks(self) -> int:
        """One every half minute, until the time is over."""
        return self._seconds // _POLL_SECONDS

    def fragment(self) -> Fragment:
        """The states.

        `Delete: start` -> `: look` -> `: there?` -> `Delete` (deleteEndpoint) -> `: wait` -> `: look` -> `: there?` ->
        `: alarm` (deleteAlarms) -> `: configurations` ...
        """
        name, state = self.name, self._state
        late = f"{self.label}: the endpoint {self._endpoint_name} is still there."
        look = Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
            arguments=state.until_deadline(state.described, late=late),
            timeout_seconds=_CALL_SECONDS,
            assign={state.found: Jsonata("$states.result.EndpointStatus")},
            catch=(Catcher(LOOK_ERRORS, f"{name}: there?", state.not_found()),),
            next=f"{name}: there?",
        )
        delete = Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:deleteEndpoint",
            arguments=state.described,
            timeout_seconds=_CALL_SECONDS,
            retry=self.retry.service_retriers(),
            next=f"{name}: wait",
        )
        settled = f'${state.found} in ["InService", "OutOfService", "Failed", "UpdateRollbackFailed"]'
        return Fragment(
            {
                f"{name}: start": Pass(
                    assign={
                        state.attempt: state.new_attempt(),
                        state.config: "",
                        self.variable: {"endpoint_name": self._endpoint_name},
                    },
                    next=f"{name}: look",
                ),
                f"{name}: look": look,
                f"{name}: there?": Choice(
                    (
                        Rule(Jsonata(f'${state.found} = "missing"'), f"{name}: alarm"),
                        Rule(Jsonata(settled), name),
                    ),
                    default=f"{name}: wait",
                ),
                **made_once(
                    delete,
                    name=name,
                    asked=f"{name}: deleted?",
                    again=f"{name}: again",
                    variable=state.found,
                    done="Could not find",
                ),
                f"{name}: wait": Wait(_POLL_SECONDS, next=f"{name}: look"),
                f"{name}: alarm": Task(
                    resource="arn:aws:states:::aws-sdk:cloudwatch:deleteAlarms",
                    arguments={"AlarmNames": [waking_name(self._endpoint_name)]},
                    timeout_seconds=_CALL_SECONDS,
                    # Only endpoints that scale down to no machine have it.
                    catch=(Catcher(("States.ALL",), self._history.start),),
                    next=self._history.start,
                ),
                **self._history.states(),
            },
            result=self.variable,
        )

    def bind(self, binding: Binding) -> None:
        """Lets the state machine delete this endpoint, with its configurations, models and scaling."""
        stack = Stack.of(self)
        arn = stack.format_arn(service="sagemaker", resource="endpoint", resource_name=self._endpoint_name)
        binding.allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], [arn])
        binding.role.add_to_principal_policy(
            iam.PolicyStatement(
                # SageMaker takes the variants out of scaling in the name of who deletes them.
                actions=["application-autoscaling:DeregisterScalableTarget"],
                # A target's name is nobody's choice: the kind of target is the limit.
                resources=[
                    stack.format_arn(service="application-autoscaling", resource="scalable-target", resource_name="*")
                ],
                conditions={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
            )
        )
        alarm = stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=waking_name(self._endpoint_name),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        binding.allow(["cloudwatch:DeleteAlarms"], [alarm])
        self._history.bind(binding)

    @property
    def _history(self) -> EndpointHistory:
        return EndpointHistory(self.name, self.variable, self._job, 0, self.retry.service_retriers())
