"""Learn how far a car goes on a gallon (SageMaker's scikit-learn container, script mode).

Channel `cars`: CSV without a header: the country, the miles per gallon, then the features. The country is no feature:
what makes a model a country's own is the cars that it learns from.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def build() -> TransformedTargetRegressor:
    """A linear model of the logarithm: so many pounds more cost the same share of the miles, whatever the car."""
    linear = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
    return TransformedTargetRegressor(linear, func=np.log, inverse_func=np.exp)


def main() -> None:
    """Run the training job."""
    cars: list[list[str]] = []
    for path in sorted(Path(os.environ["SM_CHANNEL_CARS"]).iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            cars += csv.reader(file)
    numbers = np.array([car[1:] for car in cars], dtype=float)
    model = build().fit(numbers[:, 1:], numbers[:, 0])
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
    print(f"learnt from {len(cars)} cars of {', '.join(dict.fromkeys(car[0] for car in cars))}")


if __name__ == "__main__":
    main()
