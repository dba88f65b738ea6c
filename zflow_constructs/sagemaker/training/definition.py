"""What a training job is made of, whether one step starts it or a tuning job starts many."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Scalar, Template
from zflow_constructs.data.sources import DataLocation, SourceCode
from zflow_constructs.data.storage import Place, grant_read, grant_write
from zflow_constructs.sagemaker.images.containers import ContainerImage
from zflow_constructs.sagemaker.jobs.execution_role import SAGEMAKER, execution_role, grant_disks, grant_pull
from zflow_constructs.sagemaker.jobs.hyperparameters import hyperparameter
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.training.channels import InputMode, TrainingChannel, channel_fields
from zflow_constructs.sagemaker.training.instance_groups import InstanceGroup, TrainingMachines
from zflow_constructs.sagemaker.training.script import CODE, TrainingScript
from zflow_constructs.sagemaker.training.spot import Checkpoints, spot_fields
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step

_DAY = 86_400


class TrainingDefinition:
    """What a training job is made of: container, script, data, machines, network, keys and role.

    Args:
        step: the step that owns it.
        image: the container that trains.
        channels: the input data by channel name.
        input_mode: how the container gets the channels that don't say.
        code: the script. `None`: the image trains by itself
        hyperparameters: the fixed ones.
        metrics: for each metric, the regular expression that finds it in the log.
        instance_type: the machine. `None`: m5.large
        instance_count: how many machines.
        volume_size: the disk of each. `None`: 30 GiB
        volume_key: what the disks are encrypted with. `None`: SageMaker's own key
        max_runtime: how long a job may run. `None`: 1 day
        max_retry_attempts: how often SageMaker starts a job again that it failed itself. `None`: never
        spot: whether jobs take spot machines.
        max_wait: how long to wait and to run, together. `None`: twice max_runtime
        vpc: the VPC that the jobs run in. `None`: SageMaker's own
        subnets: which of its subnets. `None`: the private ones
        security_groups: those of the jobs. Empty: a new one
        network_isolation: whether the containers can't reach any network.
        encrypt_traffic: whether what a job's machines tell each other is encrypted.
        output_key: what the models are encrypted with. `None`: as the workflow's bucket says
        environment: environment variables.
        role: the role of the jobs. `None`: a new one
        instance_groups: machines of several types. Default: all are of one
        keep_alive: how long machines wait for the next job. Default: not at all
        checkpoints: whether checkpoints are kept. Default: no

    Raises:
        WorkflowError: the image needs a script, or SageMaker would refuse the channels, the machines or the time.
    """

    def __init__(
        self,
        step: Step,
        *,
        image: ContainerImage,
        channels: Mapping[str, DataLocation | TrainingChannel],
        input_mode: InputMode,
        code: SourceCode | None,
        hyperparameters: Mapping[str, Scalar | Expression],
        metrics: Mapping[str, str],
        instance_type: ec2.InstanceType | None,
        instance_count: int,
        volume_size: Size | None,
        volume_key: kms.IKey | None,
        max_runtime: Duration | None,
        max_retry_attempts: int | None,
        spot: bool,
        max_wait: Duration | None,
        vpc: ec2.IVpc | None,
        subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup],
        network_isolation: bool,
        encrypt_traffic: bool,
        output_key: kms.IKey | None,
        environment: Mapping[str, Template],
        role: iam.IRole | None,
        instance_groups: Sequence[InstanceGroup] = (),
        keep_alive: Duration | None = None,
        checkpoints: bool = False,
    ) -> None:
        machines = TrainingMachines.of(
            step.label, instance_type=instance_type, instance_count=instance_count, instance_groups=instance_groups
        )
        self._image = image.bind(step, purpose="training", machine=machines.type)
        if code is None and self._image.needs_script:
            raise WorkflowError(
                f"{step.label}: a framework image trains with a script of yours. "
                "Give code=SourceCode.from_file(...) or SourceCode.from_directory(...)."
            )
        self._image.check_script(step.label, given=code is not None)
        if network_isolation and code is not None and CODE in channels:
            raise WorkflowError(
                f'{step.label}: with network_isolation the channel "{CODE}" hands the container its script. '
                "Rename yours."
            )
        self._scripts = [TrainingScript(step, code, isolated=network_isolation)] if code else []
        self._channels = {name: _channel(given) for name, given in channels.items()}
        for script in self._scripts:
            self._channels |= script.channels
        self._output = DataLocation.from_step(step, "", key=output_key)
        self._seconds = whole_seconds(
            step.label, "max_runtime", max_runtime or Duration.days(1), least=1, most=28 * _DAY
        )
        self._volume_keys = [volume_key] if volume_key else []
        self._role = execution_role(step, role, log_group="TrainingJobs")
        self._checkpoints = [Checkpoints(step)] if checkpoints else []
        self._networks = Network.of(
            step, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=machines.count
        )
        self._hyperparameters = {n: hyperparameter(v) for n, v in hyperparameters.items()}
        for script in self._scripts:
            self._hyperparameters |= script.hyperparameters
        definitions = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
        self._fields: dict[str, Template] = {
            "RoleArn": self._role.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self._image.uri,
                "TrainingInputMode": input_mode,
                **({"MetricDefinitions": definitions} if definitions else {}),
            },
            **channel_fields(
                step.label,
                self._channels,
                input_mode=input_mode,
                instance_groups=machines.groups,
                in_vpc=vpc is not None,
            ),
            "OutputDataConfig": {
                "S3OutputPath": self._output.uri,
                **({"KmsKeyId": output_key.key_arn} if output_key else {}),
            },
            "ResourceConfig": {
                **machines.fields,
                "VolumeSizeInGB": int((volume_size or Size.gibibytes(30)).to_gibibytes()),
                **({"VolumeKmsKeyId": volume_key.key_arn} if volume_key else {}),
                **machines.keep_alive_fields(step.label, keep_alive, spot=spot),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self._seconds},
            **({"Environment": dict(environment)} if environment else {}),
            **spot_fields(step.label, spot=spot, max_wait=max_wait, max_runtime=self._seconds),
            **(self._checkpoints[0].fields if checkpoints else {}),
            **(self._networks[0].fields if self._networks else {}),
            **({"EnableNetworkIsolation": True} if network_isolation else {}),
            **({"EnableInterContainerTrafficEncryption": True} if encrypt_traffic else {}),
            **({} if max_retry_attempts is None else {"RetryStrategy": {"MaximumRetryAttempts": max_retry_attempts}}),
        }

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the jobs."""
        return self._role

    @property
    def hyperparameters(self) -> Mapping[str, Template]:
        """The fixed hyperparameters, those that name the script included."""
        return self._hyperparameters

    @property
    def fields(self) -> Mapping[str, Template]:
        """The fields that CreateTrainingJob and a tuning job's definition have in common."""
        return self._fields

    @property
    def models(self) -> Place:
        """Where the models are, and what they are encrypted with."""
        return self._output.place

    def time_limit(self, request: Mapping[str, Template], around: int) -> int:
        """How long to wait for a job, in seconds: on spot machines with the time that it waits for them.

        Args:
            request: the object that has the `StoppingCondition` and `RetryStrategy`, which may have been overridden.
            around: what SageMaker may take besides, to start and to stop the machines, in seconds.
        """
        starts = 1
        match request.get("RetryStrategy"):
            case {"MaximumRetryAttempts": int(retries)}:
                starts += retries
        match request.get("StoppingCondition"):
            case {"MaxWaitTimeInSeconds": int(seconds)}:
                return seconds + around
            case {"MaxRuntimeInSeconds": int(seconds)}:
                # The running time is that of all attempts together.
                return seconds + starts * around
        return self._seconds + starts * around

    def bind(self, binding: Binding) -> None:
        """Lets the jobs read their channels and code and write their models, and the state machine hand on the role.

        Args:
            binding: the workflow.
        """
        grant_pull(self._role, [self._image])
        for script in self._scripts:
            script.grant(self._role)
        for channel in self._channels.values():
            for place in channel.places:
                grant_read(place, self._role, binding.storage)
        grant_write(self._output.place, self._role, binding.storage)
        grant_disks(self._role, self._volume_keys)
        for checkpoints in self._checkpoints:
            checkpoints.bind(binding, self._role)
        for network in self._networks:
            network.grant(self._role)
        binding.allow_pass(self._role, SAGEMAKER)


def _channel(given: DataLocation | TrainingChannel) -> TrainingChannel:
    return TrainingChannel.from_location(given) if isinstance(given, DataLocation) else given
