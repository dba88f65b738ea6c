"""What a training job is made of, whether one step starts it or a tuning job starts many."""

from collections.abc import Mapping

from aws_cdk import Size
from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import Place, grant_read, grant_write
from zflow_constructs.sagemaker.images.containers import BoundImage
from zflow_constructs.sagemaker.jobs.execution_role import execution_role, grant_disks, grant_pull
from zflow_constructs.sagemaker.jobs.job_limit import job_limit
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.training.channels import TrainingChannel, channel_fields
from zflow_constructs.sagemaker.training.instance_groups import TrainingMachines
from zflow_constructs.sagemaker.training.script import CODE, TrainingScript
from zflow_constructs.sagemaker.training.settings import TrainingSettings
from zflow_constructs.sagemaker.training.spot import Checkpoints, spot_fields
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step
from zflow_constructs.steps.time_limit import TimeLimit
from zflow_constructs.steps.timeouts import Timeouts

_DAY = 86_400


class TrainingDefinition:
    """What a training job is made of: container, script, data, instances, network, keys and role.

    Args:
        step: The step that owns it.
        settings: What its training jobs are made of, as the user declared it.
        overrides: What the step lays over the definition's fields.

    Raises:
        WorkflowError: The image needs a script, or SageMaker would refuse the channels, the instances or the time.
    """

    def __init__(self, step: Step, settings: TrainingSettings, *, overrides: Mapping[str, Template]) -> None:
        machines = TrainingMachines.of(
            step.label,
            instance_type=settings.instance_type,
            instance_count=settings.instance_count,
            instance_groups=settings.instance_groups,
        )
        self._label = step.label
        self._settings = settings
        self._image = settings.image.bind(step, purpose="training", machine=machines.type)
        _check_script(step.label, self._image, settings)
        self._script = (
            None if settings.code is None else TrainingScript(step, settings.code, isolated=settings.network_isolation)
        )
        self._channels = {
            **{name: _channel(given) for name, given in settings.channels.items()},
            **({} if self._script is None else self._script.channels),
        }
        self._output = DataLocation.from_step(step, "", key=settings.output_key)
        self._limit = job_limit(step.label, settings.max_runtime, overrides=overrides, most=28 * _DAY)
        self._role = execution_role(step, settings.role, log_group="TrainingJobs")
        self._checkpoints = Checkpoints(step) if settings.checkpoints else None
        self._network = Network.of(
            step,
            vpc=settings.vpc,
            subnets=settings.subnets,
            security_groups=settings.security_groups,
            instance_count=machines.count,
        )
        self._fields = self._rendered(step, machines)

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the jobs."""
        return self._role

    @property
    def hyperparameters(self) -> Mapping[str, Template]:
        """The fixed hyperparameters, those that name the script included."""
        return {
            **as_texts(
                self._label,
                "hyperparameters",
                self._settings.hyperparameters,
                decoded=self.decodes_hyperparameters,
            ),
            **({} if self._script is None else self._script.hyperparameters),
        }

    @property
    def decodes_hyperparameters(self) -> bool:
        """Whether the container decodes hyperparameters as JSON: AWS's frameworks do, where they run a script."""
        runs_script = self._script is not None or not self._image.framework
        return self._image.json_hyperparameters and runs_script

    @property
    def fields(self) -> Mapping[str, Template]:
        """The fields that CreateTrainingJob and a tuning job's definition have in common."""
        return self._fields

    @property
    def models(self) -> Place:
        """Where the models are, and what they are encrypted with."""
        return self._output.place

    @property
    def limit(self) -> TimeLimit:
        """How long a job may run."""
        return self._limit

    def wait_seconds(self, request: Mapping[str, Template], timeouts: Timeouts) -> int:
        """How long to wait for a job, in seconds: on spot machines with the time that it waits for them.

        Args:
            request: the object that has the `StoppingCondition` and `RetryStrategy`, which may have been overridden.
            timeouts: Those of the workflow.
        """
        starts, around = 1, timeouts.around_a_job_seconds
        match request.get("RetryStrategy"):
            case {"MaximumRetryAttempts": int(retries)}:
                starts += retries
        match request.get("StoppingCondition"):
            case {"MaxWaitTimeInSeconds": int(seconds)}:
                return seconds + around
            case {"MaxRuntimeInSeconds": int(seconds)}:
                # The running time is that of all attempts together.
                return seconds + starts * around
        return self._limit.seconds(timeouts) + starts * around

    def bind(self, binding: Binding) -> None:
        """Lets the jobs read their channels and code, and write their models.

        Args:
            binding: the workflow.
        """
        grant_pull(self._role, [self._image])
        if self._script is not None:
            self._script.grant(self._role)
        for channel in self._channels.values():
            for place in channel.places:
                grant_read(place, self._role, binding.storage)
        grant_write(self._output.place, self._role, binding.storage)
        if self._settings.volume_key is not None:
            grant_disks(self._role, self._settings.volume_key)
        if self._checkpoints is not None:
            self._checkpoints.bind(binding, self._role)
        if self._network is not None:
            self._network.grant(self._role)

    def _rendered(self, step: Step, machines: TrainingMachines) -> dict[str, Template]:
        settings = self._settings
        seconds = self._limit.seconds(step.timeouts)
        metrics = [{"Name": name, "Regex": regex} for name, regex in settings.metrics.items()]
        retries = settings.max_retry_attempts
        return {
            "RoleArn": self._role.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self._image.uri,
                "TrainingInputMode": settings.input_mode,
                **({"MetricDefinitions": metrics} if metrics else {}),
            },
            **channel_fields(
                step.label,
                self._channels,
                input_mode=settings.input_mode,
                instance_groups=machines.groups,
                in_vpc=settings.vpc is not None,
            ),
            "OutputDataConfig": {
                "S3OutputPath": self._output.uri,
                **({"KmsKeyId": settings.output_key.key_arn} if settings.output_key else {}),
            },
            "ResourceConfig": {
                **machines.fields,
                "VolumeSizeInGB": int((settings.volume_size or Size.gibibytes(30)).to_gibibytes()),
                **({"VolumeKmsKeyId": settings.volume_key.key_arn} if settings.volume_key else {}),
                **machines.keep_alive_fields(step.label, settings.keep_alive, spot=settings.spot),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
            **(
                {"Environment": as_texts(step.label, "environment", settings.environment)}
                if settings.environment
                else {}
            ),
            **spot_fields(step.label, spot=settings.spot, max_wait=settings.max_wait, max_runtime=seconds),
            **(self._checkpoints.fields if self._checkpoints else {}),
            **(self._network.fields if self._network else {}),
            **({"EnableNetworkIsolation": True} if settings.network_isolation else {}),
            **({"EnableInterContainerTrafficEncryption": True} if settings.encrypt_traffic else {}),
            **({} if retries is None else {"RetryStrategy": {"MaximumRetryAttempts": retries}}),
        }


def _check_script(owner: str, image: BoundImage, settings: TrainingSettings) -> None:
    if settings.code is None and image.needs_script:
        raise WorkflowError(
            f"{owner}: a framework image trains with a script of yours. "
            "Give code=SourceCode.from_file(...) or SourceCode.from_directory(...)."
        )
    image.check_script(owner, given=settings.code is not None)
    if settings.network_isolation and settings.code is not None and CODE in settings.channels:
        raise WorkflowError(
            f'{owner}: with network_isolation the channel "{CODE}" hands the container its script. Rename yours.'
        )


def _channel(given: DataLocation | TrainingChannel) -> TrainingChannel:
    return TrainingChannel.from_location(given) if isinstance(given, DataLocation) else given
