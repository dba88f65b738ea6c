"""Training jobs on SageMaker."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, ModelData, SourceCode
from zflow_constructs.requests.aws import sagemaker_request
from zflow_constructs.sagemaker.images.containers import ContainerImage
from zflow_constructs.sagemaker.jobs.experiment import ExperimentConfig
from zflow_constructs.sagemaker.jobs.job_fields import completed_name, tag_fields
from zflow_constructs.sagemaker.jobs.job_limit import within
from zflow_constructs.sagemaker.jobs.job_rights import allow_job
from zflow_constructs.sagemaker.training.channels import InputMode, TrainingChannel
from zflow_constructs.sagemaker.training.definition import TrainingDefinition
from zflow_constructs.sagemaker.training.instance_groups import InstanceGroup
from zflow_constructs.sagemaker.training.settings import TrainingSettings
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup


class TrainingStep(Step):
    """Trains a model: a SageMaker training job, waited for.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs.
        image: the container that trains.
        channels: the input data by channel name; each is a folder in the container. A `TrainingChannel` says more than
            where the data is: how the container gets it, in part or as a whole, or a file system.
        input_mode: how the container gets the channels that don't say. Default: File, copied before the job starts
        code: the script, for a framework image. Default: the image trains by itself
        hyperparameters: Handed to the script as `--name value`, or to the algorithm: texts, numbers, True and False,
            lists and dicts, which are JSON, and outputs. None leaves one out. Default: none
        metrics: for each metric, the regular expression whose only group is its value in the log. Default: none
        experiment: the experiment that the job belongs to. Default: none
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        instance_groups: machines of several types, instead of both. The first decides between an image for CPUs and one
            for GPUs. Default: all are of one type
        volume_size: the disk of each. Default: 30 GiB
        volume_key: what the disks are encrypted with; machines with disks of their own, such as g5, take none. What the
            job writes into the workflow's bucket is encrypted as that says. Default: SageMaker's own key
        keep_alive: how long the machines are kept, and paid, for the next job of the same kind, which starts sooner:
            6 hours at most. Default: not at all
        max_runtime: the job is stopped, and the step fails, after this time. Default: as the workflow says, 1 day
        max_retry_attempts: how often SageMaker starts the job again, under its name and within max_runtime, when a
            fault of SageMaker's own ended it: 1 to 30. `retry` is for all failures, and starts new jobs. Default: never
        spot: whether the job takes spot machines, which cost less, come late, and may be taken away. Default: no
        max_wait: how long a job on spot machines may take, the wait for them and the run together. SageMaker allows its
            own algorithms that write no checkpoints an hour. Default: twice max_runtime, 28 days at most
        checkpoints: whether what is written into /opt/ml/checkpoints is kept in the run's folder, where this job, when
            it was interrupted, and those that retry and redrive it find it. Default: no
        vpc: the VPC that the job runs in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the job. Default: a new one, which only the job's own machines get into
        network_isolation: whether the container can't reach any network. SageMaker hands it `code` as a channel of that
            name; a requirements.txt in it can't be installed. Default: no
        encrypt_traffic: whether what the job's machines tell each other is encrypted. Default: no
        output_key: what the model is encrypted with; steps that use the model may decrypt it. Default: as the
            workflow's bucket says
        environment: Environment variables, written as text like hyperparameters. Default: none
        tags: the job's tags, which roles and bills go by. Default: none
        role: the role of the job; the step grants it what it needs. Default: a new one
        retry: whether jobs that fail are started anew. Default: as the workflow says
        request_overrides: fields of CreateTrainingJob that have no keyword here, laid over the request. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the job.

    Example:
        train = TrainingStep(self, "Train", image=ContainerImage.from_framework("xgboost", "1.7-1"),
                             code=SourceCode.from_directory("classifier", entry_point="train.py"),
                             channels={"train": preprocess.output})
    """

    kind = "SageMaker training"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ContainerImage,
        channels: Mapping[str, DataLocation | TrainingChannel],
        input_mode: InputMode = "File",
        code: SourceCode | None = None,
        hyperparameters: Mapping[str, Template] | None = None,
        metrics: Mapping[str, str] | None = None,
        experiment: ExperimentConfig | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        instance_groups: Sequence[InstanceGroup] = (),
        volume_size: Size | None = None,
        volume_key: kms.IKey | None = None,
        keep_alive: Duration | None = None,
        max_runtime: Duration | None = None,
        max_retry_attempts: int | None = None,
        spot: bool = False,
        max_wait: Duration | None = None,
        checkpoints: bool = False,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        encrypt_traffic: bool = False,
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
        settings = TrainingSettings(
            image=image,
            channels=channels,
            input_mode=input_mode,
            code=code,
            hyperparameters=hyperparameters or {},
            metrics=metrics or {},
            instance_type=instance_type,
            instance_count=instance_count,
            instance_groups=instance_groups,
            volume_size=volume_size,
            volume_key=volume_key,
            keep_alive=keep_alive,
            max_runtime=max_runtime,
            max_retry_attempts=max_retry_attempts,
            spot=spot,
            max_wait=max_wait,
            checkpoints=checkpoints,
            vpc=vpc,
            subnets=subnets,
            security_groups=security_groups,
            network_isolation=network_isolation,
            encrypt_traffic=encrypt_traffic,
            output_key=output_key,
            environment=environment or {},
            role=role,
        )
        self._definition = TrainingDefinition(self, settings, overrides=request_overrides or {})
        self._metrics = dict(metrics or {})
        self._read_metrics: list[str] = []
        self._job = JobName(self.name)
        request: dict[str, Template] = {
            "TrainingJobName": self._job,
            **self._definition.fields,
            "HyperParameters": self._definition.hyperparameters,
            **(experiment.fields if experiment else {}),
            **tag_fields(self.label, tags),
        }
        self._request = sagemaker_request(
            id, "CreateTrainingJob", request, request_overrides, name_field="TrainingJobName"
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the job."""
        return self._definition.role

    @property
    def model_data(self) -> ModelData:
        """The trained model, for the steps that use it."""
        return ModelData(self.result("model_data", kind="string"), self._definition.models)

    @property
    def job_name(self) -> Expression:
        """The name of the training job."""
        return self.result("job_name", kind="string")

    def metric(self, name: str) -> Expression:
        """The last value of a metric that the job printed.

        Args:
            name: one of the `metrics` of this step.

        Raises:
            WorkflowError: the step has no such metric.

        Example:
            `train.metric("validation:auc") >= 0.75`
        """
        if name not in self._metrics:
            raise WorkflowError(
                f'Step "{self.name}" has no metric "{name}".{did_you_mean(name, self._metrics)} '
                f"It has: {one_of(self._metrics) or 'none'}. Declare it in metrics={{name: regular expression}}."
            )
        if name not in self._read_metrics:
            self._read_metrics.append(name)
        return self.result("metrics", name, kind="number")

    def fragment(self) -> Fragment:
        """One state: `{"Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "Arguments": {...}}`."""
        result: dict[str, Template] = {
            "job_name": completed_name(self.label, "TrainingJob"),
            "model_data": Jsonata("$states.result.ModelArtifacts.S3ModelArtifacts"),
            **(
                {"metrics": {name: self._metric_value(name) for name in self._read_metrics}}
                if self._read_metrics
                else {}
            ),
        }
        request = within(self._request, self._definition.limit, self.timeouts)
        task = Task(
            resource="arn:aws:states:::sagemaker:createTrainingJob.sync",
            arguments=request,
            timeout_seconds=self._definition.wait_seconds(request, self.timeouts),
            assign={self.variable: result},
            retry=self.retry.job_retriers(),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the job read its channels and code and write its model, and the state machine run the job."""
        self._definition.bind(binding)
        allow_job(binding, "TrainingJob", self._job, role=self._definition.role)

    def _metric_value(self, name: str) -> Expression:
        missing = json.dumps(f'Step "{self.name}" ended, but its log holds no value of the metric "{name}".')
        found = f"[$states.result.FinalMetricDataList[MetricName = {json.dumps(name)}].Value]"
        return Jsonata(f"$count({found}) = 0 ? $error({missing}) : {found}[0]")
