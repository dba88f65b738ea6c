"""Trains a decision tree of a depth on rows with the label last; told so, it fails for some depths, or waits."""

import argparse
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--fails", default="")
    parser.add_argument("--seconds", type=float, default=0)
    arguments = parser.parse_args()
    if str(arguments.depth) in arguments.fails.split(","):
        sys.exit(f"a tree of depth {arguments.depth} is not wanted")
    print(f"growing to a depth of {arguments.depth}", flush=True)  # noqa: T201
    time.sleep(arguments.seconds)

    import joblib
    import numpy as np
    from sklearn.tree import DecisionTreeClassifier

    data = np.vstack([np.loadtxt(file, delimiter=",") for file in Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir()])
    model = DecisionTreeClassifier(max_depth=arguments.depth, random_state=0).fit(data[:, :-1], data[:, -1])
    print(f"accuracy={model.score(data[:, :-1], data[:, -1]):.4f}")  # noqa: T201
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
