"""How a processing job submits its script to Spark, on one machine or on a cluster of several."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.sagemaker.processing.container import folder_of_input

CONFIGURATION = "conf"
"""The input that is Spark's configuration."""
EVENTS = "/opt/ml/processing/spark-events/"
"""Where Spark's event logs are, from which the job uploads them."""
_CLASSIFICATIONS = (
    "core-site",
    "hadoop-env",
    "hadoop-log4j",
    "hive-env",
    "hive-exec-log4j",
    "hive-log4j",
    "hive-site",
    "spark-defaults",
    "spark-env",
    "spark-hive-site",
    "spark-log4j",
    "spark-metrics",
    "yarn-env",
    "yarn-site",
)


@dataclass(frozen=True)
class SparkOptions:
    """How a script is submitted to Spark in SageMaker's images.

    The step's machines are one cluster, whose executors get the memory and cores of the machines by themselves.
    https://github.com/aws/sagemaker-spark-container

    Args:
        configuration: settings by classification, as EMR has them; those of an `-env` are environment variables.
            https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html. Default: the image's own
        py_files: modules of the step's `code` that the executors import, too: .py, .zip and .egg files, or folders of
            them. Default: none
        jars: jars of the step's `code`, or folders of them. Default: none

    Raises:
        WorkflowError: there is no such classification, or a setting is no string.

    Example:
        `SparkOptions(configuration={"spark-defaults": {"spark.sql.shuffle.partitions": "64"}}, py_files=["rows.py"])`
    """

    configuration: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    py_files: Sequence[str] = ()
    jars: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, settings in self.configuration.items():
            if name not in _CLASSIFICATIONS:
                raise WorkflowError(
                    f'SparkOptions: configuration has "{name}".{did_you_mean(name, _CLASSIFICATIONS)} '
                    f"Spark's images know {one_of(_CLASSIFICATIONS)}."
                )
            for setting, value in settings.items():
                if not isinstance(value, str):
                    raise WorkflowError(
                        f'SparkOptions: {setting} of "{name}" is {value!r}. It goes into a file that is deployed: give '
                        "a string."
                    )

    def arguments(self, owner: str, code: SourceCode) -> list[str]:
        """What smspark-submit is given before the script: `["--py-files", "/opt/ml/processing/input/code/lib.py"]`.

        Args:
            owner: the step, for messages: `Step "Evaluate"`.
            code: the step's code.

        Raises:
            WorkflowError: the code has no such file.
        """
        words = []
        for option, names in (("py_files", self.py_files), ("jars", self.jars)):
            for name in names:
                if not (code.root / name).exists():
                    raise WorkflowError(
                        f"{owner}: {option} has \"{name}\", which the step's code doesn't have. Name files below the "
                        "directory of code=SourceCode.from_directory(...)."
                    )
            paths = ",".join(f"{folder_of_input('code')}/{name}" for name in names)
            words += [f"--{option.replace('_', '-')}", paths] if paths else []
        return words

    def asset(self, scope: Construct) -> s3_assets.Asset:
        """The configuration as a file that the image reads.

        Args:
            scope: the construct that owns the asset.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "configuration.json"
            file.write_text(json.dumps([_classification(*each) for each in self.configuration.items()]))
            return s3_assets.Asset(scope, "SparkConfiguration", path=str(file))


def _classification(name: str, settings: Mapping[str, str]) -> Mapping[str, object]:
    if not name.endswith("-env"):
        return {"Classification": name, "Properties": dict(settings)}
    exported = {"Classification": "export", "Properties": dict(settings)}
    return {"Classification": name, "Properties": {}, "Configurations": [exported]}
