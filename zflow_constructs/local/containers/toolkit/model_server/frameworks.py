"""What each framework's container does where a script leaves a function out.

Follows https://github.com/aws/sagemaker-scikit-learn-container and https://github.com/aws/sagemaker-xgboost-container.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import codecs  # noqa: TID252


class Predictor(Protocol):
    """A model of scikit-learn's or XGBoost's API."""

    def predict(self, data: object) -> object:
        """Predict."""


@dataclass(frozen=True)
class Framework:
    """A framework container's way of serving.

    Args:
        defaults: The functions that a script may leave out.
        charset: Whether its web server adds a charset to the content type of a text response.
    """

    defaults: Mapping[str, Callable[..., object]]
    charset: bool = False


def _read_array(body: str | bytes, content_type: str) -> object:
    array = codecs.decode(body, content_type)
    return array.astype("float32") if content_type in codecs.TEXT_TYPES else array


def _read_dmatrix(body: str | bytes, content_type: str) -> object:
    import xgboost  # noqa: PLC0415  # only the XGBoost container needs it

    media_type = content_type.partition(";")[0].strip()
    if media_type == codecs.CSV:
        return xgboost.DMatrix(codecs.read_rows(body))
    if media_type in {"text/libsvm", "text/x-libsvm"}:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.libsvm"
            file.write_bytes(body.encode() if isinstance(body, str) else body)
            return xgboost.DMatrix(f"{file}?format=libsvm")
    raise codecs.UnsupportedFormatError(media_type)


def _predict(data: object, model: Predictor) -> object:
    return model.predict(data)


def _predict_booster(data: object, model: object) -> object:
    return model.predict(data, validate_features=False)  # type: ignore[attr-defined]


FRAMEWORKS: Mapping[str, Framework] = {
    "scikit-learn": Framework(
        {"input_fn": _read_array, "predict_fn": _predict, "output_fn": codecs.encode}, charset=True
    ),
    "xgboost": Framework({"input_fn": _read_dmatrix, "predict_fn": _predict_booster, "output_fn": codecs.encode}),
    "scripts": Framework({}),
}
