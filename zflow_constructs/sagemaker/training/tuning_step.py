"""Hyperparameter tuning on SageMaker: many training jobs, and the best of them."""

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import JobName, field_path
from zflow_constructs.core.values.syntax import Call, If
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, ModelData, SourceCode
from zflow_constructs.requests.aws import sagemaker_request
from zflow_constructs.sagemaker.images.containers import ContainerImage
from zflow_constructs.sagemaker.jobs.hyperparameters import Range
from zflow_constructs.sagemaker.jobs.job_fields import tag_fields, tuned_name
from zflow_constructs.sagemaker.jobs.job_limit import within
from zflow_constructs.sagemaker.jobs.job_rights import allow_job
from zflow_constructs.sagemaker.training.channels import InputMode, TrainingChannel
from zflow_constructs.sagemaker.training.definition import TrainingDefinition
from zflow_constructs.sagemaker.training.search import Objective, Search, Strategy, WarmStart
from zflow_constructs.sagemaker.training.settings import TrainingSettings
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup

_LONGEST_WAIT = 99_999_999
_BEST = "$states.result.BestTrainingJob"


class TuningStep(Step):
    """Searches the best hyperparameters: a SageMaker tuning job, waited for, and the model of its best training job.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its jobs, as far as 32 characters go.
        image: the container that trains.
        channels: the input data by channel name; each is a folder in the container. A `TrainingChannel` says more than
            where the data is: how the container gets it, in part or as a whole, or a file system.
        ranges: what is searched, by hyperparameter: `ContinuousRange`, `IntegerRange` or `CategoricalRange`.
        maximize: the objective metric, if more of it is better. Default: `minimize` is given
        minimize: the objective metric, if less of it is better. Default: `maximize` is given
        strategy: how the ranges are searched. Default: Bayesian
        max_jobs: how many training jobs. Default: 10; with Grid one for each combination
        max_parallel_jobs: how many of them at once. A Bayesian search learns more from few. Default: 1
        early_stopping: whether training jobs are stopped that won't get better than others. Default: no
        warm_start: the tuning jobs to go on from. Default: none
        input_mode: how the container gets the channels that don't say. Default: File, copied before a job starts
        code: the script, for a framework image. Default: the image trains by itself
        hyperparameters: The fixed ones: texts, numbers, True and False, lists and
            dicts, which are JSON, and outputs. None leaves one out. Default: none
        metrics: for each metric, the regular expression whose only group is its value in the log; AWS's own algorithms
            have theirs. Default: none
        instance_type: the machine of each training job. Default: m5.large
        instance_count: how many machines. Default: 1
        volume_size: the disk of each. Default: 30 GiB
        volume_key: what the disks are encrypted with; machines with disks of their own, such as g5, take none.
            Default: SageMaker's own key
        max_runtime: each training job is stopped after this time. Default: as the workflow says, 1 day
        max_retry_attempts: how often SageMaker starts a training job again, under its name and within max_runtime, when
            a fault of SageMaker's own ended it: 1 to 30. Default: never
        spot: whether training jobs take spot machines, which cost less, come late, and may be taken away; a job then
            begins anew. Default: no
        max_wait: how long a training job on spot machines may take, the wait for them and the run together. SageMaker
            allows its own algorithms that write no checkpoints an hour. Default: twice max_runtime, 28 days at most
        vpc: the VPC that the jobs run in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the jobs. Default: a new one, which only the jobs' own machines get into
        network_isolation: whether the containers can't reach any network. SageMaker hands them `code` as a channel of
            that name; a requirements.txt in it can't be installed. Default: no
        encrypt_traffic: whether what a job's machines tell each other is encrypted. Default: no
        output_key: what the models are encrypted with; steps that use the best may decrypt it. Default: as the
            workflow's bucket says
        environment: Environment variables, written as text like hyperparameters. Default: none
        tags: those of the tuning job and its training jobs, which roles and bills go by. Default: none
        role: the role of the jobs; the step grants it what it needs. Default: a new one
        retry: whether tuning jobs that fail are started anew. Default: as the workflow says
        request_overrides: fields of CreateHyperParameterTuningJob that have no keyword here, laid over the request.
            Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the job.

    Example:
        tune = TuningStep(self, "Tune", image=ContainerImage.from_framework("xgboost", "1.7-1"),
                          channels={"train": train, "validation": holdout}, hyperparameters={"num_round": 100},
                          ranges={"eta": ContinuousRange(1e-3, 1, scale="Logarithmic")}, maximize="validation:auc")
    """

    kind = "SageMaker tuning"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ContainerImage,
        channels: Mapping[str, DataLocation | TrainingChannel],
        ranges: Mapping[str, Range],
        maximize: str | None = None,
        minimize: str | None = None,
        strategy: Strategy = "Bayesian",
        max_jobs: int | None = None,
        max_parallel_jobs: int = 1,
        early_stopping: bool = False,
        warm_start: WarmStart | None = None,
        input_mode: InputMode = "File",
        code: SourceCode | None = None,
        hyperparameters: Mapping[str, Template] | None = None,
        metrics: Mapping[str, str] | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        volume_size: Size | None = None,
        volume_key: kms.IKey | None = None,
        max_runtime: Duration | None = None,
        max_retry_attempts: int | None = None,
        spot: bool = False,
        max_wait: Duration | None = None,
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
        overridden = (request_overrides or {}).get("TrainingJobDefinition")
        for name in hyperparameters or {}:
            if name in ranges:
                raise WorkflowError(
                    f'{self.label}: "{name}" is fixed in hyperparameters and searched in ranges. Remove it from one.'
                )
        self._search = Search(
            self.label,
            ranges=dict(ranges),
            objective=Objective.of(self.label, maximize=maximize, minimize=minimize, metrics=metrics or {}),
            strategy=strategy,
            max_jobs=max_jobs,
            parallel=max_parallel_jobs,
            early_stopping=early_stopping,
        )
        if code is not None and not metrics:
            raise WorkflowError(
                f"{self.label}: SageMaker finds the objective in the log of your script. Declare how: "
                f'metrics={{"{self._search.objective.metric}": regular expression}}.'
            )
        settings = TrainingSettings(
            image=image,
            channels=channels,
            input_mode=input_mode,
            code=code,
            hyperparameters=hyperparameters or {},
            metrics=metrics or {},
            instance_type=instance_type,
            instance_count=instance_count,
            volume_size=volume_size,
            volume_key=volume_key,
            max_runtime=max_runtime,
            max_retry_attempts=max_retry_attempts,
            spot=spot,
            max_wait=max_wait,
            vpc=vpc,
            subnets=subnets,
            security_groups=security_groups,
            network_isolation=network_isolation,
            encrypt_traffic=encrypt_traffic,
            output_key=output_key,
            environment=environment or {},
            role=role,
        )
        self._definition = TrainingDefinition(
            self, settings, overrides=overridden if isinstance(overridden, Mapping) else {}
        )
        self._read_hyperparameters: list[str] = []
        self._job = JobName(self.name, max_length=32)
        request: dict[str, Template] = {
            "HyperParameterTuningJobName": self._job,
            "HyperParameterTuningJobConfig": self._search.config(decoded=self._definition.decodes_hyperparameters),
            "TrainingJobDefinition": {
                **self._definition.fields,
                "StaticHyperParameters": self._definition.hyperparameters,
            },
            **({"WarmStartConfig": warm_start.render()} if warm_start else {}),
            **tag_fields(self.label, tags),
        }
        self._request = sagemaker_request(
            self.name,
            "CreateHyperParameterTuningJob",
            request,
            request_overrides,
            name_field="HyperParameterTuningJobName",
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the jobs."""
        return self._definition.role

    @property
    def model_data(self) -> ModelData:
        """The model of the best training job, for the steps that use it."""
        return ModelData(self.result("model_data", kind="string"), self._definition.models)

    @property
    def job_name(self) -> Expression:
        """The name of the tuning job, for a `WarmStart`."""
        return self.result("job_name", kind="string")

    @property
    def best_job_name(self) -> Expression:
        """The name of the best training job."""
        return self.result("best_job_name", kind="string")

    @property
    def best_metric(self) -> Expression:
        """The value of the objective metric that the best training job reached.

        Example:
            `when=tune.best_metric >= 0.75`
        """
        return self.result("best_metric", kind="number")

    def best_hyperparameter(self, name: str) -> Expression:
        """A hyperparameter of the best training job: a number where its range has numbers, else a string.

        Args:
            name: one of the `ranges` of this step.

        Raises:
            WorkflowError: the step doesn't search it.

        Example:
            `hyperparameters={"eta": tune.best_hyperparameter("eta")}`
        """
        if name not in self._search.ranges:
            raise WorkflowError(
                f'{self.label} doesn\'t search the hyperparameter "{name}".{did_you_mean(name, self._search.ranges)} '
                f"It searches: {one_of(self._search.ranges)}."
            )
        if name not in self._read_hyperparameters:
            self._read_hyperparameters.append(name)
        return self.result("hyperparameters", name, kind="number" if self._search.ranges[name].numeric else "scalar")

    def fragment(self) -> Fragment:
        """One state: `{"Resource": "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync", ...}`."""
        # The description of a tuning job doesn't name the best model; its place follows from its job's name.
        path = "$states.result.TrainingJobDefinition.OutputDataConfig.S3OutputPath"
        model = f'$replace({path}, /\\/$/, "") & "/" & {_BEST}.TrainingJobName & "/output/model.tar.gz"'
        result: dict[str, Template] = {
            "job_name": tuned_name(self.label),
            "best_job_name": Jsonata(f"{_BEST}.TrainingJobName"),
            "best_metric": Jsonata(f"{_BEST}.FinalHyperParameterTuningJobObjectiveMetric.Value"),
            "model_data": Jsonata(model),
            **(
                {"hyperparameters": {name: self._best_value(name) for name in self._read_hyperparameters}}
                if self._read_hyperparameters
                else {}
            ),
        }
        requested = cast("Mapping[str, Template]", self._request["TrainingJobDefinition"])
        definition = within(requested, self._definition.limit, self.timeouts)
        request = {**self._request, "TrainingJobDefinition": definition}
        task = Task(
            resource="arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync",
            arguments=request,
            timeout_seconds=self._wait_seconds(definition),
            assign={self.variable: result},
            retry=self.retry.job_retriers(),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the jobs read their channels and code and write their models, and the state machine run the tuning."""
        self._definition.bind(binding)
        allow_job(binding, "HyperParameterTuningJob", self._job, role=self._definition.role)

    def _best_value(self, name: str) -> Expression:
        value = Jsonata(field_path(f"{_BEST}.TunedHyperParameters", name))
        if self._search.ranges[name].numeric:
            return Call("number", (value,))
        quoted = Call("substring", (value, 0, 1)) == '"'
        return If(quoted, Call("parse", (value,)), value) if self._definition.decodes_hyperparameters else value

    def _wait_seconds(self, definition: Mapping[str, Template]) -> int:
        """As long as its training jobs may take, if each takes as long as it may."""
        each = self._definition.wait_seconds(definition, self.timeouts)
        return min((self._search.rounds + 1) * each, _LONGEST_WAIT)
