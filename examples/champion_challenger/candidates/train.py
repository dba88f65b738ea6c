"""Train a candidate on the credit applications (SageMaker's scikit-learn container, script mode).

Channel `applications`: CSV with a header.

Hyperparameters:
    candidate: `logistic` or `forest`.
    holdout: Share of the applications that the candidate is tested with; 0: it learns from all. Default: 0.25.

Metrics in the log, of the hold-out: `auc=...` and its standard error, `auc_error=...`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

OUTCOME = "creditability"
# Sex, marital status, age and origin are protected by law against discrimination: none of them reaches a model.
PROTECTED = ["personal_status_and_sex", "age_in_years", "foreign_worker"]


def build(candidate: str) -> Pipeline:
    """A model of raw applications."""
    models = {
        "logistic": LogisticRegression(C=0.3, max_iter=1000),
        "forest": RandomForestClassifier(n_estimators=200, min_samples_leaf=5, random_state=7),
    }
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=np.number)),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude=np.number)),
    )
    return make_pipeline(columns, models[candidate])


def standard_error(auc: float, bad: int, good: int) -> float:
    """The standard error of an AUC, after Hanley and McNeil (1982)."""
    of_bad, of_good = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (bad - 1) * (of_bad - auc**2) + (good - 1) * (of_good - auc**2)
    return float(np.sqrt(variance / (bad * good)))


def main() -> None:
    """Run the training job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidate", choices=["logistic", "forest"], required=True)
    parser.add_argument("--holdout", type=float, default=0.25)
    args = parser.parse_args()

    files = sorted(Path(os.environ["SM_CHANNEL_APPLICATIONS"]).iterdir())
    # "none" is a level of several categories.
    applications = pd.concat([pd.read_csv(file, keep_default_na=False) for file in files])
    bad, features = applications[OUTCOME] == "bad", applications.drop(columns=[OUTCOME, *PROTECTED])
    model = build(args.candidate)
    if args.holdout:
        learnt, tested, bad, bad_tested = train_test_split(
            features, bad, test_size=args.holdout, stratify=bad, random_state=7
        )
        auc = roc_auc_score(bad_tested, model.fit(learnt, bad).predict_proba(tested)[:, 1])
        print(f"auc={auc:.4f}")
        print(f"auc_error={standard_error(auc, bad_tested.sum(), (~bad_tested).sum()):.4f}")
    else:
        model.fit(features, bad)
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")


if __name__ == "__main__":
    main()
