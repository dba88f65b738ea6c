"""Processing jobs on SageMaker."""

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.sources import DataLocation, SourceCode
from zflow_constructs.data.storage import grant_read, grant_read_asset, grant_write
from zflow_constructs.requests.aws import sagemaker_request
from zflow_constructs.sagemaker.images.containers import ContainerImage
from zflow_constructs.sagemaker.jobs.execution_role import execution_role, grant_disks, grant_pull
from zflow_constructs.sagemaker.jobs.experiment import ExperimentConfig
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.sagemaker.jobs.job_fields import completed_name, tag_fields
from zflow_constructs.sagemaker.jobs.job_limit import job_limit, within
from zflow_constructs.sagemaker.jobs.job_rights import allow_job
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.processing.container import (
    CODE,
    asset_input,
    check_names,
    output_folder,
    program,
    words,
)
from zflow_constructs.sagemaker.processing.inputs import ProcessingInput, as_input
from zflow_constructs.sagemaker.processing.spark_options import CONFIGURATION, EVENTS, SparkOptions
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.reports import Reports
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup

_LONGEST = 777_600
_EVENT_LOGS = "spark-event-logs"


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
        arguments: Handed to the script as words, in their order: texts as they are, numbers and true or false as in
            JSON, lists and dicts as JSON. Default: none
        inputs: the data that it reads, by name; `ProcessingInput.from_location(...)` shares them out among machines.
            Default: none
        outputs: the names of what it writes: each a folder of the run's own, `step.outputs[name]`. Default: none
        upload_mode: when it is uploaded: at the `EndOfJob`, if it succeeds, or `Continuous`, while it is written.
            Default: EndOfJob
        content_type: the MIME type of the outputs. Default: text/csv
        reports: JSON files of the outputs by name, such as `{"metrics": "evaluation/metrics.json"}`, for `report`.
            Default: none
        spark: how the script is submitted to Spark. Default: as the image says
        spark_event_logs: where Spark's event logs go, for its history server. Default: nowhere
        experiment: the experiment that the job belongs to. Default: none
        instance_type: the machine. Default: m5.large
        instance_count: how many machines: in Spark's images a cluster, in others each runs the script. Default: 1
        volume_size: the disk of each. Default: 30 GiB
        max_runtime: the job is stopped, and the step fails, after this time. Default: as the workflow says, 1 day
        vpc: the VPC that the job runs in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the job. Default: a new one, which only the job's own machines get into
        network_isolation: whether the container can't reach any network. SageMaker brings it its data and its script
            all the same, but what `requirements.txt` names can't be installed. Default: no
        encrypt_traffic: whether what the job's machines tell each other is encrypted. Default: no
        volume_key: what the disks are encrypted with; machines with disks of their own, such as g5, take none.
            Default: SageMaker's own key
        output_key: what the outputs are encrypted with; steps that use them may decrypt them. Default: as the bucket
            says
        environment: Environment variables, written as text like hyperparameters. Default: none
        tags: the tags of the job. Default: none
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
        arguments: Sequence[Template] = (),
        inputs: Mapping[str, DataLocation | ProcessingInput] | None = None,
        outputs: Sequence[str] = (),
        upload_mode: Literal["Continuous", "EndOfJob"] = "EndOfJob",
        content_type: str = "text/csv",
        reports: Mapping[str, str] | None = None,
        spark: SparkOptions | None = None,
        spark_event_logs: DataLocation | None = None,
        experiment: ExperimentConfig | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        volume_size: Size | None = None,
        max_runtime: Duration | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        encrypt_traffic: bool = False,
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
        self._image = image.bind(self, purpose="processing", machine=machines.type)
        submitted = spark or SparkOptions()
        if (spark or spark_event_logs) and not (code and self._image.framework == "spark"):
            raise WorkflowError(
                f"{self.label}: spark and spark_event_logs are for scripts that are submitted to Spark. Give "
                'image=ContainerImage.from_framework("spark", ...) and code=, or leave them out.'
            )
        if network_isolation and code and (code.root / "requirements.txt").is_file():
            raise WorkflowError(
                f"{self.label}: with network_isolation, what requirements.txt names can't be fetched. Put it into an "
                "image of your own, or run the job in a vpc."
            )
        if output_key and not outputs:
            raise WorkflowError(
                f"{self.label}: output_key is for outputs, and there are none. Name them in outputs=[...]."
            )
        runs = program(
            self.label,
            self._image,
            code,
            entrypoint,
            options=[
                *(["--local-spark-event-logs-dir", EVENTS] if spark_event_logs else []),
                *(submitted.arguments(self.label, code) if code else []),
            ],
            configured=bool(submitted.configuration),
        )
        self._inputs = {name: as_input(given) for name, given in (inputs or {}).items()}
        self._assets = {
            **({CODE: code.packed(self, "Code")} if code else {}),
            **({CONFIGURATION: submitted.asset(self)} if submitted.configuration else {}),
        }
        check_names(self.label, "input", list(self._inputs), taken=[CODE, *self._assets])
        check_names(self.label, "output", outputs, taken=[_EVENT_LOGS] if spark_event_logs else [])
        self._outputs = Outputs(
            self.name,
            {name: DataLocation.from_step(self, name, content_type=content_type, key=output_key) for name in outputs},
        )
        self._event_logs = spark_event_logs
        self._reports = Reports(self, reports or {}, self._outputs)
        self._job = JobName(self.name)
        self._limit = job_limit(self.label, max_runtime, overrides=request_overrides or {}, most=_LONGEST)
        self._network = Network.of(
            self, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=instance_count
        )
        self._volume_key = volume_key
        self._role = execution_role(self, role, log_group="ProcessingJobs")
        read = [
            *(given.render(self.label, name) for name, given in self._inputs.items()),
            *(asset_input(name, asset.s3_object_url) for name, asset in self._assets.items()),
        ]
        written = [output_folder(name, each.uri, upload_mode=upload_mode) for name, each in self._outputs.items()]
        if spark_event_logs is not None:
            written.append(output_folder(_EVENT_LOGS, spark_event_logs.uri, upload_mode="Continuous", folder=EVENTS))
        network: dict[str, Template] = {
            **({"EnableInterContainerTrafficEncryption": True} if encrypt_traffic else {}),
            **({"EnableNetworkIsolation": True} if network_isolation else {}),
            **(self._network.fields if self._network else {}),
        }
        request: dict[str, Template] = {
            "ProcessingJobName": self._job,
            "RoleArn": self._role.role_arn,
            "AppSpecification": {
                "ImageUri": self._image.uri,
                **runs,
                **({"ContainerArguments": words(self.label, arguments)} if arguments else {}),
            },
            **({"ProcessingInputs": read} if read else {}),
            **(
                {
                    "ProcessingOutputConfig": {
                        "Outputs": written,
                        **({"KmsKeyId": output_key.key_arn} if output_key else {}),
                    }
                }
                if written
                else {}
            ),
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": machines.type,
                    "InstanceCount": machines.count,
                    "VolumeSizeInGB": int((volume_size or Size.gibibytes(30)).to_gibibytes()),
                    **({"VolumeKmsKeyId": volume_key.key_arn} if volume_key else {}),
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self._limit.seconds(self.timeouts)},
            **({"Environment": as_texts(self.label, "environment", environment)} if environment else {}),
            **({"NetworkConfig": network} if network else {}),
            **(experiment.fields if experiment else {}),
            **tag_fields(self.label, tags),
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
        return self.result("job_name", kind="string")

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

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what is read of its reports."""
        return self._reports.are_read

    def fragment(self) -> Fragment:
        """`Evaluate` (createProcessingJob.sync), then `Evaluate: report metrics` (getObject) if it is read."""
        request = within(self._request, self._limit, self.timeouts)
        task = Task(
            resource="arn:aws:states:::sagemaker:createProcessingJob.sync",
            arguments=request,
            timeout_seconds=self._longest(request) + self.timeouts.around_a_job_seconds,
            assign={self.variable: {"job_name": completed_name(self.label, "ProcessingJob")}},
            retry=self.retry.job_retriers(),
            next=self._reports.start,
        )
        reading = self._reports.states({"job_name": Jsonata(f"${self.variable}.job_name")})
        return Fragment({self.name: task, **dict(reading)}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the job read its inputs and write its outputs, and the state machine run it and read its reports."""
        grant_pull(self._role, [self._image])
        for asset in self._assets.values():
            grant_read_asset(asset, self._role)
        for given in self._inputs.values():
            for location in given.locations:
                grant_read(location.place, self._role, binding.storage)
        for location in self._outputs.values():
            grant_write(location.place, self._role, binding.storage)
        if self._event_logs is not None:
            grant_write(self._event_logs.place, self._role, binding.storage)
        if self._volume_key is not None:
            grant_disks(self._role, self._volume_key)
        if self._network is not None:
            self._network.grant(self._role)
        allow_job(binding, "ProcessingJob", self._job, role=self._role)
        self._reports.bind(binding)

    def _longest(self, request: Mapping[str, Template]) -> int:
        match request.get("StoppingCondition"):
            case {"MaxRuntimeInSeconds": int(seconds)}:
                return seconds
        return self._limit.seconds(self.timeouts)
