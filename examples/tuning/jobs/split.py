"""Set a hold-out aside (SageMaker processing, scikit-learn's image).

Input `applications`: CSV with a header.
Outputs `history` and `holdout`, 3 : 1 with the same share of bad ones: CSV with a header, the features and the outcome
`bad` (1 bad, 0 good).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

PROCESSING = Path("/opt/ml/processing")
OUTCOME = "creditability"
# Sex, marital status, age and origin are protected by law against discrimination: none of them reaches a model.
PROTECTED = ["personal_status_and_sex", "age_in_years", "foreign_worker"]


def main() -> None:
    """Run the processing job."""
    files = sorted((PROCESSING / "input/applications").iterdir())
    # "none" is a level of several categories.
    applications = pd.concat([pd.read_csv(file, keep_default_na=False) for file in files])
    bad = (applications[OUTCOME] == "bad").astype(int)
    rows = applications.drop(columns=[OUTCOME, *PROTECTED]).assign(bad=bad)
    history, holdout = train_test_split(rows, test_size=0.25, stratify=bad, random_state=7)
    for name, part in (("history", history), ("holdout", holdout)):
        part.to_csv(PROCESSING / "output" / name / "applications.csv", index=False)
        print(f"{name}: {len(part)} applications, {part['bad'].mean():.0%} of them bad")


if __name__ == "__main__":
    main()
