"""Batch transform jobs on SageMaker."""

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.containers import ModelContainer
from zflow_constructs.core.asl import Task
from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Condition, Expression
from zflow_constructs.core.fragment import Fragment
from zflow_constructs.core.references import JobName
from zflow_constructs.core.templates import Template
from zflow_constructs.execution_role import execution_role
from zflow_constructs.jobs import completed_name
from zflow_constructs.machines import Machines
from zflow_constructs.model import StepModel
from zflow_constructs.requests import sagemaker_request
from zflow_constructs.retry import Retry
from zflow_constructs.sources import DataLocation
from zflow_constructs.step import Step, StepGroup, whole_seconds
from zflow_constructs.storage import grant_read, grant_write

_DAY = 86_400
_DEFAULT_PAYLOAD = 6
_LARGEST_PAYLOAD = 100


class BatchTransformStep(Step):
    """Runs a model, or a chain of them, over all data of a location: a SageMaker batch transform job, waited for.

    The step creates the model that it needs, and deletes it when the job is done.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs.
        containers: 1 to 15 containers; each one's answer is the next one's request.
        data: what is transformed; its `content_type` tells the containers what they get.
        accept: the MIME type of the answers, and of `output`. Default: text/csv
        split: how objects are cut into records: `Line`, or `None` for an object as one record. Default: Line
        batch_strategy: many records to a request, or one. Default: MultiRecord
        max_payload: the largest request. Default: 6 MiB
        input_filter: JSONPath of what of a record the model gets, such as `$[1:]`. Default: all of it
        join_input: whether each answer is joined to its record. Default: no
        output_filter: JSONPath of what of the (joined) answer is kept, such as `$[0,-1]`. Default: all of it
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        timeout: the job is stopped, and the step fails, after this time. Default: 1 day
        environment: environment variables of the containers in this job. Default: none
        role: the role of the model; the step grants it what it needs. Default: a new one
        retry: whether jobs that fail are started anew. Default: as the workflow says
        request_overrides: fields of CreateTransformJob that have no keyword here, laid over the request. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the model or the job.

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
        containers: Sequence[ModelContainer],
        data: DataLocation,
        accept: str = "text/csv",
        split: Literal["Line", "None", "RecordIO", "TFRecord"] = "Line",
        batch_strategy: Literal["MultiRecord", "SingleRecord"] = "MultiRecord",
        max_payload: Size | None = None,
        input_filter: str | None = None,
        join_input: bool = False,
        output_filter: str | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        timeout: Duration | None = None,
        environment: Mapping[str, Template] | None = None,
        role: iam.IRole | None = None,
        retry: Retry | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, retry=retry, after=after, when=when, optional=optional)
        machines = Machines.of(self.label, instance_type, instance_count)
        self._role = execution_role(self, role, log_group="TransformJobs")
        self._model = StepModel.of(self, containers, machine=machines.type, role=self._role)
        self._data = data
        self._output = DataLocation.from_step(self, "", content_type=accept)
        self._job = JobName(self.name)
        self._seconds = whole_seconds(self.label, "timeout", timeout or Duration.days(1), least=60, most=28 * _DAY)
        payload = int(max_payload.to_mebibytes()) if max_payload else _DEFAULT_PAYLOAD
        if not 1 <= payload <= _LARGEST_PAYLOAD:
            raise WorkflowError(f'Step "{id}": max_payload is {payload} MiB. Give 1 to {_LARGEST_PAYLOAD} MiB.')
        if split == "None" and batch_strategy == "MultiRecord" and join_input:
            raise WorkflowError(
                f'Step "{id}": join_input joins answers to records, but split="None" makes one record of each object. '
                'Set split="Line".'
            )
        request: dict[str, Template] = {
            "TransformJobName": self._job,
            "ModelName": self._model.name,
            "BatchStrategy": batch_strategy,
            "MaxPayloadInMB": payload,
            **({"Environment": dict(environment)} if environment else {}),
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data.uri}},
                **({"ContentType": data.content_type} if data.content_type else {}),
                "SplitType": split,
            },
            "TransformOutput": {
                "S3OutputPath": self._output.uri,
                "Accept": accept,
                **({"AssembleWith": "Line"} if split == "Line" else {}),
            },
            **_data_processing(input_filter, output_filter, join_input=join_input),
            "TransformResources": {"InstanceType": machines.type, "InstanceCount": machines.count},
        }
        self._request = sagemaker_request(
            id, "CreateTransformJob", request, request_overrides, name_field="TransformJobName"
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the model."""
        return self._role

    @property
    def output(self) -> DataLocation:
        """Where the answers are: for each object of the data, one with `.out` added to its key."""
        return self._output

    @property
    def job_name(self) -> Expression:
        """The name of the transform job."""
        return self.result("job_name")

    def fragment(self) -> Fragment:
        """Three states: `Predict: model` (createModel), `Predict` (createTransformJob.sync), `Predict: clean up`."""
        job = Task(
            resource="arn:aws:states:::sagemaker:createTransformJob.sync",
            arguments=self._request,
            timeout_seconds=self._seconds,
            assign={self.variable: {"job_name": completed_name(self.label, "TransformJob")}},
            retry=self.retry.job_retriers(),
            next=f"{self.name}: clean up",
        )
        return Fragment(
            {
                self._model.state_name: self._model.creation(then=self.name),
                self.name: job,
                f"{self.name}: clean up": self._model.deletion(),
            },
            result=self.variable,
        )

    def bind(self, binding: Binding) -> None:
        """Lets the model read the data and write its answers, and the state machine run the job."""
        self._model.bind(binding, deletes=True)
        grant_read(self._data.place, self._role, binding.storage)
        grant_write(self._output.place, self._role, binding.storage)
        binding.allow(
            [
                "sagemaker:CreateTransformJob",
                "sagemaker:DescribeTransformJob",
                "sagemaker:StopTransformJob",
                # Step Functions tags the job as its own.
                "sagemaker:AddTags",
                "sagemaker:ListTags",
            ],
            [binding.job_arn("transform-job", self._job)],
        )
        binding.allow_managed_rule("StepFunctionsGetEventsForSageMakerTransformJobsRule")


def _data_processing(input_filter: str | None, output_filter: str | None, *, join_input: bool) -> dict[str, Template]:
    processing: dict[str, Template] = {
        **({"InputFilter": input_filter} if input_filter else {}),
        **({"JoinSource": "Input"} if join_input else {}),
        **({"OutputFilter": output_filter} if output_filter else {}),
    }
    return {"DataProcessing": processing} if processing else {}
