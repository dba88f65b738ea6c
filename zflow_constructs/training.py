"""Training jobs on SageMaker."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.containers import ContainerImage
from zflow_constructs.core.asl import Task
from zflow_constructs.core.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.fragment import Fragment
from zflow_constructs.core.references import JobName
from zflow_constructs.core.templates import Scalar, Template
from zflow_constructs.jobs import completed_name
from zflow_constructs.network import Network
from zflow_constructs.requests import sagemaker_request
from zflow_constructs.retry import Retry
from zflow_constructs.sources import DataLocation, ModelData, SourceCode
from zflow_constructs.spot import Checkpoints, spot_fields
from zflow_constructs.step import Step, StepGroup
from zflow_constructs.storage import RunPlace
from zflow_constructs.training_definition import TrainingDefinition


class TrainingStep(Step):
    """Trains a model: a SageMaker training job, waited for.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs.
        image: the container that trains.
        channels: the input data by channel name; each is a folder in the container.
        code: the script, for a framework image. Default: the image trains by itself
        hyperparameters: handed to the script as `--name value`, or to the algorithm. Default: none
        metrics: for each metric, the regular expression whose only group is its value in the log. Default: none
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        volume_size: the disk of each. Default: 30 GiB
        volume_key: what the disks are encrypted with; machines with disks of their own, such as g5, take none. What the
            job writes into the workflow's bucket is encrypted as that says. Default: SageMaker's own key
        max_runtime: the job is stopped, and the step fails, after this time. Default: 1 day
        spot: whether the job takes spot machines, which cost less, come late, and may be taken away. Default: no
        max_wait: how long a job on spot machines may take, the wait for them and the run together. SageMaker allows its
            own algorithms that write no checkpoints an hour. Default: twice max_runtime, 28 days at most
        checkpoints: whether what is written into /opt/ml/checkpoints is kept in the run's folder, where this job, when
            it was interrupted, and those that retry and redrive it find it. Default: no
        vpc: the VPC that the job runs in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the job. Default: a new one, which only the job's own machines get into
        network_isolation: whether the container can't reach any network. It can't fetch `code` then. Default: no
        encrypt_traffic: whether what the job's machines tell each other is encrypted. Default: no
        environment: environment variables. Default: none
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
        channels: Mapping[str, DataLocation],
        code: SourceCode | None = None,
        hyperparameters: Mapping[str, Scalar | Expression] | None = None,
        metrics: Mapping[str, str] | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        volume_size: Size | None = None,
        volume_key: kms.IKey | None = None,
        max_runtime: Duration | None = None,
        spot: bool = False,
        max_wait: Duration | None = None,
        checkpoints: bool = False,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        encrypt_traffic: bool = False,
        environment: Mapping[str, Template] | None = None,
        role: iam.IRole | None = None,
        retry: Retry | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, retry=retry, after=after, when=when, optional=optional)
        if network_isolation and code is not None:
            raise WorkflowError(
                f"{self.label}: with network_isolation the container can't fetch its code from S3. "
                "Put the script into an image of your own, or run the job in a vpc."
            )
        self._definition = TrainingDefinition(
            self,
            image=image,
            channels=channels,
            code=code,
            hyperparameters=hyperparameters or {},
            metrics=metrics or {},
            instance_type=instance_type,
            instance_count=instance_count,
            volume_size=volume_size,
            max_runtime=max_runtime,
            environment=environment or {},
            role=role,
            volume_key=volume_key,
        )
        self._checkpoints = [Checkpoints(self)] if checkpoints else []
        self._network = Network.of(
            self, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=instance_count
        )
        self._metrics = dict(metrics or {})
        self._read_metrics: list[str] = []
        self._job = JobName(self.name)
        request: dict[str, Template] = {
            "TrainingJobName": self._job,
            **self._definition.fields,
            **spot_fields(self.label, spot=spot, max_wait=max_wait, max_runtime=self._definition.max_runtime),
            **(self._checkpoints[0].fields if checkpoints else {}),
            **(self._network[0].fields if self._network else {}),
            **({"EnableNetworkIsolation": True} if network_isolation else {}),
            **({"EnableInterContainerTrafficEncryption": True} if encrypt_traffic else {}),
            "HyperParameters": self._definition.hyperparameters,
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
        return ModelData(self.result("model_data"), RunPlace(self.name))

    @property
    def job_name(self) -> Expression:
        """The name of the training job."""
        return self.result("job_name")

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
        return self.result("metrics", name)

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
        task = Task(
            resource="arn:aws:states:::sagemaker:createTrainingJob.sync",
            arguments=self._request,
            timeout_seconds=self._definition.time_limit(self._request),
            assign={self.variable: result},
            retry=self.retry.job_retriers(),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the job read its channels and code and write its model, and the state machine run the job."""
        jobs = [binding.job_arn("training-job", self._job)]
        binding.allow(
            [
                "sagemaker:CreateTrainingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:StopTrainingJob",
                # Step Functions tags the job as its own.
                "sagemaker:AddTags",
                "sagemaker:ListTags",
            ],
            jobs,
        )
        self._definition.bind(binding)
        for each in self._checkpoints:
            each.bind(binding, self.role)
        for network in self._network:
            network.grant(self.role)
        binding.allow_managed_rule("StepFunctionsGetEventsForSageMakerTrainingJobsRule")

    def _metric_value(self, name: str) -> Expression:
        missing = json.dumps(f'Step "{self.name}" ended, but its log holds no value of the metric "{name}".')
        found = f"[$states.result.FinalMetricDataList[MetricName = {json.dumps(name)}].Value]"
        return Jsonata(f"$count({found}) = 0 ? $error({missing}) : {found}[0]")
