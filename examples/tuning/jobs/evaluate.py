"""Test a model on applications that it has never seen (SageMaker processing, scikit-learn's image).

Inputs: `model`, the `model.tar.gz` of a training job, and `holdout`, CSV with a header.
Output `evaluation`: `metrics.json`, in the form of SageMaker's reports on the quality of a model:

    {"dataset": {"item_count": 250},
     "binary_classification_metrics": {"auc": {"value": 0.79, "standard_deviation": 0.03}},
     "auc_interval": {"low": 0.72, "high": 0.84}}
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

PROCESSING = Path("/opt/ml/processing")
DRAWS = 1000


def bootstrap(bad: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The AUC of as many samples, drawn from the applications with replacement."""
    draw = np.random.default_rng(7)
    picks = (draw.integers(len(bad), size=len(bad)) for _ in range(DRAWS))
    return np.array([roc_auc_score(bad[pick], probability[pick]) for pick in picks])


def main() -> None:
    """Run the processing job."""
    holdout = pd.read_csv(PROCESSING / "input/holdout/applications.csv", keep_default_na=False)
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(PROCESSING / "input/model/model.tar.gz", folder)
        model = joblib.load(Path(folder) / "model.joblib")
    bad, features = holdout["bad"].to_numpy(), holdout.drop(columns="bad")
    probability = model.predict_proba(features)[:, 1]
    auc, drawn = float(roc_auc_score(bad, probability)), bootstrap(bad, probability)
    low, high = np.percentile(drawn, [2.5, 97.5])
    metrics = {
        "dataset": {"item_count": len(bad)},
        "binary_classification_metrics": {"auc": {"value": auc, "standard_deviation": float(drawn.std())}},
        "auc_interval": {"low": float(low), "high": float(high)},
    }
    (PROCESSING / "output/evaluation/metrics.json").write_text(json.dumps(metrics, indent=1))
    print(f"AUC of {len(bad)} applications: {auc:.3f} (95 % interval {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
