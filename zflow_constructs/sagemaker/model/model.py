"""SageMaker's models: one that is there already, and one that a step creates from its containers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from zflow_constructs.core.states.asl import EXIT, Task
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.storage import grant_read, grant_read_asset
from zflow_constructs.requests.aws import validate_request
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.execution_role import SAGEMAKER, grant_pull
from zflow_constructs.sagemaker.jobs.job_fields import tag_fields
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.model.container_definitions import BoundContainer, bound_containers
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step

_CALL_SECONDS = 60


@dataclass(frozen=True)
class Model:
    """A model that is there when a step uses it: one of a `ModelStep`, or one that was made elsewhere.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModel.html

    Args:
        name: its name in SageMaker.
        role: the role that serves it. A step that uses the model grants it what it reads and writes besides.

    Example:
        `Model.from_name("scoring-2026", role=iam.Role.from_role_name(self, "ScoringRole", "scoring"))`
    """

    name: str | Expression
    role: iam.IRole

    @classmethod
    def from_name(cls, name: str, *, role: iam.IRole) -> "Model":
        """A model that was made elsewhere.

        Args:
            name: its name.
            role: its execution role.
        """
        return cls(name, role)


@dataclass(frozen=True)
class StepModel:
    """A model of 1 to 15 containers, created anew in each run.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html

    Args:
        step: the step that creates it.
        title: what it is called within the step: `model`.
        containers: its containers, in the order in which a request passes through them.
        role: the role that serves it.
        network: The VPC that it serves in. `None`: SageMaker's own
        base: what its names begin with. Empty: the workflow's and the step's names
        request: the request that creates it.
    """

    step: Step
    title: str
    containers: tuple[BoundContainer, ...]
    role: iam.IRole
    network: Network | None
    base: str
    request: Mapping[str, Template]

    @classmethod
    def of(
        cls,
        step: Step,
        containers: Sequence[ModelContainer],
        *,
        machine: str,
        role: iam.IRole,
        title: str = "model",
        base: str = "",
        network: Network | None = None,
        network_isolation: bool = False,
        tags: Mapping[str, str | Expression] | None = None,
    ) -> "StepModel":
        """The model of a step, its request checked.

        Args:
            step: the step.
            containers: 1 to 15 containers.
            machine: SageMaker's name of where it will serve.
            role: the role that serves it.
            title: what it is called within the step, where the step has several. Default: model
            base: what its names begin with. Default: the workflow's and the step's names
            network: The VPC that it serves in. Default: that of SageMaker
            network_isolation: whether its containers can't reach any network. Default: no
            tags: its tags. Default: none

        Raises:
            WorkflowError: there are too few or too many containers, or SageMaker would refuse the model.
        """
        suffix = title.removeprefix("model").replace(" ", "-")
        bound = bound_containers(step, containers, machine=machine, suffix=suffix, network_isolation=network_isolation)
        definitions = [each.definition for each in bound]
        request: dict[str, Template] = {
            "ModelName": JobName(step.name, base=base),
            "ExecutionRoleArn": role.role_arn,
            **({"PrimaryContainer": definitions[0]} if len(definitions) == 1 else {"Containers": definitions}),
            **(network.fields if network else {}),
            **({"EnableNetworkIsolation": True} if network_isolation else {}),
            **tag_fields(step.label, tags),
        }
        validate_request(step.name, "sagemaker", "CreateModel", request)
        return cls(step, title, bound, role, network, base, request)

    @property
    def state_name(self) -> str:
        """The state that creates the model."""
        return f"{self.step.name}: {self.title}"

    @property
    def variable(self) -> str:
        """The variable that holds the model's name."""
        return re.sub(r"\W", "_", f"{self.step.name}_{self.title}")

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
            retry=self.step.retry.call_retriers(),
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
            retry=self.step.retry.call_retriers(),
            next=then,
        )

    def bind(self, binding: Binding, *, deletes: bool) -> None:
        """Lets the role load the model, and the state machine create it.

        Args:
            binding: the workflow.
            deletes: whether the step deletes it too.
        """
        grant_pull(self.role, [each.image for each in self.containers])
        for each in self.containers:
            if each.source is not None:
                grant_read_asset(each.source, self.role)
        for each in self.containers:
            grant_read(each.model_data.place, self.role, binding.storage)
        if self.network is not None:
            self.network.grant(self.role)
        actions = [
            "sagemaker:CreateModel",
            *(["sagemaker:DeleteModel"] if deletes else []),
            *(["sagemaker:AddTags"] if "Tags" in self.request else []),
        ]
        binding.allow(actions, [binding.job_arn("model", JobName(self.step.name, base=self.base))])
        binding.allow_pass(self.role, SAGEMAKER)
