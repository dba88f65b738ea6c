"""Serve the model (SageMaker's scikit-learn container): applications as CSV in, probabilities of default out.

A row has the features that the model learnt from, in that order: no outcome, no header.
"""

from __future__ import annotations

import io
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline


def model_fn(model_dir: str) -> Pipeline:
    """Load the trained model."""
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: str | bytes, content_type: str) -> pd.DataFrame:
    """Parse CSV rows."""
    if not content_type.startswith("text/csv"):
        raise ValueError(f"Content type {content_type!r} is not supported: send text/csv")
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    return pd.read_csv(io.StringIO(text), header=None, keep_default_na=False)


def predict_fn(applications: pd.DataFrame, model: Pipeline) -> np.ndarray:
    """The probability that each application turns out bad."""
    names = list(model.feature_names_in_)
    if len(names) != len(applications.columns):
        raise ValueError(f"A row has {len(applications.columns)} values, and these are needed: {', '.join(names)}")
    probabilities: np.ndarray = model.predict_proba(applications.set_axis(names, axis="columns"))
    return probabilities[:, 1]


def output_fn(probabilities: np.ndarray, _accept: str) -> tuple[str, str]:
    """Write one probability a line, as CSV."""
    return "".join(f"{probability:.9f}\n" for probability in probabilities), "text/csv"
