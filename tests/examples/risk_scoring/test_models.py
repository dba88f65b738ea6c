from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.examples.risk_scoring.pipeline import (
    EXAMPLE,
    FEATURES,
    Row,
    Split,
    Trained,
    as_csv,
    fit,
    load,
    rows,
    serve,
    train,
    transform,
    write_rows,
)

PREPROCESSOR = load("preprocessing/serve.py")
CLASSIFIER = load("classifier/serve.py")


def metric(printed: str, name: str) -> float:
    """A metric as SageMaker finds it: by a regular expression over the log."""
    return float(re.findall(f"{name}=([0-9.]+)", printed)[-1])


def numbers(text: str) -> np.ndarray:
    return np.array([line.split(",") for line in text.splitlines()], dtype=float)


def test_the_holdout_is_scored_well_by_a_chain_that_has_never_seen_it(predictions: list[Row]) -> None:
    outcomes = [int(outcome) for _, outcome, _ in predictions]
    probabilities = [float(probability) for _, _, probability in predictions]

    assert len(predictions) == 250
    assert 0.75 < roc_auc_score(outcomes, probabilities) < 0.85


def test_training_reports_its_metrics_for_the_log(trained: Trained) -> None:
    assert 0.72 < metric(trained.printed, "validation:auc") < metric(trained.printed, "train:auc") < 1
    assert 0 < metric(trained.printed, "validation:logloss") < 0.6


def test_the_models_do_not_depend_on_the_order_of_rows_or_the_number_of_files(
    split: Split, trained: Trained, predictions: list[Row], tmp_path: Path
) -> None:
    history = rows(split.history)
    random.Random(5).shuffle(history)
    write_rows(tmp_path / "history" / "b.csv", history[:200])
    write_rows(tmp_path / "history" / "a.csv", history[200:])
    fit(tmp_path / "history", tmp_path / "preprocessor")
    features = transform(PREPROCESSOR, tmp_path / "preprocessor", history)
    write_rows(tmp_path / "features" / "1.csv.out", features[:100])
    write_rows(tmp_path / "features" / "2.csv.out", features[100:])
    train(tmp_path / "features", tmp_path / "classifier")

    assert sorted(features) == sorted(trained.features)
    model_features = transform(PREPROCESSOR, tmp_path / "preprocessor", rows(split.holdout))
    again = serve(CLASSIFIER, tmp_path / "classifier", as_csv([row[2:] for row in model_features]))
    assert again.split() == [probability for _, _, probability in predictions]


def test_the_preprocessor_never_looks_at_the_outcome(split: Split, trained: Trained, tmp_path: Path) -> None:
    swapped = [[*row[:-1], "0" if row[-1] == "1" else "1"] for row in rows(split.history)]
    write_rows(tmp_path / "history" / "part-0.csv", swapped)
    fit(tmp_path / "history", tmp_path / "preprocessor")

    features = transform(PREPROCESSOR, tmp_path / "preprocessor", rows(split.history))

    assert features == trained.features


def test_there_is_nothing_to_learn_when_the_outcomes_are_shuffled(trained: Trained, tmp_path: Path) -> None:
    outcomes = [row[1] for row in trained.features]
    random.Random(11).shuffle(outcomes)
    shuffled = [[row[0], outcome, *row[2:]] for row, outcome in zip(trained.features, outcomes, strict=True)]
    write_rows(tmp_path / "features" / "part-0.csv.out", shuffled)

    printed = train(tmp_path / "features", tmp_path / "classifier", "--num_round", "40")

    assert metric(printed, "validation:auc") < 0.6


def test_hyperparameters_reach_the_training(trained: Trained, tmp_path: Path) -> None:
    write_rows(tmp_path / "features" / "part-0.csv.out", trained.features)

    printed = train(tmp_path / "features", tmp_path / "classifier", "--num_round", "3", "--max_depth", "1")

    assert "rows=750 features=" in printed
    assert "trees=3\n" in printed


def test_one_application_gets_the_score_it_had_in_the_batch(
    split: Split, trained: Trained, predictions: list[Row]
) -> None:
    for row, (_, _, expected) in list(zip(rows(split.holdout), predictions, strict=True))[:5]:
        features = serve(PREPROCESSOR, trained.preprocessor, as_csv([row[:FEATURES]]))
        assert serve(CLASSIFIER, trained.classifier, features) == f"{expected}\n"


def test_the_sample_is_a_held_out_application(split: Split) -> None:
    sample = (EXAMPLE / "sample.csv").read_text()

    assert sample in [as_csv([row[:FEATURES]]) for row in rows(split.holdout)]


def test_bytes_and_text_are_served_alike(trained: Trained) -> None:
    sample = (EXAMPLE / "sample.csv").read_text()

    assert PREPROCESSOR.input_fn(sample.encode(), "text/csv; charset=utf-8") == PREPROCESSOR.input_fn(
        sample, "text/csv"
    )
    features = serve(PREPROCESSOR, trained.preprocessor, sample)
    as_bytes, as_text = [CLASSIFIER.input_fn(body, "text/csv") for body in (features.encode(), features)]
    assert as_bytes.num_row() == as_text.num_row() == 1


def test_a_level_never_seen_and_a_missing_value_are_served(split: Split, trained: Trained) -> None:
    columns = load("jobs/extract.py").COLUMNS
    unusual = rows(split.holdout)[0][:FEATURES]
    unusual[columns.index("purpose")] = "space travel"
    unusual[columns.index("credit_amount")] = ""
    unusual[columns.index("housing")] = ""

    features = numbers(serve(PREPROCESSOR, trained.preprocessor, as_csv([unusual])))

    assert np.isfinite(features).all()


def test_a_row_with_a_value_too_many_is_refused_with_the_names_of_those_needed(split: Split, trained: Trained) -> None:
    with pytest.raises(
        ValueError, match=r"A row has 19 values where 17 are needed: duration_in_month, credit_amount, .*"
    ):
        serve(PREPROCESSOR, trained.preprocessor, as_csv(rows(split.holdout)[:1]))


def test_a_word_where_a_number_belongs_is_refused(split: Split, trained: Trained) -> None:
    row = rows(split.holdout)[0][:FEATURES]
    row[0] = "two years"

    with pytest.raises(ValueError, match="two years"):
        serve(PREPROCESSOR, trained.preprocessor, as_csv([row]))


@pytest.mark.parametrize("serving", [PREPROCESSOR, CLASSIFIER], ids=["preprocessor", "classifier"])
def test_other_content_types_are_refused(serving: object) -> None:
    with pytest.raises(ValueError, match="'application/json' is not supported: send text/csv"):
        serving.input_fn("{}", "application/json")  # type: ignore[attr-defined]


@pytest.mark.parametrize("script", ["fit.py", "serve.py", "train.py"])
def test_the_container_scripts_are_python_that_the_oldest_image_reads(script: str) -> None:
    for path in EXAMPLE.glob(f"*/{script}"):
        # The framework images named in the workflow have Python 3.8.
        ast.parse(path.read_text(), feature_version=(3, 8))
