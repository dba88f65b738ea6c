"""XGBoost's built-in algorithm: what the XGBoost image runs where no script is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zflow_constructs.local.containers.images import FrameworkImage
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import MetricDefinitionTypeDef

TOOLKIT = Path(__file__).parent / "toolkit"
"""What runs in the containers' own processes."""

_METRICS = (
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "logloss", "mae", "map", "mape", "merror"),
    *("mlogloss", "mphe", "mse", "ndcg", "poisson-nloglik", "precision", "r2", "recall", "rmse", "rmsle"),
)


class BuiltInXgboost:
    """The algorithm, as a script that comes with the image.

    Follows https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
    """

    program = "train_xgboost.py"
    submit_directory = ""

    @property
    def metric_definitions(self) -> list[MetricDefinitionTypeDef]:
        """The metrics that it publishes without being asked, such as `validation:auc`."""
        return [
            {"Name": f"{channel}:{metric}", "Regex": rf"\b{channel}-{metric}:([-+0-9.eE]+)"}
            for channel in ("train", "validation")
            for metric in _METRICS
        ]

    def fetch(self, folder: Path, *, model: Path, objects: ObjectStore, on_line: Reporter) -> Path:
        """The folder that has the script: nothing is fetched.

        Args:
            folder: Not needed.
            model: Not needed.
            objects: Not needed.
            on_line: Not needed.
        """
        del folder, model, objects, on_line
        return TOOLKIT

    def serving(self, code: Path, image: FrameworkImage) -> list[str]:
        """The arguments of a server that serves the algorithm's models.

        Args:
            code: Not needed.
            image: The container's image.
        """
        del code
        return ["--framework", f"{image.framework}-algorithm"]
