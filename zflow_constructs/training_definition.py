"""What a training job is made of, whether one step starts it or a tuning job starts many."""

import json
from collections.abc import Mapping

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from zflow_constructs.binding import Binding
from zflow_constructs.containers import ContainerImage
from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Expression
from zflow_constructs.core.templates import Scalar, Template
from zflow_constructs.execution_role import SAGEMAKER, execution_role, grant_disks, grant_pull
from zflow_constructs.hyperparameters import hyperparameter
from zflow_constructs.machines import Machines
from zflow_constructs.sources import DataLocation, SourceCode
from zflow_constructs.step import Step, whole_seconds
from zflow_constructs.storage import grant_read, grant_read_asset, grant_write

_DAY = 86_400
# What SageMaker needs besides the running time itself, to start and to stop the machines.
_AROUND_THE_RUN = 15 * 60


class TrainingDefinition:
    """What a training job is made of: container, script, data, machines and role.

    Args:
        step: the step that owns it.
        image: the container that trains.
        channels: the input data by channel name.
        code: the script. `None`: the image trains by itself
        hyperparameters: the fixed ones.
        metrics: for each metric, the regular expression that finds it in the log.
        instance_type: the machine. `None`: m5.large
        instance_count: how many machines.
        volume_size: the disk of each. `None`: 30 GiB
        max_runtime: how long a job may run. `None`: 1 day
        environment: environment variables.
        role: the role of the jobs. `None`: a new one
        volume_key: what the disks are encrypted with. Default: SageMaker's own key

    Raises:
        WorkflowError: the image needs a script, or SageMaker would refuse the machines or the time.
    """

    def __init__(
        self,
        step: Step,
        *,
        image: ContainerImage,
        channels: Mapping[str, DataLocation],
        code: SourceCode | None,
        hyperparameters: Mapping[str, Scalar | Expression],
        metrics: Mapping[str, str],
        instance_type: ec2.InstanceType | None,
        instance_count: int,
        volume_size: Size | None,
        max_runtime: Duration | None,
        environment: Mapping[str, Template],
        role: iam.IRole | None,
        volume_key: kms.IKey | None = None,
    ) -> None:
        machines = Machines.of(step.label, instance_type, instance_count)
        self._image = image.bind(step, purpose="training", machine=machines.type)
        if code is None and self._image.needs_script:
            raise WorkflowError(
                f"{step.label}: a framework image trains with a script of yours. "
                "Give code=SourceCode.from_file(...) or SourceCode.from_directory(...)."
            )
        self._channels = dict(channels)
        self._output_path = DataLocation.from_step(step, "")
        self._code = [code.packed(step, "Code")] if code else []
        self._seconds = whole_seconds(
            step.label, "max_runtime", max_runtime or Duration.days(1), least=1, most=28 * _DAY
        )
        self._volume_keys = [volume_key] if volume_key else []
        self._role = execution_role(step, role, log_group="TrainingJobs")
        script: dict[str, Template] = (
            {
                "sagemaker_program": json.dumps(code.entry_point),
                "sagemaker_submit_directory": self._code[0].s3_object_url,
            }
            if code
            else {}
        )
        self._hyperparameters = {**{n: hyperparameter(v) for n, v in hyperparameters.items()}, **script}
        definitions = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
        self._fields: dict[str, Template] = {
            "RoleArn": self._role.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self._image.uri,
                "TrainingInputMode": "File",
                **({"MetricDefinitions": definitions} if definitions else {}),
            },
            **({"InputDataConfig": [_channel(n, location) for n, location in channels.items()]} if channels else {}),
            "OutputDataConfig": {"S3OutputPath": self._output_path.uri},
            "ResourceConfig": {
                "InstanceType": machines.type,
                "InstanceCount": machines.count,
                "VolumeSizeInGB": int((volume_size or Size.gibibytes(30)).to_gibibytes()),
                **({"VolumeKmsKeyId": volume_key.key_arn} if volume_key else {}),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self._seconds},
            **({"Environment": dict(environment)} if environment else {}),
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
    def max_runtime(self) -> int:
        """How long a job may run, in seconds."""
        return self._seconds

    def time_limit(self, request: Mapping[str, Template]) -> int:
        """How long to wait for a job, in seconds: on spot machines with the time that it waits for them.

        Args:
            request: the object that has the `StoppingCondition`, which may have been overridden.
        """
        match request.get("StoppingCondition"):
            case {"MaxWaitTimeInSeconds": int(seconds)} | {"MaxRuntimeInSeconds": int(seconds)}:
                return seconds + _AROUND_THE_RUN
        return self._seconds + _AROUND_THE_RUN

    def bind(self, binding: Binding) -> None:
        """Lets the jobs read their channels and code and write their models, and the state machine hand on the role.

        Args:
            binding: the workflow.
        """
        grant_pull(self._role, [self._image])
        for asset in self._code:
            grant_read_asset(asset, self._role)
        for location in self._channels.values():
            grant_read(location.place, self._role, binding.storage)
        grant_write(self._output_path.place, self._role, binding.storage)
        grant_disks(self._role, self._volume_keys)
        binding.allow_pass(self._role, SAGEMAKER)


def _channel(name: str, location: DataLocation) -> Template:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": location.uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        **({"ContentType": location.content_type} if location.content_type else {}),
    }
