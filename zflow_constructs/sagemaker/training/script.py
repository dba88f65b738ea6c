"""The script of a training job, and how its container gets it."""

import json
from collections.abc import Mapping

from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, SourceCode
from zflow_constructs.data.storage import FixedPlace, grant_read_asset
from zflow_constructs.sagemaker.training.channels import TrainingChannel
from zflow_constructs.steps.step import Step

CODE = "code"
"""The channel that hands an isolated container its script."""


class TrainingScript:
    """The script of a training job: the container fetches it, or finds it in a channel if it reaches no network.

    The framework containers unpack either: https://github.com/aws/sagemaker-training-toolkit.
    https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html

    Args:
        step: the step; it owns the asset.
        code: the script.
        isolated: whether the container can't reach any network.
    """

    def __init__(self, step: Step, code: SourceCode, *, isolated: bool) -> None:
        self._asset = code.packed(step, "Code")
        self._entry_point = code.entry_point
        self._isolated = isolated

    @property
    def hyperparameters(self) -> Mapping[str, Template]:
        """`{"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://..."}`, or a file of the channel."""
        file = self._asset.s3_object_key.rsplit("/", 1)[-1]
        return {
            "sagemaker_program": json.dumps(self._entry_point),
            "sagemaker_submit_directory": (
                f"/opt/ml/input/data/{CODE}/{file}" if self._isolated else self._asset.s3_object_url
            ),
        }

    @property
    def channels(self) -> Mapping[str, TrainingChannel]:
        """The channel `code`, if the container is isolated: SageMaker itself fetches what is in channels."""
        if not self._isolated:
            return {}
        place = FixedPlace(self._asset.bucket, self._asset.s3_object_key)
        return {CODE: TrainingChannel.from_location(DataLocation(self._asset.s3_object_url, place), input_mode="File")}

    def grant(self, role: iam.IRole) -> None:
        """Lets the container fetch its script; what is in a channel is granted with it.

        Args:
            role: the role of the job.
        """
        if not self._isolated:
            grant_read_asset(self._asset, role)
