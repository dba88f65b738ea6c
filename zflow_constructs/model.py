"""The SageMaker model that a step creates from its containers, for a transform job or an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets

from zflow_constructs.binding import Binding
from zflow_constructs.containers import BoundImage, ModelContainer
from zflow_constructs.core.asl import EXIT, Task
from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Expression, Jsonata
from zflow_constructs.core.references import JobName
from zflow_constructs.core.templates import Template
from zflow_constructs.execution_role import SAGEMAKER, grant_pull
from zflow_constructs.requests import validate_request
from zflow_constructs.retry import THROTTLING
from zflow_constructs.step import Step
from zflow_constructs.storage import grant_read, grant_read_asset

_MOST_CONTAINERS = 15
_CALL_SECONDS = 60


@dataclass(frozen=True)
class StepModel:
    """A model of 1 to 15 containers, created anew in each run.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html

    Args:
        step: the step that creates it.
        containers: its containers, in the order in which a request passes through them.
        images: their images, bound.
        sources: their packed scripts.
        role: the role that serves it.
    """

    step: Step
    containers: tuple[ModelContainer, ...]
    images: tuple[BoundImage, ...]
    sources: tuple[s3_assets.Asset, ...]
    role: iam.IRole
    request: Template

    @classmethod
    def of(cls, step: Step, containers: Sequence[ModelContainer], *, machine: str, role: iam.IRole) -> "StepModel":
        """The model of a step, its request checked.

        Args:
            step: the step.
            containers: 1 to 15 containers.
            machine: SageMaker's name of where it will serve.
            role: the role that serves it.

        Raises:
            WorkflowError: there are too few or too many containers, or SageMaker would refuse the model.
        """
        if not 1 <= len(containers) <= _MOST_CONTAINERS:
            raise WorkflowError(
                f'Step "{step.name}": containers has {len(containers)} entries. A model has 1 to {_MOST_CONTAINERS}: '
                "one container alone, or an inference pipeline of several."
            )
        images, sources, definitions = [], [], []
        for number, container in enumerate(containers, start=1):
            image = container.image.bind(step, purpose="inference", machine=machine)
            if image.needs_script and container.code is None:
                raise WorkflowError(
                    f'Step "{step.name}": container {number} has a framework image, which serves with a script of '
                    "yours. Give ModelContainer(code=...)."
                )
            script: dict[str, Template] = {}
            if container.code:
                asset = container.code.packed(step, f"Code{number}")
                sources.append(asset)
                script = {
                    "SAGEMAKER_PROGRAM": container.code.entry_point,
                    "SAGEMAKER_SUBMIT_DIRECTORY": asset.s3_object_url,
                }
            images.append(image)
            definitions.append(
                {
                    "Image": image.uri,
                    "ModelDataUrl": container.model_data.uri,
                    "Environment": {**container.environment, **script},
                }
            )
        request: dict[str, Template] = {
            "ModelName": JobName(step.name),
            "ExecutionRoleArn": role.role_arn,
            **({"PrimaryContainer": definitions[0]} if len(definitions) == 1 else {"Containers": definitions}),
        }
        validate_request(step.name, "sagemaker", "CreateModel", request)
        return cls(step, tuple(containers), tuple(images), tuple(sources), role, request)

    @property
    def state_name(self) -> str:
        """The state that creates the model."""
        return f"{self.step.name}: model"

    @property
    def variable(self) -> str:
        """The variable that holds the model's name."""
        return f"{self.step.variable}_model"

    @property
    def name(self) -> Expression:
        """The model's name, once it is created."""
        return Jsonata(f"${self.variable}")

    def creation(self, *, then: str) -> Task:
        """The state that creates the model: `{"Resource": "arn:aws:states:::aws-sdk:sagemaker:createModel", ...}`.

        Args:
            then: the state that follows.
        """
        return Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:createModel",
            arguments=self.request,
            timeout_seconds=_CALL_SECONDS,
            # Of the name, which is new at each attempt, the answer's ARN says which one came to be.
            assign={self.variable: Jsonata('$substringAfter($states.result.ModelArn, "model/")')},
            retry=(THROTTLING,),
            next=then,
        )

    def deletion(self, *, then: str = EXIT) -> Task:
        """The state that deletes the model: `{"Resource": "arn:aws:states:::aws-sdk:sagemaker:deleteModel", ...}`.

        Args:
            then: the state that follows. Default: the next step
        """
        return Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:deleteModel",
            arguments={"ModelName": self.name},
            timeout_seconds=_CALL_SECONDS,
            retry=(THROTTLING,),
            next=then,
        )

    def bind(self, binding: Binding, *, deletes: bool) -> None:
        """Lets the role load the model, and the state machine create it.

        Args:
            binding: the workflow.
            deletes: whether the step deletes it too.
        """
        grant_pull(self.role, self.images)
        for asset in self.sources:
            grant_read_asset(asset, self.role)
        for container in self.containers:
            grant_read(container.model_data.place, self.role, binding.storage)
        actions = ["sagemaker:CreateModel", *(["sagemaker:DeleteModel"] if deletes else [])]
        binding.allow(actions, [binding.job_arn("model", JobName(self.step.name))])
        binding.allow_pass(self.role, SAGEMAKER)
