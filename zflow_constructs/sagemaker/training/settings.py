"""What a user declares of training jobs, whether a step starts one itself or a tuning job starts many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, SourceCode
from zflow_constructs.sagemaker.images.containers import ContainerImage
from zflow_constructs.sagemaker.training.channels import InputMode, TrainingChannel
from zflow_constructs.sagemaker.training.instance_groups import InstanceGroup


@dataclass(frozen=True)
class TrainingSettings:
    """The keywords that `TrainingStep` and `TuningStep` have in common, and those of a training job of its own.

    Args:
        image: The container that trains.
        channels: The input data by channel name.
        input_mode: How the container gets the channels that don't set their own.
        code: The script. `None`: the image trains by itself
        hyperparameters: The fixed ones.
        metrics: For each metric, the regular expression that finds it in the log.
        instance_type: The instance. `None`: m5.large
        instance_count: How many instances.
        volume_size: The disk of each. `None`: 30 GiB
        volume_key: What the disks are encrypted with. `None`: SageMaker's own key
        max_runtime: How long a job may run. `None`: as the workflow says
        max_retry_attempts: How often SageMaker retries a job that it failed itself. `None`: never
        spot: Whether jobs take spot instances.
        max_wait: How long to wait and to run, together. `None`: twice max_runtime
        vpc: The VPC that the jobs run in. `None`: SageMaker's own
        subnets: Which of its subnets. `None`: the private ones
        security_groups: Those of the jobs. Empty: a new one
        network_isolation: Whether the containers can't reach any network.
        encrypt_traffic: Whether the traffic between a job's instances is encrypted.
        output_key: What the models are encrypted with. `None`: as the workflow's bucket says
        environment: Environment variables.
        role: The role of the jobs. `None`: a new one
        instance_groups: Instances of several types. Default: all are of one
        keep_alive: How long instances wait for the next job. Default: not at all
        checkpoints: Whether checkpoints are kept. Default: no
    """

    image: ContainerImage
    channels: Mapping[str, DataLocation | TrainingChannel]
    input_mode: InputMode
    code: SourceCode | None
    hyperparameters: Mapping[str, Template]
    metrics: Mapping[str, str]
    instance_type: ec2.InstanceType | None
    instance_count: int
    volume_size: Size | None
    volume_key: kms.IKey | None
    max_runtime: Duration | None
    max_retry_attempts: int | None
    spot: bool
    max_wait: Duration | None
    vpc: ec2.IVpc | None
    subnets: ec2.SubnetSelection | None
    security_groups: Sequence[ec2.ISecurityGroup]
    network_isolation: bool
    encrypt_traffic: bool
    output_key: kms.IKey | None
    environment: Mapping[str, Template]
    role: iam.IRole | None
    instance_groups: Sequence[InstanceGroup] = ()
    keep_alive: Duration | None = None
    checkpoints: bool = False
