"""Scales features: a script as for SageMaker's scikit-learn container. Rows may be CSV, answers are CSV."""

import argparse
import io
import os
import pickle
from pathlib import Path

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLUMNS = ["amount", "months", "purpose"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--history", type=Path, default=os.environ["SM_CHANNEL_HISTORY"])
    arguments = parser.parse_args()
    history = pd.read_csv(arguments.history / "history.csv", names=COLUMNS)
    transformer = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["amount", "months"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["purpose"]),
        ]
    )
    transformer.fit(history)
    (Path(os.environ["SM_MODEL_DIR"]) / "preprocessor.pickle").write_bytes(pickle.dumps(transformer))


def model_fn(model_dir: str) -> ColumnTransformer:
    return pickle.loads((Path(model_dir) / "preprocessor.pickle").read_bytes())


def input_fn(body: str, content_type: str) -> pd.DataFrame:
    if content_type.partition(";")[0] != "text/csv":
        raise ValueError(f"{content_type} is not supported; send text/csv")
    return pd.read_csv(io.StringIO(body), names=COLUMNS)


def predict_fn(rows: pd.DataFrame, transformer: ColumnTransformer) -> pd.DataFrame:
    return pd.DataFrame(transformer.transform(rows))


def output_fn(features: pd.DataFrame, accept: str) -> tuple[str, str]:
    del accept
    return features.to_csv(header=False, index=False), "text/csv"


if __name__ == "__main__":
    main()
