"""Fit the preprocessor on the history of applications (SageMaker's scikit-learn container, script mode).

Channel `history`: CSV without a header, whose columns are COLUMNS. Only the features are looked at, never the outcome.

Hyperparameters:
    min_frequency: Levels of a category seen less often become one feature. Default: 10.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = [
    "duration_in_month",
    "credit_amount",
    "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since",
    "number_of_existing_credits_at_this_bank",
    "number_of_people_being_liable_to_provide_maintenance_for",
]
CATEGORIES = [
    "status_of_existing_checking_account",
    "credit_history",
    "purpose",
    "savings_account_and_bonds",
    "present_employment_since",
    "other_debtors_or_guarantors",
    "property",
    "other_installment_plans",
    "housing",
    "job",
    "telephone",
]
COLUMNS = [*NUMBERS, *CATEGORIES, "application_id", "bad"]


def read(channel: Path) -> pd.DataFrame:
    """All rows of a channel's files, in the order of their ids, however many files there are."""
    files = sorted(path for path in channel.rglob("*") if path.is_file())
    # "none" is a level of several categories; only an empty cell is missing.
    parts = [pd.read_csv(path, names=COLUMNS, keep_default_na=False, na_values=[""]) for path in files]
    return pd.concat(parts).sort_values("application_id", ignore_index=True)


def build(min_frequency: int) -> ColumnTransformer:
    """Numbers standardized, categories one-hot encoded; a level never seen gives zeros or the infrequent feature."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=min_frequency),
    )
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)], sparse_threshold=0
    )


def main() -> None:
    """Run the training job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--min_frequency", type=int, default=10)
    args = parser.parse_args()

    history = read(Path(os.environ["SM_CHANNEL_HISTORY"]))
    preprocessor = build(args.min_frequency).fit(history[NUMBERS + CATEGORIES])
    joblib.dump(preprocessor, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
    print(f"rows={len(history)}")
    print(f"features={len(preprocessor.get_feature_names_out())}")


if __name__ == "__main__":
    main()
