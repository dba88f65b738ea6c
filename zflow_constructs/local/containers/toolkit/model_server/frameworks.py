"""What each framework's container does where a script leaves a function out.

Follows https://github.com/aws/sagemaker-scikit-learn-container and https://github.com/aws/sagemaker-xgboost-container.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from . import codecs, xgboost_algorithm  # noqa: TID252


class Predictor(Protocol):
    """A model of scikit-learn's or XGBoost's API."""

    def predict(self, data: object) -> object:
        """Predict."""


@dataclass(frozen=True)
class Framework:
    """A framework container's way of serving.

    Args:
        defaults: The functions that a script may leave out.
        charset: Whether its web server adds a charset to the content type of a text response. Default: no.
        accept: The content type to answer with where neither a request nor the container's environment names one.
            Default: JSON.
    """

    defaults: Mapping[str, Callable[..., object]]
    charset: bool = False
    accept: str = codecs.JSON


def _read_array(body: str | bytes, content_type: str) -> object:
    array = codecs.decode(body, content_type)
    return array.astype("float32") if content_type in codecs.TEXT_TYPES else array


def _predict(data: object, model: Predictor) -> object:
    return model.predict(data)


def _predict_booster(data: object, model: object) -> object:
    return model.predict(data, validate_features=False)  # type: ignore[attr-defined]


FRAMEWORKS: Mapping[str, Framework] = {
    "scikit-learn": Framework(
        {"input_fn": _read_array, "predict_fn": _predict, "output_fn": codecs.encode}, charset=True
    ),
    "xgboost": Framework(
        {"input_fn": xgboost_algorithm.read, "predict_fn": _predict_booster, "output_fn": codecs.encode}
    ),
    "xgboost-algorithm": Framework(
        {
            "model_fn": xgboost_algorithm.load,
            "input_fn": xgboost_algorithm.read,
            "predict_fn": xgboost_algorithm.predict,
            "output_fn": xgboost_algorithm.write,
        },
        accept=codecs.CSV,
    ),
    "scripts": Framework({}),
}
