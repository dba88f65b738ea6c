"""Serve the preprocessor (SageMaker's scikit-learn container): CSV rows of raw features in, of model features out.

A row has the features that the preprocessor was fitted on, in that order: no id, no outcome, no header.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer


def model_fn(model_dir: str) -> ColumnTransformer:
    """Load the fitted preprocessor."""
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: str | bytes, content_type: str) -> list[list[str]]:
    """Parse CSV rows."""
    if not content_type.startswith("text/csv"):
        raise ValueError(f"Content type {content_type!r} is not supported: send text/csv")
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    return [row for row in csv.reader(io.StringIO(text)) if row]


def predict_fn(rows: list[list[str]], preprocessor: ColumnTransformer) -> np.ndarray:
    """Turn raw features into model features."""
    names = list(preprocessor.feature_names_in_)
    wrong = [row for row in rows if len(row) != len(names)]
    if wrong:
        raise ValueError(
            f"A row has {len(wrong[0])} values where {len(names)} are needed: {', '.join(names)}. Got {wrong[0]}"
        )
    frame = pd.DataFrame(rows, columns=names).replace("", np.nan)
    columns = {name: list(part) for name, _, part in preprocessor.transformers_}
    frame[columns["numbers"]] = frame[columns["numbers"]].apply(pd.to_numeric)
    features: np.ndarray = preprocessor.transform(frame)
    return features


def output_fn(features: np.ndarray, _accept: str) -> tuple[str, str]:
    """Write CSV rows, whatever the client accepts: the next container reads CSV."""
    # Nine digits hold a 32-bit float, XGBoost's own precision, exactly.
    lines = (",".join(f"{value:.9g}" for value in row) for row in features)
    return "\n".join(lines) + "\n", "text/csv"
