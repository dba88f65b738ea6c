"""The machines of a training job: of one type, or of several in groups; and how long they are kept for the next job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.steps.durations import whole_seconds

_LONGEST_KEPT = 21_600


@dataclass(frozen=True)
class InstanceGroup:
    """Some of a training job's machines, of a type of their own.

    https://docs.aws.amazon.com/sagemaker/latest/dg/train-heterogeneous-cluster.html

    Args:
        name: how the script and the channels name it.
        instance_type: the machine.
        instance_count: how many. Default: 1

    Example:
        `InstanceGroup("readers", ec2.InstanceType("c5.9xlarge"), 2)`
    """

    name: str
    instance_type: ec2.InstanceType
    instance_count: int = 1


@dataclass(frozen=True)
class TrainingMachines:
    """The machines of a training job.

    Args:
        type: SageMaker's name of the type, of the first group's where there are groups: it decides between an image for
            CPUs and one for GPUs.
        count: how many, in all groups.
        groups: the groups' names. Empty: all machines are of one type
        fields: their part of the `ResourceConfig`.
    """

    type: str
    count: int
    groups: tuple[str, ...]
    fields: Mapping[str, Template]

    @classmethod
    def of(
        cls,
        owner: str,
        *,
        instance_type: ec2.InstanceType | None,
        instance_count: int,
        instance_groups: Sequence[InstanceGroup],
    ) -> "TrainingMachines":
        """The machines that a step is given.

        Args:
            owner: the step, for messages: `Step "Train"`.
            instance_type: the type. `None`: m5.large
            instance_count: how many.
            instance_groups: the groups, instead of both. Empty: all machines are of one type

        Raises:
            WorkflowError: there are a type and groups, or two groups of one name, or `Machines.of` would refuse them.
        """
        if not instance_groups:
            machines = Machines.of(owner, instance_type, instance_count)
            fields: dict[str, Template] = {"InstanceType": machines.type, "InstanceCount": machines.count}
            return cls(machines.type, machines.count, (), fields)
        if instance_type is not None or instance_count != 1:
            raise WorkflowError(
                f"{owner}: instance_groups say what the machines are, and how many. "
                "Remove instance_type and instance_count."
            )
        name, times = Counter(group.name for group in instance_groups).most_common(1)[0]
        if times > 1:
            raise WorkflowError(f'{owner}: instance_groups has {times} groups called "{name}". Rename them.')
        groups = {
            group.name: Machines.of(
                f'{owner}, instance group "{group.name}"', group.instance_type, group.instance_count
            )
            for group in instance_groups
        }
        first = next(iter(groups.values()))
        definitions: list[Mapping[str, Template]] = [
            {"InstanceGroupName": name, "InstanceType": machines.type, "InstanceCount": machines.count}
            for name, machines in groups.items()
        ]
        count = sum(machines.count for machines in groups.values())
        return cls(first.type, count, tuple(groups), {"InstanceGroups": definitions})

    def keep_alive_fields(self, owner: str, keep_alive: Duration | None, *, spot: bool) -> dict[str, Template]:
        """How long the machines wait for the next job: `{"KeepAlivePeriodInSeconds": 600}`, or nothing.

        https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html

        Args:
            owner: the step, for messages: `Step "Train"`.
            keep_alive: how long. `None`: not at all
            spot: whether they are spot machines.

        Raises:
            WorkflowError: these machines can't be kept, or not for so long.
        """
        if keep_alive is None:
            return {}
        for keyword, given in (("spot", spot), ("instance_groups", self.groups)):
            if given:
                raise WorkflowError(
                    f"{owner}: SageMaker keeps no machines for the next job with {keyword}. "
                    f"Remove keep_alive, or {keyword}."
                )
        return {"KeepAlivePeriodInSeconds": whole_seconds(owner, "keep_alive", keep_alive, least=1, most=_LONGEST_KEPT)}
