"""The channels of a training job: what the request says of each, and what the job's role may read."""

from collections.abc import Mapping

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import OWN_IMAGE, bucket, data, network, stack
from tests.templates import Synthesized, reads
from zflow_constructs.core.values.templates import Json


def made(scope: Stack, channel: zflow.TrainingChannel) -> tuple[Mapping[str, Json], list[Mapping[str, Json]]]:
    """The channel in the request, and what the job's role may do about S3 in the lake."""
    group = ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")
    step = zflow.TrainingStep(
        scope, "Train", image=OWN_IMAGE, channels={"train": channel}, vpc=network(scope), security_groups=[group]
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    template = Synthesized.of(scope)
    channels = mapping(template.state("Train")["Arguments"])["InputDataConfig"]
    assert isinstance(channels, list)
    statements = [each for each in template.statements(step.role) if "arn:aws:s3:::lake" in str(each["Resource"])]
    return mapping(channels[0]), statements


def test_a_location_says_no_more_than_it_must() -> None:
    scope = stack()
    channel, granted = made(scope, zflow.TrainingChannel.from_location(data(scope)))
    assert channel == {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://lake/applications/",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "ContentType": "text/csv",
    }
    assert granted == reads("lake", "applications/*")


def test_a_location_is_streamed_shuffled_to_machines_that_share_it() -> None:
    scope = stack()
    channel, _ = made(
        scope,
        zflow.TrainingChannel.from_location(
            data(scope),
            input_mode="Pipe",
            distribution="ShardedByS3Key",
            shuffle_seed=0,
            compression="Gzip",
            record_wrapper="RecordIO",
        ),
    )
    assert channel == {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://lake/applications/",
                "S3DataDistributionType": "ShardedByS3Key",
            }
        },
        "ContentType": "text/csv",
        "CompressionType": "Gzip",
        "RecordWrapperType": "RecordIO",
        "InputMode": "Pipe",
        "ShuffleConfig": {"Seed": 0},
    }


@pytest.mark.parametrize(
    ("attribute_names", "kind", "more"),
    [
        ([], "ManifestFile", {}),
        (["source-ref", "class"], "AugmentedManifestFile", {"RecordWrapperType": "RecordIO", "InputMode": "Pipe"}),
    ],
    ids=["plain", "augmented"],
)
def test_a_manifest_is_read_and_what_it_lists(
    attribute_names: list[str], kind: str, more: Mapping[str, object]
) -> None:
    scope = stack()
    manifest = zflow.DataLocation.from_bucket(bucket(scope), "monday.manifest")
    channel, granted = made(
        scope,
        zflow.TrainingChannel.from_manifest(manifest, data=data(scope), attribute_names=attribute_names),
    )
    assert channel == {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": kind,
                "S3Uri": "s3://lake/monday.manifest",
                "S3DataDistributionType": "FullyReplicated",
                **({"AttributeNames": attribute_names} if attribute_names else {}),
            }
        },
        "ContentType": "text/csv",
        **more,
    }
    assert granted == [*reads("lake", "monday.manifest*"), *reads("lake", "applications/*")]


def test_a_directory_of_lustre_is_mounted() -> None:
    channel, granted = made(
        stack(), zflow.TrainingChannel.from_fsx("fs-0123456789abcdef0", "/mount/history", content_type="text/csv")
    )
    assert channel == {
        "ChannelName": "train",
        "DataSource": {
            "FileSystemDataSource": {
                "FileSystemId": "fs-0123456789abcdef0",
                "FileSystemType": "FSxLustre",
                "FileSystemAccessMode": "ro",
                "DirectoryPath": "/mount/history",
            }
        },
        "ContentType": "text/csv",
    }
    assert granted == []


def test_a_directory_of_efs_is_mounted_to_be_written() -> None:
    scope = stack()
    file_system = efs.FileSystem.from_file_system_attributes(
        scope,
        "History",
        file_system_id="fs-0123456789abcdef0",
        security_group=ec2.SecurityGroup.from_security_group_id(scope, "Mounts", "sg-2"),
    )
    channel, _ = made(scope, zflow.TrainingChannel.from_efs(file_system, "/history", read_only=False))
    assert channel == {
        "ChannelName": "train",
        "DataSource": {
            "FileSystemDataSource": {
                "FileSystemId": "fs-0123456789abcdef0",
                "FileSystemType": "EFS",
                "FileSystemAccessMode": "rw",
                "DirectoryPath": "/history",
            }
        },
    }
