"""Processing jobs on SageMaker."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.containers import ContainerImage
from zflow_constructs.core.asl import Task
from zflow_constructs.core.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.fragment import Fragment
from zflow_constructs.core.references import JobName
from zflow_constructs.core.templates import Scalar, Template
from zflow_constructs.execution_role import SAGEMAKER, execution_role, grant_pull
from zflow_constructs.hyperparameters import hyperparameter
from zflow_constructs.jobs import completed_name
from zflow_constructs.machines import Machines
from zflow_constructs.outputs import Outputs
from zflow_constructs.processing_container import CODE, check_names, input_folder, output_folder, program
from zflow_constructs.reports import Reports
from zflow_constructs.requests import sagemaker_request
from zflow_constructs.retry import Retry
from zflow_constructs.sources import DataLocation, SourceCode
from zflow_constructs.step import Step, StepGroup, whole_seconds
from zflow_constructs.storage import grant_read, grant_read_asset, grant_write

_LONGEST = 777_600
# What SageMaker needs besides the running time itself, to start and to stop the machines.
_AROUND_THE_RUN = 15 * 60


class ProcessingStep(Step):
    """Runs a script, or a container, over data: a SageMaker processing job, waited for.

    The job finds each input in `/opt/ml/processing/input/<name>`; what it writes to `/opt/ml/processing/output/<name>`
    becomes an output. Its script lies in `/opt/ml/processing/input/code`, which is also its working directory; a
    `requirements.txt` beside it is installed first.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs.
        image: the container: one of AWS's frameworks, `spark` among them, or your own.
        code: the script, run by Python, or submitted to Spark in its images. Default: the image runs by itself
        entrypoint: what is run instead of a script. Default: the image's own
        arguments: handed to the script, as strings. Default: none
        inputs: the data that it reads, by name. Default: none
        outputs: the names of what it writes: each a folder of the run's own, `step.outputs[name]`. Default: none
        content_type: the MIME type of the outputs. Default: text/csv
        reports: JSON files of the outputs by name, such as `{"metrics": "evaluation/metrics.json"}`, for `report`.
            Default: none
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        volume_size: the disk of each. Default: 30 GiB
        max_runtime: the job is stopped, and the step fails, after this time. Default: 1 day
        environment: environment variables. Default: none
        role: the role of the job; the step grants it what it needs. Default: a new one
        retry: whether jobs that fail are started anew. Default: as the workflow says
        request_overrides: fields of CreateProcessingJob that have no keyword here, laid over the request. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the job.

    Example:
        evaluate = ProcessingStep(self, "Evaluate", image=ContainerImage.from_framework("sklearn", "1.2-1"),
                                  code=SourceCode.from_file("evaluate.py"), inputs={"scores": predict.output},
                                  outputs=["evaluation"], reports={"metrics": "evaluation/metrics.json"})
        deploy = InferencePipelineEndpoint(self, "Deploy", ..., when=evaluate.report("metrics.auc.value") >= 0.8)
    """

    kind = "SageMaker processing"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ContainerImage,
        code: SourceCode | None = None,
        entrypoint: Sequence[str] = (),
        arguments: Sequence[Scalar | Expression] = (),
        inputs: Mapping[str, DataLocation] | None = None,
        outputs: Sequence[str] = (),
        content_type: str = "text/csv",
        reports: Mapping[str, str] | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        volume_size: Size | None = None,
        max_runtime: Duration | None = None,
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
        self._image = image.bind(self, purpose="processing", machine=machines.type)
        runs = program(self.label, self._image, code, entrypoint)
        check_names(self.label, "input", list(inputs or {}))
        check_names(self.label, "output", outputs)
        self._inputs = dict(inputs or {})
        self._outputs = Outputs(
            self.name, {name: DataLocation.from_step(self, name, content_type=content_type) for name in outputs}
        )
        self._reports = Reports(self, reports or {}, self._outputs)
        self._job = JobName(self.name)
        self._code = [code.packed(self, "Code")] if code else []
        self._seconds = whole_seconds(
            self.label, "max_runtime", max_runtime or Duration.days(1), least=1, most=_LONGEST
        )
        self._role = execution_role(self, role, log_group="ProcessingJobs")
        read = [
            *(input_folder(name, location.uri) for name, location in self._inputs.items()),
            *(input_folder(CODE, asset.s3_object_url) for asset in self._code),
        ]
        written = [output_folder(name, location.uri) for name, location in self._outputs.items()]
        request: dict[str, Template] = {
            "ProcessingJobName": self._job,
            "RoleArn": self._role.role_arn,
            "AppSpecification": {
                "ImageUri": self._image.uri,
                **runs,
                **({"ContainerArguments": [hyperparameter(value) for value in arguments]} if arguments else {}),
            },
            **({"ProcessingInputs": read} if read else {}),
            **({"ProcessingOutputConfig": {"Outputs": written}} if outputs else {}),
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": machines.type,
                    "InstanceCount": machines.count,
                    "VolumeSizeInGB": int((volume_size or Size.gibibytes(30)).to_gibibytes()),
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self._seconds},
            **({"Environment": dict(environment)} if environment else {}),
        }
        self._request = sagemaker_request(
            self.name, "CreateProcessingJob", request, request_overrides, name_field="ProcessingJobName"
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the job."""
        return self._role

    @property
    def outputs(self) -> Mapping[str, DataLocation]:
        """What the job writes, by name."""
        return self._outputs

    @property
    def job_name(self) -> Expression:
        """The name of the processing job."""
        return self.result("job_name")

    def report(self, path: str) -> Expression:
        """A field of a report that the job wrote, read when the job has ended.

        A report has 256 KiB at most, Step Functions' limit; only what is read of it stays in the execution. The step
        fails if the report or the field is not there.

        Args:
            path: the report's name and those of the fields, from the outside in.

        Raises:
            WorkflowError: the step has no such report, or no field is named.

        Example:
            `evaluate.report("metrics.auc.value") >= 0.8`
        """
        return self._reports.field(path)

    def fragment(self) -> Fragment:
        """`Evaluate` (createProcessingJob.sync), then `Evaluate: report metrics` (getObject) if it is read."""
        task = Task(
            resource="arn:aws:states:::sagemaker:createProcessingJob.sync",
            arguments=self._request,
            timeout_seconds=self._longest() + _AROUND_THE_RUN,
            assign={self.variable: {"job_name": completed_name(self.label, "ProcessingJob")}},
            retry=self.retry.job_retriers(),
            next=self._reports.start,
        )
        reading = self._reports.states({"job_name": Jsonata(f"${self.variable}.job_name")})
        return Fragment({self.name: task, **dict(reading)}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the job read its inputs and write its outputs, and the state machine run it and read its reports."""
        grant_pull(self._role, [self._image])
        for asset in self._code:
            grant_read_asset(asset, self._role)
        for location in self._inputs.values():
            grant_read(location.place, self._role, binding.storage)
        for location in self._outputs.values():
            grant_write(location.place, self._role, binding.storage)
        binding.allow(
            [
                "sagemaker:CreateProcessingJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:StopProcessingJob",
                # Step Functions tags the job as its own.
                "sagemaker:AddTags",
                "sagemaker:ListTags",
            ],
            [binding.job_arn("processing-job", self._job)],
        )
        binding.allow_pass(self._role, SAGEMAKER)
        binding.allow_managed_rule("StepFunctionsGetEventsForSageMakerProcessingJobsRule")
        self._reports.bind(binding)

    def _longest(self) -> int:
        match self._request.get("StoppingCondition"):
            case {"MaxRuntimeInSeconds": int(seconds)}:
                return seconds
        return self._seconds
