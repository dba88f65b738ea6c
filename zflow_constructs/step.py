"""What all steps have in common: their needs, conditions and permissions, and how a workflow binds them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Condition, Expression
from zflow_constructs.core.fragment import Fragment, StepNode
from zflow_constructs.core.references import JobName, StepOutput
from zflow_constructs.storage import RunStorage

_STEP_ID = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,49}")


@dataclass(frozen=True)
class Binding:
    """What a step learns of the workflow that runs it.

    Args:
        workflow: the workflow's construct.
        name: the workflow's name, the beginning of every job name.
        role: the state machine's role.
        storage: where the runs' data lies.
        stoppers: the Lambdas that end what an execution left running.
    """

    workflow: Construct
    name: str
    role: iam.IRole
    storage: RunStorage
    stoppers: list[lambda_.IFunction] = field(default_factory=list)

    def on_stop(self, function: lambda_.IFunction) -> None:
        """Has a Lambda called when an execution fails, times out or is stopped, to end what it left running.

        Args:
            function: gets `{"action": "stop", "execution": "<ARN>"}`.
        """
        if function not in self.stoppers:
            self.stoppers.append(function)

    def allow(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        """Lets the state machine do something.

        Args:
            actions: such as `sagemaker:CreateModel`.
            resources: the ARNs.
        """
        self.role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))

    def allow_pass(self, role: iam.IRole, service: str) -> None:
        """Lets the state machine hand a role to a service, and to that one alone.

        Args:
            role: the role.
            service: such as `sagemaker.amazonaws.com`.
        """
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": service}},
            )
        )

    def job_arn(self, resource: str, job: JobName) -> str:
        """The ARN of all jobs that a step's job name can become.

        Args:
            resource: SageMaker's type of resource, such as `training-job`.
            job: the name.
        """
        return Stack.of(self.workflow).format_arn(
            service="sagemaker",
            resource=resource,
            resource_name=f"{job.prefix(self.name)}*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    def allow_managed_rule(self, name: str) -> None:
        """Lets Step Functions listen for the end of `.sync` jobs through the event rule that it manages.

        Args:
            name: such as `StepFunctionsGetEventsForSageMakerTrainingJobsRule`.
        """
        arn = Stack.of(self.workflow).format_arn(service="events", resource="rule", resource_name=name)
        self.allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], [arn])


class Step(Construct):
    """One step of a workflow: a job, an endpoint, a function.

    Steps describe themselves; `MlWorkflow` binds them. Using a step's output in another makes an edge between them.

    Args:
        scope: the construct that owns it.
        id: its id, which names its state in the console: letters, digits, spaces, `-` and `_`, 50 at most.
        after: steps that must have ended before, though nothing of theirs is used. Default: none
        when: the step runs only if this holds, and is skipped otherwise, like all that needs it. Default: always

    Raises:
        WorkflowError: the id has other characters or is too long.
    """

    def __init__(
        self, scope: Construct, id: str, *, after: Sequence["Step"] = (), when: Condition | None = None
    ) -> None:
        if not _STEP_ID.fullmatch(id):
            raise WorkflowError(
                f'Step "{id}": an id starts with a letter and has letters, digits, spaces, "-" and "_", '
                f"50 at most (this one has {len(id)} characters). It names the state in the console. Rename the step."
            )
        super().__init__(scope, id)
        for earlier in after:
            if not isinstance(earlier, Step):
                raise WorkflowError(
                    f'Step "{id}": after= takes steps, and received {earlier!r}. Hand it the step itself.'
                )
        if when is not None and not isinstance(when, Condition):
            raise WorkflowError(
                f'Step "{id}": when= takes a condition over outputs or parameters, such as '
                f'train.metric("auc") >= 0.75, and received {when!r}.'
            )
        # Each look at the construct's node is a call of Node.js.
        self._name = id
        self._path = str(self.node.path)
        self._after = tuple(after)
        self._when = () if when is None else (when,)

    @property
    def name(self) -> str:
        """The step's id, which is also the name of its state."""
        return self._name

    @property
    def label(self) -> str:
        """The step as messages name it: `Step "Train"`."""
        return f'Step "{self._name}"'

    @property
    def path(self) -> str:
        """The construct's path, which no other construct has."""
        return self._path

    @property
    def variable(self) -> str:
        """The variable that holds the step's result in the state machine."""
        return re.sub(r"\W", "_", self.name)

    def result(self, *path: str) -> Expression:
        """A field of the step's result, for other steps.

        Args:
            path: the field's names, from the outside in.
        """
        return StepOutput(self.path, self.name, path)

    def fragment(self) -> Fragment:
        """The step's states. Every kind of step defines its own."""
        raise WorkflowError(f'Step "{self.name}": {type(self).__name__} must define fragment().')

    def bind(self, binding: Binding) -> None:
        """Grants what the step needs once its workflow is known. Every kind of step adds its own.

        Args:
            binding: the workflow.
        """

    def compiled(self) -> StepNode:
        """The step as the compiler takes it."""
        return StepNode(
            key=self.path,
            name=self.name,
            fragment=self.fragment(),
            after=tuple(step.path for step in self._after),
            when=self._when,
        )


def whole_seconds(owner: str, name: str, duration: Duration, *, least: int, most: int) -> int:
    """A duration in seconds, within its bounds.

    Args:
        owner: who received it, for the message: `Step "Train"`.
        name: the keyword that received it.
        duration: the duration.
        least: the lower bound in seconds.
        most: the upper bound in seconds.

    Raises:
        WorkflowError: it is out of bounds.
    """
    seconds = int(duration.to_seconds())
    if not least <= seconds <= most:
        raise WorkflowError(
            f"{owner}: {name} is {seconds} seconds. Give {least} to {most} seconds (Duration.hours(...))."
        )
    return seconds
