"""How good predictions are, on cars that the model has never seen (a SageMaker processing job).

Input `predictions`: CSV without a header: the country, the miles per gallon, and those predicted.

Output `quality/quality.json`, as SageMaker's model registry shows it: `{"regression_metrics": {"mae": {"value": 1.48,
"standard_deviation": 1.2}, "r2": {"value": 0.86}}}`; the mean absolute error is in miles per gallon.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import fmean, stdev

FOLDER = Path("/opt/ml/processing")


def main() -> None:
    """Run the processing job."""
    cars = []
    for path in sorted((FOLDER / "input" / "predictions").iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            cars += [(float(actual), float(predicted)) for _, actual, predicted in csv.reader(file)]
    errors = [abs(actual - predicted) for actual, predicted in cars]
    mean = fmean(actual for actual, _ in cars)
    unexplained = sum(error**2 for error in errors) / sum((actual - mean) ** 2 for actual, _ in cars)
    metrics = {
        "mae": {"value": fmean(errors), "standard_deviation": stdev(errors)},
        "r2": {"value": 1 - unexplained},
    }
    print(f"{len(cars)} cars: mae={metrics['mae']['value']:.4f} r2={metrics['r2']['value']:.4f}")
    report = FOLDER / "output" / "quality" / "quality.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"regression_metrics": metrics}))


if __name__ == "__main__":
    main()
