"""Wrong uses of training, each with the whole of what its user is told."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2

import zflow_constructs as zflow
from tests.parts import TRAIN_CODE, XGBOOST, data, stack

REFUSED = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html"
CPU, GPU = ec2.InstanceType("c5.xlarge"), ec2.InstanceType("g5.xlarge")
FSX = zflow.TrainingChannel.from_fsx("fs-0123456789abcdef0", "/mount/history")


def train(
    scope: Stack,
    *,
    channels: Mapping[str, zflow.DataLocation | zflow.TrainingChannel] | None = None,
    instance_type: ec2.InstanceType | None = None,
    instance_count: int = 1,
    instance_groups: Sequence[zflow.InstanceGroup] = (),
    keep_alive: Duration | None = None,
    max_retry_attempts: int | None = None,
    spot: bool = False,
    network_isolation: bool = False,
    experiment: zflow.ExperimentConfig | None = None,
) -> zflow.TrainingStep:
    return zflow.TrainingStep(
        scope,
        "Train",
        image=XGBOOST,
        code=TRAIN_CODE,
        channels={"train": data(scope)} if channels is None else channels,
        instance_type=instance_type,
        instance_count=instance_count,
        instance_groups=instance_groups,
        keep_alive=keep_alive,
        max_retry_attempts=max_retry_attempts,
        spot=spot,
        network_isolation=network_isolation,
        experiment=experiment,
    )


def grouped(scope: Stack, *groups: zflow.InstanceGroup, count: int = 1) -> zflow.TrainingStep:
    return train(scope, instance_groups=groups, instance_count=count)


def channel(scope: Stack, *, instance_groups: Sequence[str] = (), compressed: bool = False) -> zflow.TrainingChannel:
    return zflow.TrainingChannel.from_location(
        data(scope),
        input_mode="FastFile" if compressed else None,
        compression="Gzip" if compressed else "None",
        instance_groups=instance_groups,
    )


CASES: Mapping[str, tuple[Callable[[Stack], object], str]] = {
    "a file system without a VPC": (
        lambda scope: train(scope, channels={"train": FSX}),
        (
            'Step "Train": the channel "train" is in a file system of FSxLustre, which is reached in a VPC alone. Give '
            "vpc=..., and security_groups=[...] that may reach it."
        ),
    ),
    "a directory that isn't named from the root": (
        lambda _: zflow.TrainingChannel.from_fsx("fs-0123456789abcdef0", "mount/history"),
        (
            'TrainingChannel: directory_path is "mount/history". Give the path from the file system\'s root, such as '
            '"/mount/history".'
        ),
    ),
    "a compressed channel that is no pipe": (
        lambda scope: train(scope, channels={"train": channel(scope, compressed=True)}),
        (
            'Step "Train": the channel "train" has compression="Gzip", which is for pipes, and is read in FastFile '
            'mode. Set input_mode="Pipe", or remove compression.'
        ),
    ),
    "records that are no pipe": (
        lambda scope: train(
            scope,
            channels={"train": zflow.TrainingChannel.from_location(data(scope), record_wrapper="RecordIO")},
        ),
        (
            'Step "Train": the channel "train" has record_wrapper="RecordIO", which is for pipes, and is read in File '
            'mode. Set input_mode="Pipe", or remove record_wrapper.'
        ),
    ),
    "an augmented manifest that is no pipe": (
        lambda scope: zflow.TrainingChannel.from_manifest(
            data(scope), data=data(scope), attribute_names=["source-ref"], input_mode="File"
        ),
        (
            'TrainingChannel: an augmented manifest is read in a pipe alone. Remove input_mode="File", or the '
            "attribute_names."
        ),
    ),
    "a channel for a group that isn't there": (
        lambda scope: train(
            scope,
            channels={"train": channel(scope, instance_groups=["reader"])},
            instance_groups=[zflow.InstanceGroup("readers", CPU)],
        ),
        (
            'Step "Train": the channel "train" is for the instance group "reader", which the job doesn\'t have. Did '
            'you mean "readers"? It has: "readers".'
        ),
    ),
    "a channel for a group of a job without groups": (
        lambda scope: train(scope, channels={"train": channel(scope, instance_groups=["readers"])}),
        (
            'Step "Train": the channel "train" is for the instance group "readers", which the job doesn\'t have. It '
            "has: none."
        ),
    ),
    "a channel in the place of an isolated script": (
        lambda scope: train(scope, channels={"code": data(scope)}, network_isolation=True),
        ('Step "Train": with network_isolation the channel "code" hands the container its script. Rename yours.'),
    ),
    "20 channels and an isolated script": (
        lambda scope: train(
            scope, channels={f"part{number}": data(scope) for number in range(20)}, network_isolation=True
        ),
        (
            'Step "Train": CreateTrainingJob would refuse this request.\n'
            "  InputDataConfig: received 21 items, but it must be at most 20 items.\n"
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
    "groups and a number of machines": (
        lambda scope: grouped(scope, zflow.InstanceGroup("readers", CPU), count=2),
        (
            'Step "Train": instance_groups say what the machines are, and how many. Remove instance_type and '
            "instance_count."
        ),
    ),
    "groups and a type": (
        lambda scope: train(scope, instance_type=GPU, instance_groups=[zflow.InstanceGroup("readers", CPU)]),
        (
            'Step "Train": instance_groups say what the machines are, and how many. Remove instance_type and '
            "instance_count."
        ),
    ),
    "two groups of one name": (
        lambda scope: grouped(scope, zflow.InstanceGroup("readers", CPU), zflow.InstanceGroup("readers", GPU)),
        'Step "Train": instance_groups has 2 groups called "readers". Rename them.',
    ),
    "a group without machines": (
        lambda scope: grouped(scope, zflow.InstanceGroup("readers", CPU, 0)),
        'Step "Train", instance group "readers": instance_count is 0. Give 1 or more.',
    ),
    "six groups": (
        lambda scope: grouped(scope, *(zflow.InstanceGroup(name, CPU) for name in "abcdef")),
        (
            'Step "Train": CreateTrainingJob would refuse this request.\n'
            "  ResourceConfig.InstanceGroups: received 6 items, but it must be at most 5 items.\n"
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
    "spot machines that are kept": (
        lambda scope: train(scope, spot=True, keep_alive=Duration.minutes(10)),
        'Step "Train": SageMaker keeps no machines for the next job with spot. Remove keep_alive, or spot.',
    ),
    "groups that are kept": (
        lambda scope: train(
            scope, instance_groups=[zflow.InstanceGroup("readers", CPU)], keep_alive=Duration.minutes(10)
        ),
        (
            'Step "Train": SageMaker keeps no machines for the next job with instance_groups. Remove keep_alive, or '
            "instance_groups."
        ),
    ),
    "machines that are kept too long": (
        lambda scope: train(scope, keep_alive=Duration.seconds(21_601)),
        'Step "Train": keep_alive is 21601 seconds. Give 1 to 21600 seconds (Duration.hours(...)).',
    ),
    "31 attempts": (
        lambda scope: train(scope, max_retry_attempts=31),
        (
            'Step "Train": CreateTrainingJob would refuse this request.\n'
            "  RetryStrategy.MaximumRetryAttempts: received 31, but it must be at most 30.\n"
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
    "an experiment with a space in its name": (
        lambda scope: train(scope, experiment=zflow.ExperimentConfig("our churn")),
        (
            'Step "Train": CreateTrainingJob would refuse this request.\n'
            '  ExperimentConfig.ExperimentName: received "our churn", but it must match the pattern '
            "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}\n"
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
}


@pytest.mark.parametrize(("use", "message"), CASES.values(), ids=CASES)
def test_a_wrong_use_is_told_what_is_wrong_and_what_to_do(use: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message
