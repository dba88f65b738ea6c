"""Trains a classifier on rows of a label and features, and serves it: a script as for SageMaker's XGBoost container."""

import argparse
import os
from pathlib import Path

import numpy as np
import xgboost


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-depth", type=int, default=3)
    parser.add_argument("--num-round", type=int, default=10)
    parser.add_argument("--train", type=Path, default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--validation", type=Path, default=os.environ["SM_CHANNEL_VALIDATION"])
    parser.add_argument("--model-dir", type=Path, default=os.environ["SM_MODEL_DIR"])
    arguments = parser.parse_args()

    def rows(folder: Path) -> xgboost.DMatrix:
        data = np.concatenate([np.loadtxt(file, delimiter=",") for file in sorted(folder.glob("*.csv"))])
        return xgboost.DMatrix(data[:, 1:], label=data[:, 0])

    train, validation = rows(arguments.train), rows(arguments.validation)
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "auc", "max_depth": arguments.max_depth, "seed": 0},
        train,
        num_boost_round=arguments.num_round,
        evals=[(train, "train"), (validation, "validation")],
    )
    booster.save_model(arguments.model_dir / "model.json")


def model_fn(model_dir: str) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(Path(model_dir) / "model.json")
    return booster


if __name__ == "__main__":
    main()
