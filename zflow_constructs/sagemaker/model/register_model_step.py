"""Versions of models in SageMaker's model registry."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from zflow_constructs.core.states.asl import EXIT, Choice, Retrier, Rule, Task, Wait
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import RESULT, ExecutionId, JobName, RedriveCount, Variable
from zflow_constructs.core.values.syntax import Call, Error, If
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import grant_read
from zflow_constructs.requests.aws import merge_overrides, validate_request
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.sagemaker.model.container_definitions import bound_containers
from zflow_constructs.sagemaker.model.package import ModelPackage, RegisteredGroup
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step, StepGroup

Measured: TypeAlias = Literal["quality", "data_quality", "bias", "explainability"]
"""What a report of a model is about."""
ApprovalStatus: TypeAlias = Literal["Approved", "PendingManualApproval", "Rejected"]

_DAY = 86_400
_CALL_SECONDS = 60
_POLL_SECONDS = 10
_TOKEN_LENGTH = 36
_REPORTS: Mapping[str, tuple[str, str]] = {
    "quality": ("ModelQuality", "Statistics"),
    "data_quality": ("ModelDataQuality", "Statistics"),
    "bias": ("Bias", "Report"),
    "explainability": ("Explainability", "Report"),
}
# With its token a call may be made again, even if a first one was heard.
_UNANSWERED = Retrier(("States.Timeout",), interval_seconds=10)


class RegisterModelStep(Step):
    """Registers a model as a new version of its group in the model registry, and waits until the registry has it.

    A call that is repeated, because its answer was lost or SageMaker was busy, registers no second version. The version
    says where it comes from: the ARN of the execution is in its metadata, as is the hash of each container's code. Tags
    are the group's: SageMaker takes none for a version.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        group: the group that gets the version.
        containers: 1 to 15 containers; each one's answer is the next one's request.
        content_types: the MIME types of requests that the model takes. Default: text/csv
        response_types: the MIME types of its answers. Default: text/csv
        approval_status: whether it may be deployed: `Approved`, `Rejected`, or somebody must decide.
            Default: PendingManualApproval
        description: what is new in this version. Default: none
        domain: such as `MACHINE_LEARNING`. Default: none
        task: such as `CLASSIFICATION`. Default: none
        model_metrics: reports on the model, each a single file: its `quality`, the `data_quality`, `bias` and
            `explainability`. The registry shows them beside the version. Default: none
        customer_metadata: what else the version is known by, such as metrics, the training job and where its data is.
            SageMaker takes 50 entries, the step's own included, of 256 characters each. Default: none
        sample_payload: a `.tar.gz` of requests, for SageMaker's load tests. Default: none
        realtime_instance_types: the machines that endpoints may have. The first one decides between images for CPUs and
            for GPUs. Default: m5.large
        transform_instance_types: the machines that transform jobs may have. Default: m5.large
        timeout: the step fails if the registry doesn't have the version within this time. Default: 1 hour
        request_overrides: fields of CreateModelPackage that have no keyword here, laid over it. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the version.

    Example:
        register = RegisterModelStep(self, "Register", group=group, containers=[preprocessor, classifier],
                                     customer_metadata={"auc": train.metric("validation:auc"),
                                                        "training job": train.job_name})
    """

    kind = "SageMaker model registry"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: RegisteredGroup,
        containers: Sequence[ModelContainer],
        content_types: Sequence[str] = ("text/csv",),
        response_types: Sequence[str] = ("text/csv",),
        approval_status: ApprovalStatus = "PendingManualApproval",
        description: str | Expression | None = None,
        domain: str = "",
        task: str = "",
        model_metrics: Mapping[Measured, DataLocation] | None = None,
        customer_metadata: Mapping[str, str | Expression] | None = None,
        sample_payload: DataLocation | None = None,
        realtime_instance_types: Sequence[ec2.InstanceType] = (),
        transform_instance_types: Sequence[ec2.InstanceType] = (),
        timeout: Duration | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._group = group
        self._seconds = whole_seconds(self.label, "timeout", timeout or Duration.hours(1), least=60, most=7 * _DAY)
        realtime, transform = (
            [Machines.of(self.label, each, 1).type for each in given or (None,)]
            for given in (realtime_instance_types, transform_instance_types)
        )
        self._containers = bound_containers(self, containers, machine=realtime[0])
        self._token = JobName(self.name, max_length=_TOKEN_LENGTH, new_at_retry=False)
        metadata: dict[str, Template] = {
            **as_texts(self.label, "customer_metadata", customer_metadata or {}),
            "zflow:execution": ExecutionId(),
            **{
                f"zflow:code-{number}": container.source.asset_hash
                for number, container in enumerate(self._containers, start=1)
                if container.source is not None
            },
        }
        request: dict[str, Template] = {
            "ModelPackageGroupName": group.name,
            "ClientToken": self._token,
            **({"ModelPackageDescription": description} if description is not None else {}),
            "ModelApprovalStatus": approval_status,
            **({"Domain": domain} if domain else {}),
            **({"Task": task} if task else {}),
            **({"SamplePayloadUrl": sample_payload.uri} if sample_payload else {}),
            "InferenceSpecification": {
                "Containers": [container.definition for container in self._containers],
                "SupportedContentTypes": list(content_types),
                "SupportedResponseMIMETypes": list(response_types),
                "SupportedRealtimeInferenceInstanceTypes": realtime,
                "SupportedTransformInstanceTypes": transform,
            },
            **(self._reports(model_metrics) if model_metrics else {}),
            "CustomerMetadataProperties": metadata,
        }
        self._request = self._checked(merge_overrides(request, request_overrides or {}))

    @property
    def model_package_arn(self) -> Expression:
        """The version's ARN: `arn:aws:sagemaker:...:model-package/<group>/<version>`."""
        return self.result("model_package_arn", kind="string")

    @property
    def version(self) -> Expression:
        """The version's number in its group."""
        return self.result("version", kind="number")

    @property
    def model_package(self) -> ModelPackage:
        """The version, for the steps that wait for its approval."""
        return ModelPackage(self.model_package_arn, self._group)

    @property
    def looks(self) -> int:
        """One every ten seconds, until the time is over."""
        return self._seconds // _POLL_SECONDS

    def fragment(self) -> Fragment:
        """The states `Register` (createModelPackage) -> `Register: look` (describeModelPackage) -> `Register: there?`.

        From there to the next step, or by `Register: wait` to another look. A redrive after a failure registers anew.
        """
        name, status = self.name, Variable(self.variable)["status"]
        return Fragment(
            {
                name: Task(
                    resource="arn:aws:states:::aws-sdk:sagemaker:createModelPackage",
                    arguments=self._request,
                    timeout_seconds=_CALL_SECONDS,
                    assign={
                        self._attempt: {
                            "arn": RESULT["ModelPackageArn"],
                            "redrive": RedriveCount(),
                            "deadline": Jsonata(f"$millis() + {self._seconds * 1000}"),
                        }
                    },
                    retry=(*self.retry.service_retriers(), _UNANSWERED),
                    next=f"{name}: look",
                ),
                f"{name}: look": Task(
                    resource="arn:aws:states:::aws-sdk:sagemaker:describeModelPackage",
                    arguments=self._until_deadline(),
                    timeout_seconds=_CALL_SECONDS,
                    assign={self.variable: self._seen()},
                    retry=self.retry.service_retriers(),
                    next=f"{name}: there?",
                ),
                f"{name}: there?": Choice(
                    (
                        Rule(status == "there", EXIT),
                        Rule(status == "again", name),
                    ),
                    default=f"{name}: wait",
                ),
                f"{name}: wait": Wait(_POLL_SECONDS, next=f"{name}: look"),
            },
            result=self.variable,
        )

    def bind(self, binding: Binding) -> None:
        """Lets the state machine register versions of this group alone."""
        # Registering is a right on the group and on the version that it makes.
        binding.allow(["sagemaker:CreateModelPackage"], [*self._group.arns, *self._group.version_arns])
        binding.allow(["sagemaker:DescribeModelPackage"], self._group.version_arns)
        # The registry looks at what it is given, by the right of who registers it: AWS's own policy has the same.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol-model-registry.html
        for container in self._containers:
            grant_read(container.model_data.place, binding.role, binding.storage)
        repositories = dict.fromkeys(container.image.repository_arn for container in self._containers)
        binding.allow(["ecr:BatchGetImage", "ecr:DescribeImages"], list(repositories))

    @property
    def _attempt(self) -> str:
        return f"{self.variable}_attempt"

    def _until_deadline(self) -> Expression:
        """What is described, or an error once the time is over. A redrive asks again."""
        attempt = Variable(self._attempt)
        over = (Call("millis") > attempt["deadline"]) & (RedriveCount() == attempt["redrive"])
        late = f"{self.label}: the registry doesn't have the version after {self._seconds} seconds: "
        return If(over, Error(late + attempt["arn"]), {"ModelPackageName": attempt["arn"]})

    def _seen(self) -> dict[str, Template]:
        """What the version's state means: `there`, `coming`, or an error, after which a redrive registers `again`."""
        arn, status = RESULT["ModelPackageArn"], RESULT["ModelPackageStatus"]
        redriven = RedriveCount() > Variable(self._attempt)["redrive"]
        reasons = Call("join", ([Jsonata("$states.result.ModelPackageStatusDetails.*.FailureReason")], " "))
        refused = f"{self.label}: the registry refused " + arn + ", which is " + status + ". Reason: " + reasons
        coming = status.is_in(["Pending", "InProgress"])
        failed = If(redriven, "again", Error(refused))
        return {
            "model_package_arn": arn,
            "version": RESULT["ModelPackageVersion"],
            "status": If(status == "Completed", "there", If(coming, "coming", failed)),
        }

    def _reports(self, reports: Mapping[Measured, DataLocation]) -> dict[str, Template]:
        metrics: dict[str, Template] = {}
        for measured, report in reports.items():
            if measured not in _REPORTS or not report.content_type:
                raise WorkflowError(
                    f'{self.label}: model_metrics["{measured}"] must be one of {", ".join(_REPORTS)}, and a file whose '
                    'content_type is said: evaluate.outputs["evaluation"].file("statistics.json", '
                    'content_type="application/json").'
                )
            about, kind = _REPORTS[measured]
            metrics[about] = {kind: {"ContentType": report.content_type, "S3Uri": report.uri}}
        return {"ModelMetrics": metrics}

    def _checked(self, request: Mapping[str, Template]) -> Mapping[str, Template]:
        for field, own in (("ModelPackageGroupName", self._group.name), ("ClientToken", self._token)):
            if request.get(field) is not own:
                raise WorkflowError(
                    f"{self.label}: request_overrides sets {field} to {request.get(field)!r}. The step says it itself: "
                    "the group by group=, and a token by which a repeated call registers no second version. Remove it."
                )
        if "Tags" in request:
            raise WorkflowError(
                f"{self.label}: request_overrides sets Tags, and SageMaker takes none for a version: it has those of "
                "its group. Give ModelPackageGroup(tags=...), or customer_metadata here."
            )
        validate_request(self.name, "sagemaker", "CreateModelPackage", request)
        return request
