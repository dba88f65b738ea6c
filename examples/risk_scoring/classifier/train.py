"""Train the classifier of bad applications (SageMaker's XGBoost container, script mode).

Channel `train`: CSV without a header: application id, outcome (1 bad, 0 good), then the preprocessor's features.
The number of trees is found by cross-validation within the history; the model is then trained on all of it.

Hyperparameters: XGBoost's own max_depth, eta, min_child_weight, subsample, colsample_bytree and reg_lambda, and
    num_round: Most trees. Default: 500.
    early_stopping_rounds: Rounds without a better validation log loss after which it stops. Default: 30.
    folds: Folds of the cross-validation. Default: 5.
    seed: Seed of the folds and of the sampling. Default: 7.
    nthread: Threads. Default: 1, the fastest for a few thousand rows.

Metrics in the log, means over the folds at the best number of trees: `train:auc=...`, `validation:auc=...` and
`validation:logloss=...`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd
import xgboost as xgb

ID, LABEL, FIRST_FEATURE = 0, 1, 2


def read(channel: Path) -> xgb.DMatrix:
    """All rows of a channel's files, in the order of their ids, however many files there are."""
    files = sorted(path for path in channel.rglob("*") if path.is_file())
    rows = pd.concat([pd.read_csv(path, header=None) for path in files]).sort_values(ID, ignore_index=True)
    return xgb.DMatrix(rows.iloc[:, FIRST_FEATURE:].to_numpy(dtype="float32"), label=rows[LABEL], nthread=1)


def arguments() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_depth", type=int, default=3)
    parser.add_argument("--eta", type=float, default=0.05)
    parser.add_argument("--min_child_weight", type=float, default=3)
    parser.add_argument("--subsample", type=float, default=0.8)
    parser.add_argument("--colsample_bytree", type=float, default=0.6)
    parser.add_argument("--reg_lambda", type=float, default=1)
    parser.add_argument("--num_round", type=int, default=500)
    parser.add_argument("--early_stopping_rounds", type=int, default=30)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--nthread", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Run the training job."""
    args = arguments()
    train = read(Path(os.environ["SM_CHANNEL_TRAIN"]))
    parameters = {
        "objective": "binary:logistic",
        # The last one decides when to stop: scores are used as probabilities, so they should be good ones.
        "eval_metric": ["auc", "logloss"],
        "tree_method": "hist",
        "max_depth": args.max_depth,
        "eta": args.eta,
        "min_child_weight": args.min_child_weight,
        "subsample": args.subsample,
        "colsample_bytree": args.colsample_bytree,
        "lambda": args.reg_lambda,
        "seed": args.seed,
        "nthread": args.nthread,
    }
    rounds = pd.DataFrame(
        xgb.cv(
            parameters,
            train,
            num_boost_round=args.num_round,
            nfold=args.folds,
            stratified=True,
            early_stopping_rounds=args.early_stopping_rounds,
            seed=args.seed,
        )
    )
    # cv ends its table at the best round.
    best = rounds.iloc[-1]
    booster = xgb.train(parameters, train, num_boost_round=len(rounds))
    booster.save_model(str(Path(os.environ["SM_MODEL_DIR"]) / "model.json"))

    print(f"rows={train.num_row()} features={train.num_col()} trees={len(rounds)}")
    print(f"train:auc={best['train-auc-mean']:.5f}")
    print(f"validation:auc={best['test-auc-mean']:.5f}")
    print(f"validation:logloss={best['test-logloss-mean']:.5f}")


if __name__ == "__main__":
    main()
