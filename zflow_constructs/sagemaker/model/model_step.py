"""SageMaker models that stay."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.aws import sagemaker_request
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.execution_role import execution_role
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.model.model import Model, StepModel
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step, StepGroup

_CALL_SECONDS = 60


class ModelStep(Step):
    """Creates a SageMaker model that stays: for transforms, endpoints, and whatever uses it after the run.

    Each run makes a new one; none is deleted. A model costs nothing; what it is made of stays where it is.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its models.
        containers: 1 to 15 containers; each one's answer is the next one's request.
        instance_type: a machine such as it will serve on: it decides between images for CPUs and for GPUs.
            Default: m5.large
        vpc: the VPC that the model serves in; S3 is reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the model. Default: a new one
        network_isolation: whether the containers can't reach any network. They can't fetch `code` then. Default: no
        tags: the model's tags. Default: none
        role: the role of the model; the step grants it what it needs. Default: a new one
        request_overrides: fields of CreateModel that have no keyword here, laid over it. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the model.

    Example:
        scoring = ModelStep(self, "Model", containers=[preprocessor, classifier])
    """

    kind = "SageMaker model"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Sequence[ModelContainer],
        instance_type: ec2.InstanceType | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        tags: Mapping[str, str | Expression] | None = None,
        role: iam.IRole | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        # Whoever uses the model decides where it logs: a transform job, or an endpoint of any name.
        self._role = execution_role(self, role, log_group="*")
        self._definition = StepModel.of(
            self,
            containers,
            machine=Machines.of(self.label, instance_type, 1).type,
            role=self._role,
            network=Network.of(self, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=1),
            network_isolation=network_isolation,
            tags=tags,
        )
        self._request = sagemaker_request(
            id, "CreateModel", self._definition.request, request_overrides, name_field="ModelName"
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the model."""
        return self._role

    @property
    def model_name(self) -> Expression:
        """The model's name."""
        return self.result("model_name", kind="string")

    @property
    def model(self) -> Model:
        """The model, for the steps that use it."""
        return Model(self.model_name, self._role)

    def fragment(self) -> Fragment:
        """One state: `{"Resource": "arn:aws:states:::aws-sdk:sagemaker:createModel", "Arguments": {...}}`."""
        task = Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:createModel",
            arguments=self._request,
            timeout_seconds=_CALL_SECONDS,
            # Of the name, which is new at each attempt, the answer's ARN says which one came to be.
            assign={self.variable: {"model_name": Jsonata('$substringAfter($states.result.ModelArn, "model/")')}},
            retry=self.retry.service_retriers(),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the model load its data, and the state machine create it."""
        self._definition.bind(binding, deletes=False)
