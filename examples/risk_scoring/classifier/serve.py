"""Serve the classifier (SageMaker's XGBoost container): CSV rows of model features in, probabilities of default out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import xgboost as xgb


def model_fn(model_dir: str) -> xgb.Booster:
    """Load the trained booster."""
    booster = xgb.Booster(model_file=str(Path(model_dir) / "model.json"))
    # The server answers requests in parallel: threads within one would only wait for each other.
    booster.set_param({"nthread": 1})
    return booster


def input_fn(body: str | bytes, content_type: str) -> xgb.DMatrix:
    """Parse CSV rows of features."""
    if not content_type.startswith("text/csv"):
        raise ValueError(f"Content type {content_type!r} is not supported: send text/csv")
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    return xgb.DMatrix(np.array(rows, dtype="float32"), nthread=1)


def predict_fn(features: xgb.DMatrix, booster: xgb.Booster) -> np.ndarray:
    """The probability that each application turns out bad."""
    return booster.predict(features)


def output_fn(probabilities: np.ndarray, _accept: str) -> tuple[str, str]:
    """Write one probability a line, as CSV."""
    # Nine digits hold a 32-bit float exactly.
    return "".join(f"{probability:.9g}\n" for probability in probabilities), "text/csv"
