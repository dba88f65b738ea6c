"""The channels of a training job: where each one's data is, and how the container gets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, Distribution
from zflow_constructs.data.storage import Place

if TYPE_CHECKING:
    # Few use it, and it takes 30 ms to load.
    from aws_cdk import aws_efs as efs

InputMode: TypeAlias = Literal["File", "Pipe", "FastFile"]


@dataclass(frozen=True)
class TrainingChannel:
    """The data of a channel, and how the container gets it: what a `DataLocation` alone doesn't say.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html

    Args:
        fields: the channel in the request, without its name.
        places: where its objects are, for permissions. Default: it has none
        file_system: the file system that it is in. Default: it is in S3
        instance_groups: the instance groups that get it. Default: all

    Example:
        `TrainingChannel.from_location(history, input_mode="FastFile", distribution="ShardedByS3Key")`
    """

    fields: Mapping[str, Template]
    places: tuple[Place, ...] = ()
    file_system: str = ""
    instance_groups: tuple[str, ...] = ()

    @classmethod
    def from_location(
        cls,
        data: DataLocation,
        *,
        input_mode: InputMode | None = None,
        distribution: Distribution = "FullyReplicated",
        shuffle_seed: int | None = None,
        compression: Literal["None", "Gzip"] = "None",
        record_wrapper: Literal["None", "RecordIO"] = "None",
        instance_groups: Sequence[str] = (),
    ) -> "TrainingChannel":
        """Objects in S3: all those below a prefix.

        Args:
            data: the objects.
            input_mode: `File` copies them before the job starts, `FastFile` shows them as files that are read when they
                are opened, `Pipe` streams them. Default: the job's
            distribution: whether each machine gets all objects, or its share of them. Default: FullyReplicated
            shuffle_seed: what the objects' order is shuffled by. Default: it is not
            compression: what SageMaker unpacks in a pipe. Default: None
            record_wrapper: what SageMaker makes a record of each object in a pipe with. Default: None
            instance_groups: the names of the instance groups that get it. Default: all
        """
        source = _s3_source("S3Prefix", data, distribution, instance_groups)
        fields: dict[str, Template] = {
            **_described(source, data.content_type),
            **({"CompressionType": compression} if compression != "None" else {}),
            **({"RecordWrapperType": record_wrapper} if record_wrapper != "None" else {}),
            **({"InputMode": input_mode} if input_mode else {}),
            **_shuffled(shuffle_seed),
        }
        return cls(fields, (data.place,), instance_groups=tuple(instance_groups))

    @classmethod
    def from_manifest(
        cls,
        manifest: DataLocation,
        *,
        data: DataLocation,
        attribute_names: Sequence[str] = (),
        input_mode: InputMode | None = None,
        distribution: Distribution = "FullyReplicated",
        shuffle_seed: int | None = None,
        instance_groups: Sequence[str] = (),
    ) -> "TrainingChannel":
        """The objects that a manifest in S3 lists.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html

        Args:
            manifest: the manifest, a single object.
            data: where the objects that it lists are, for permissions; their `content_type`.
            attribute_names: those of an augmented manifest, whose lines a pipe has as records. Default: a plain one
            input_mode: as of `from_location`. Default: the job's; a pipe for an augmented manifest
            distribution: whether each machine gets all objects, or its share of them. Default: FullyReplicated
            shuffle_seed: what their order is shuffled by. Default: it is not
            instance_groups: the names of the instance groups that get it. Default: all

        Raises:
            WorkflowError: an augmented manifest is not for a pipe.
        """
        mode = input_mode or ("Pipe" if attribute_names else None)
        if attribute_names and mode != "Pipe":
            raise WorkflowError(
                f'TrainingChannel: an augmented manifest is read in a pipe alone. Remove input_mode="{input_mode}", or '
                "the attribute_names."
            )
        kind = "AugmentedManifestFile" if attribute_names else "ManifestFile"
        source = _s3_source(kind, manifest, distribution, instance_groups)
        if attribute_names:
            source["AttributeNames"] = list(attribute_names)
        fields: dict[str, Template] = {
            **_described(source, data.content_type),
            **({"RecordWrapperType": "RecordIO"} if attribute_names else {}),
            **({"InputMode": mode} if mode else {}),
            **_shuffled(shuffle_seed),
        }
        return cls(fields, (manifest.place, data.place), instance_groups=tuple(instance_groups))

    @classmethod
    def from_fsx(
        cls, file_system_id: str, directory_path: str, *, read_only: bool = True, content_type: str = ""
    ) -> "TrainingChannel":
        """A directory of a file system of FSx for Lustre, mounted in the container.

        The job runs in a VPC, with security groups of yours that may reach the file system.

        Args:
            file_system_id: the file system, such as `fs-0123456789abcdef0`.
            directory_path: the directory, from the root: it begins with the file system's mount name.
            read_only: whether the job can't write there. Default: yes
            content_type: the MIME type of the files. Default: not said

        Raises:
            WorkflowError: the directory is not named from the root.
        """
        return _mounted("FSxLustre", file_system_id, directory_path, read_only=read_only, content_type=content_type)

    @classmethod
    def from_efs(
        cls, file_system: "efs.IFileSystem", directory_path: str, *, read_only: bool = True, content_type: str = ""
    ) -> "TrainingChannel":
        """A directory of a file system of EFS, mounted in the container.

        The job runs in a VPC, with security groups of yours that may reach the file system. The step grants nothing: a
        file system without a policy asks for no permission. One whose policy does is yours to grant,
        `file_system.grant_read(train.role)`.

        Args:
            file_system: the file system.
            directory_path: the directory, from the root.
            read_only: whether the job can't write there. Default: yes
            content_type: the MIME type of the files. Default: not said

        Raises:
            WorkflowError: the directory is not named from the root.
        """
        return _mounted(
            "EFS", file_system.file_system_id, directory_path, read_only=read_only, content_type=content_type
        )


def channel_fields(
    owner: str,
    channels: Mapping[str, TrainingChannel],
    *,
    input_mode: InputMode,
    instance_groups: Sequence[str],
    in_vpc: bool,
) -> dict[str, Template]:
    """`{"InputDataConfig": [{"ChannelName": "train", "DataSource": {...}}]}`, or nothing without channels.

    Args:
        owner: the step, for messages: `Step "Train"`.
        channels: the channels by name.
        input_mode: that of channels which don't say.
        instance_groups: the names of the job's instance groups.
        in_vpc: whether the job runs in a VPC.

    Raises:
        WorkflowError: a channel asks for what the job doesn't have.
    """
    for name, channel in channels.items():
        label = f'{owner}: the channel "{name}"'
        if channel.file_system and not in_vpc:
            raise WorkflowError(
                f"{label} is in {channel.file_system}, which is reached in a VPC alone. Give vpc=..., and "
                "security_groups=[...] that may reach it."
            )
        mode = channel.fields.get("InputMode", input_mode)
        for field, keyword in (("CompressionType", "compression"), ("RecordWrapperType", "record_wrapper")):
            if field in channel.fields and mode != "Pipe":
                raise WorkflowError(
                    f'{label} has {keyword}="{channel.fields[field]}", which is for pipes, and is read in {mode} mode. '
                    f'Set input_mode="Pipe", or remove {keyword}.'
                )
        for group in channel.instance_groups:
            if group not in instance_groups:
                raise WorkflowError(
                    f'{label} is for the instance group "{group}", which the job doesn\'t have.'
                    f"{did_you_mean(group, instance_groups)} It has: {one_of(instance_groups) or 'none'}."
                )
    listed = [{"ChannelName": name, **channel.fields} for name, channel in channels.items()]
    return {"InputDataConfig": listed} if listed else {}


def _s3_source(
    kind: str, location: DataLocation, distribution: Distribution, instance_groups: Sequence[str]
) -> dict[str, Template]:
    return {
        "S3DataType": kind,
        "S3Uri": location.uri,
        "S3DataDistributionType": distribution,
        **({"InstanceGroupNames": list(instance_groups)} if instance_groups else {}),
    }


def _described(source: Mapping[str, Template], content_type: str) -> dict[str, Template]:
    return {
        "DataSource": {"S3DataSource": source},
        **({"ContentType": content_type} if content_type else {}),
    }


def _shuffled(seed: int | None) -> dict[str, Template]:
    return {} if seed is None else {"ShuffleConfig": {"Seed": seed}}


def _mounted(
    kind: Literal["EFS", "FSxLustre"], id: str, directory_path: str, *, read_only: bool, content_type: str
) -> TrainingChannel:
    if not directory_path.startswith("/"):
        raise WorkflowError(
            f'TrainingChannel: directory_path is "{directory_path}". Give the path from the file system\'s root, such '
            f'as "/{directory_path}".'
        )
    fields: dict[str, Template] = {
        "DataSource": {
            "FileSystemDataSource": {
                "FileSystemId": id,
                "FileSystemType": kind,
                "FileSystemAccessMode": "ro" if read_only else "rw",
                "DirectoryPath": directory_path,
            }
        },
        **({"ContentType": content_type} if content_type else {}),
    }
    return TrainingChannel(fields, file_system=f"a file system of {kind}")
