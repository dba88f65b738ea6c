"""Serve the model (SageMaker's scikit-learn container): CSV rows of features in, miles per gallon out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import TransformedTargetRegressor


def model_fn(model_dir: str) -> TransformedTargetRegressor:
    """Load the trained model."""
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: str | bytes, content_type: str) -> np.ndarray:
    """Parse CSV rows."""
    if not content_type.startswith("text/csv"):
        raise ValueError(f"Content type {content_type!r} is not supported: send text/csv")
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    return np.array([row for row in csv.reader(io.StringIO(text)) if row], dtype=float)


def predict_fn(features: np.ndarray, model: TransformedTargetRegressor) -> np.ndarray:
    """The miles per gallon of each car."""
    miles: np.ndarray = model.predict(features)
    return miles


def output_fn(miles: np.ndarray, _accept: str) -> tuple[str, str]:
    """Write one number a line, as CSV."""
    return "".join(f"{each:.9g}\n" for each in miles), "text/csv"
