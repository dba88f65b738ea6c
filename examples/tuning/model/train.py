"""Train a model with one choice of hyperparameters (SageMaker's scikit-learn container, script mode).

Channel `history`: CSV with a header: the outcome `bad` (1 bad, 0 good), and the features.

Hyperparameters of gradient boosting: `learning_rate`, `max_depth`, `subsample`, and
    trees: How many. Default: 100.

Metric in the log: `validation:auc=...`, by cross-validation within the history. The model learns from all of it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder


def build(args: argparse.Namespace) -> Pipeline:
    """A model of raw applications."""
    categories = OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude=np.number)
    boosting = GradientBoostingClassifier(
        n_estimators=args.trees,
        learning_rate=args.learning_rate,
        max_depth=args.max_depth,
        subsample=args.subsample,
        random_state=7,
    )
    return make_pipeline(make_column_transformer(categories, remainder="passthrough"), boosting)


def main() -> None:
    """Run the training job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--max_depth", type=int, required=True)
    parser.add_argument("--subsample", type=float, required=True)
    parser.add_argument("--trees", type=int, default=100)
    args = parser.parse_args()

    files = sorted(Path(os.environ["SM_CHANNEL_HISTORY"]).iterdir())
    history = pd.concat([pd.read_csv(file, keep_default_na=False) for file in files])
    bad, features = history["bad"], history.drop(columns="bad")
    model = build(args)
    auc = cross_val_score(model, features, bad, scoring="roc_auc", cv=5).mean()
    joblib.dump(model.fit(features, bad), Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
    print(f"validation:auc={auc:.4f}")


if __name__ == "__main__":
    main()
