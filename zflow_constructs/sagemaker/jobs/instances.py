"""The machines that SageMaker runs jobs and endpoints on."""

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2

from zflow_constructs.core.values.errors import WorkflowError

_DEFAULT = "m5.large"


@dataclass(frozen=True)
class Machines:
    """A number of machines of one type.

    Args:
        type: SageMaker's name of the type, such as `ml.m5.large`.
        count: how many.
    """

    type: str
    count: int

    @classmethod
    def of(cls, owner: str, instance_type: ec2.InstanceType | None, count: int) -> "Machines":
        """The machines that a step is given.

        Args:
            owner: the step, for messages: `Step "Train"`.
            instance_type: the type as EC2 names it. `None`: m5.large
            count: how many.

        Raises:
            WorkflowError: the type is named as SageMaker does, or there is no machine.
        """
        name = instance_type.to_string() if instance_type else _DEFAULT
        if name.startswith("ml."):
            raise WorkflowError(
                f'{owner}: instance_type is "{name}". The step adds "ml." itself: ec2.InstanceType("{name[3:]}").'
            )
        if count < 1:
            raise WorkflowError(f"{owner}: instance_count is {count}. Give 1 or more.")
        return cls(f"ml.{name}", count)
