"""What a step learns of the workflow that runs it, and asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from zflow_constructs.core.values.references import JobName
from zflow_constructs.data.storage import RunStorage


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
            function: gets `{"action": "stop", "execution": "<ARN>", "stopped": <milliseconds since the epoch>}`.
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
