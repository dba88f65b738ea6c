"""XGBoost's built-in algorithm, serving: the functions that a script has elsewhere.

Follows https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .codecs import CSV, JSON, UnsupportedFormatError, encode, read_rows  # noqa: TID252

if TYPE_CHECKING:
    import xgboost

    from .codecs import Array  # noqa: TID252


def load(folder: str) -> "xgboost.Booster":
    """Load a model.

    Args:
        folder: The folder of the model's only file.
    """
    import xgboost  # noqa: PLC0415  # only the XGBoost container needs it

    (file,) = (path for path in Path(folder).rglob("*") if path.is_file())
    return xgboost.Booster(model_file=bytearray(file.read_bytes()))


def read(body: str | bytes, content_type: str) -> "xgboost.DMatrix":
    """Read rows without labels.

    Args:
        body: Rows of CSV or libsvm.
        content_type: Its content type; parameters are ignored.

    Raises:
        UnsupportedFormatError: It is neither CSV nor libsvm.
    """
    import xgboost  # noqa: PLC0415  # only the XGBoost container needs it

    media_type = content_type.partition(";")[0].strip()
    if media_type == CSV:
        return xgboost.DMatrix(read_rows(body))
    if media_type in {"text/libsvm", "text/x-libsvm"}:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.libsvm"
            file.write_bytes(body.encode() if isinstance(body, str) else body)
            return xgboost.DMatrix(f"{file}?format=libsvm")
    raise UnsupportedFormatError(media_type)


def predict(rows: "xgboost.DMatrix", booster: "xgboost.Booster") -> "Array":
    """Predict, by the best round's trees if training stopped early.

    Args:
        rows: The rows.
        booster: The model.

    Raises:
        ValueError: The rows have more features than those that the model was trained on.
    """
    if rows.num_col() > booster.num_features():
        raise ValueError(f"The rows have {rows.num_col()} features, the model was trained on {booster.num_features()}.")
    best = booster.attr("best_iteration")
    trees = (0, int(best) + 1) if best else (0, 0)
    predictions: Array = booster.predict(rows, validate_features=False, iteration_range=trees)
    return predictions


def write(predictions: "Array", accept: str) -> bytes:
    """Write predictions: as CSV one a line in a batch transform, and all in one row at an endpoint, as on AWS.

    Args:
        predictions: The predictions.
        accept: The content type to write.

    Raises:
        UnsupportedFormatError: It is neither CSV nor JSON.
    """
    if accept not in {CSV, JSON}:
        raise UnsupportedFormatError(accept)
    if accept == JSON:
        return encode(predictions, JSON)
    numbers = [str(number) for number in predictions.tolist()]
    return ("\n".join([*numbers, ""]) if "SAGEMAKER_BATCH" in os.environ else ",".join(numbers)).encode()
