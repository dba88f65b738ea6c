"""Batch transform jobs on SageMaker."""

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.core.states.asl import EXIT, Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.sources import DataLocation, s3_source
from zflow_constructs.data.storage import grant_read, grant_write
from zflow_constructs.requests.aws import sagemaker_request
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.execution_role import execution_role, grant_disks
from zflow_constructs.sagemaker.jobs.experiment import ExperimentConfig
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.sagemaker.jobs.job_fields import completed_name, tag_fields
from zflow_constructs.sagemaker.jobs.job_rights import allow_job
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.model.model import Model, StepModel
from zflow_constructs.sagemaker.transform.data_capture import BatchDataCapture
from zflow_constructs.sagemaker.transform.records import (
    Processing,
    Split,
    check_inference_ids,
    check_load,
    client_fields,
    megabytes,
)
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup
from zflow_constructs.steps.time_limit import TimeLimit

_DAY = 86_400


class BatchTransformStep(Step):
    """Runs a model, or a chain of them, over all data of a location: a SageMaker batch transform job, waited for.

    The step creates the model that it needs, and deletes it when the job is done; or it uses one that is there.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs.
        containers: 1 to 15 containers; each one's answer is the next one's request. Default: `model`
        model: a model that is there already; its role is granted what the job needs. Default: one of `containers`
        data: what is transformed; its `content_type` tells the containers what they get.
        manifest: a JSON file that lists the objects of `data` to transform. Default: all of them
        compression: how the objects are compressed: `Gzip`, or `None`. Default: None
        accept: the MIME type of the answers, and of `output`. Default: text/csv
        split: how objects are cut into records: `Line`, or `None` for an object as one record. Default: Line
        assemble: how answers become an object: with an end of line after each, `Line`, or as they are, `None`.
            Default: Line where split is, else None
        batch_strategy: many records to a request, or one. Default: MultiRecord
        max_payload: the largest request; `Size.mebibytes(0)` sets no limit and sends requests in chunks, which
            SageMaker's own algorithms don't take. Default: 6 MiB
        max_concurrency: how many requests each machine gets at once; times max_payload, 100 MiB at most.
            Default: what the container says of itself, else 1
        input_filter: JSONPath of what of a record the model gets, such as `$[1:]`. Default: all of it
        join_input: whether each answer is joined to its record. Default: no
        output_filter: JSONPath of what of the (joined) answer is kept, such as `$[0,-1]`. Default: all of it
        data_capture: whether and where the job tells a monitor what it read and wrote. Default: no
        experiment: the experiment that the job belongs to. Default: none
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        timeout: the job is stopped, and the step fails, after this time. Default: as the workflow says, 1 day
        invocation_timeout: how long the containers may take for a request, 1 hour at most. Default: 10 minutes
        invocation_retries: how often a request that fails is sent again, 3 times at most. Default: 3
        vpc: the VPC that the model runs in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the model. Default: a new one
        network_isolation: whether the containers can't reach any network. They can't fetch their `code` then.
            Default: no
        volume_key: what the disks are encrypted with; machines with disks of their own, such as g5, take none.
            Default: SageMaker's own key
        output_key: what the answers are encrypted with; steps that use them may decrypt them. Default: as the bucket
            says
        environment: environment variables of the containers in this job. Default: none
        tags: the tags of the job, and of the model that the step creates. Default: none
        role: the role of the model; the step grants it what it needs. Default: a new one
        retry: whether jobs that fail are started anew. Default: as the workflow says
        request_overrides: fields of CreateTransformJob that have no keyword here, laid over the request. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: there is no model, or two, or SageMaker would refuse the model or the job.

    Example:
        predict = BatchTransformStep(self, "Predict", containers=[preprocessor, classifier],
                                     data=extract.outputs["holdout"], input_filter="$[1:]", join_input=True)
    """

    kind = "SageMaker batch transform"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Sequence[ModelContainer] = (),
        model: Model | None = None,
        data: DataLocation,
        manifest: DataLocation | None = None,
        compression: Literal["Gzip", "None"] = "None",
        accept: str = "text/csv",
        split: Split = "Line",
        assemble: Literal["Line", "None"] | None = None,
        batch_strategy: Literal["MultiRecord", "SingleRecord"] = "MultiRecord",
        max_payload: Size | None = None,
        max_concurrency: int | None = None,
        input_filter: str | None = None,
        join_input: bool = False,
        output_filter: str | None = None,
        data_capture: BatchDataCapture | None = None,
        experiment: ExperimentConfig | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        timeout: Duration | None = None,
        invocation_timeout: Duration | None = None,
        invocation_retries: int | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        volume_key: kms.IKey | None = None,
        output_key: kms.IKey | None = None,
        environment: Mapping[str, Template] | None = None,
        tags: Mapping[str, str | Expression] | None = None,
        role: iam.IRole | None = None,
        retry: Retry | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, retry=retry, after=after, when=when, optional=optional)
        machines = Machines.of(self.label, instance_type, instance_count)
        of_the_model = {
            "vpc": vpc,
            "subnets": subnets,
            "security_groups": security_groups,
            "network_isolation": network_isolation,
            "role": role,
        }
        self._check_model(containers, model, [keyword for keyword, given in of_the_model.items() if given])
        self._role = execution_role(self, model.role if model else role, log_group="TransformJobs")
        serving: Model | StepModel = model or StepModel.of(
            self,
            containers,
            machine=machines.type,
            role=self._role,
            network=Network.of(
                self, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=instance_count
            ),
            network_isolation=network_isolation,
            tags=tags,
        )
        self._own_model = serving if isinstance(serving, StepModel) else None
        self._data = data
        self._manifest = manifest
        self._output = DataLocation.from_step(self, "", content_type=accept, key=output_key)
        self._captured = data_capture.location(self) if data_capture else None
        self._volume_key = volume_key
        self._job = JobName(self.name)
        self._limit = TimeLimit.of(self.label, "timeout", timeout, inherits="job", least=60, most=28 * _DAY)
        assembled = assemble or ("Line" if split == "Line" else "None")
        processing = Processing(input_filter or "", join_input, output_filter or "")
        processing.check(self.label, content_type=data.content_type, accept=accept, split=split, assemble=assembled)
        if data_capture and data_capture.inference_ids:
            check_inference_ids(self.label, accept)
        request: dict[str, Template] = {
            "TransformJobName": self._job,
            "ModelName": serving.name,
            "BatchStrategy": batch_strategy,
            "MaxPayloadInMB": megabytes(self.label, max_payload),
            **({"MaxConcurrentTransforms": max_concurrency} if max_concurrency is not None else {}),
            **client_fields(self.label, invocation_timeout, invocation_retries),
            **({"Environment": as_texts(self.label, "environment", environment)} if environment else {}),
            "TransformInput": {
                "DataSource": {"S3DataSource": s3_source(self.label, data, manifest)},
                **({"ContentType": data.content_type} if data.content_type else {}),
                **({"CompressionType": compression} if compression != "None" else {}),
                "SplitType": split,
            },
            "TransformOutput": {
                "S3OutputPath": self._output.uri,
                "Accept": accept,
                **({"AssembleWith": assembled} if assemble or assembled == "Line" else {}),
                **({"KmsKeyId": output_key.key_arn} if output_key else {}),
            },
            **processing.fields,
            **(data_capture.fields(self) if data_capture else {}),
            "TransformResources": {
                "InstanceType": machines.type,
                "InstanceCount": machines.count,
                **({"VolumeKmsKeyId": volume_key.key_arn} if volume_key else {}),
            },
            **(experiment.fields if experiment else {}),
            **tag_fields(self.label, tags),
        }
        self._request = sagemaker_request(
            self.name, "CreateTransformJob", request, request_overrides, name_field="TransformJobName"
        )
        check_load(self.label, self._request)

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the model."""
        return self._role

    @property
    def output(self) -> DataLocation:
        """Where the answers are: for each object of the data, one with `.out` added to its key."""
        return self._output

    @property
    def captured(self) -> DataLocation:
        """Where the captured data are.

        Raises:
            WorkflowError: the step captures none.
        """
        if self._captured is None:
            raise WorkflowError(
                f"{self.label} captures no data. Give data_capture=BatchDataCapture.to_run_folder(), or "
                ".to_location(...)."
            )
        return self._captured

    @property
    def job_name(self) -> Expression:
        """The name of the transform job."""
        return self.result("job_name", kind="string")

    def fragment(self) -> Fragment:
        """Three states: `Predict: model` (createModel), `Predict` (createTransformJob.sync), `Predict: clean up`.

        With a model that is there already, `Predict` alone.
        """
        model, clean_up = self._own_model, f"{self.name}: clean up"
        job = Task(
            resource="arn:aws:states:::sagemaker:createTransformJob.sync",
            arguments=self._request,
            timeout_seconds=self._limit.seconds(self.timeouts),
            assign={self.variable: {"job_name": completed_name(self.label, "TransformJob")}},
            retry=self.retry.job_retriers(),
            next=EXIT if model is None else clean_up,
        )
        states: dict[str, Task] = {self.name: job}
        if model is not None:
            states = {model.state_name: model.creation(then=self.name), **states, clean_up: model.deletion()}
        return Fragment(states, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the model read the data and write its answers, and the state machine run the job."""
        if self._own_model is not None:
            self._own_model.bind(binding, deletes=True)
        grant_read(self._data.place, self._role, binding.storage)
        if self._manifest is not None:
            grant_read(self._manifest.place, self._role, binding.storage)
        grant_write(self._output.place, self._role, binding.storage)
        if self._captured is not None:
            grant_write(self._captured.place, self._role, binding.storage)
        if self._volume_key is not None:
            grant_disks(self._role, self._volume_key)
        if self._captured is not None:
            # The key of captured data is for the disks, the API says, and for the data, the guide does.
            for key in self._captured.place.own_keys():
                grant_disks(self._role, key)
        allow_job(binding, "TransformJob", self._job)

    def _check_model(
        self, containers: Sequence[ModelContainer], model: Model | None, of_the_model: Sequence[str]
    ) -> None:
        if not (containers or model):
            raise WorkflowError(
                f"{self.label}: nothing says what transforms the data. Give containers=[...], of which the step makes "
                "a model, or model=Model.from_name(...), which is there already."
            )
        if containers and model:
            raise WorkflowError(
                f"{self.label}: containers and model both say what transforms the data. Give one of them."
            )
        if model and of_the_model:
            raise WorkflowError(
                f"{self.label}: model= is there already, with its own {one_of(of_the_model)}. Leave that out, or give "
                "containers= instead."
            )
