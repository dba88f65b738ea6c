from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from tests.examples.risk_scoring.pipeline import EXAMPLE, FEATURES, Extract, Row, Split, load, rows

APPLICATIONS = EXAMPLE / "data" / "german_credit.csv"


def raw() -> tuple[Row, list[Row]]:
    header, *applications = rows(APPLICATIONS)
    return header, applications


def applications_file(path: Path, header: Row, applications: list[Row]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *applications])
    return path


def test_every_application_is_either_history_or_held_out(split: Split) -> None:
    history, holdout = [{row[FEATURES] for row in rows(folder)} for folder in (split.history, split.holdout)]

    assert len(history) == 750
    assert len(holdout) == 250
    assert not history & holdout


def test_both_parts_have_the_same_share_of_bad_applications(split: Split) -> None:
    assert sum(row[-1] == "1" for row in rows(split.history)) == 225
    assert sum(row[-1] == "1" for row in rows(split.holdout)) == 75


def test_it_prints_how_many_applications_went_where(split: Split) -> None:
    assert f"history: 750 applications, 225 bad, in {split.history.as_uri()}\n" in split.printed
    assert f"holdout: 250 applications, 75 bad, in {split.holdout.as_uri()}\n" in split.printed


def test_no_protected_attribute_is_handed_on(split: Split) -> None:
    header, applications = raw()
    sex = {row[header.index("personal_status_and_sex")] for row in applications}
    written = rows(split.history) + rows(split.holdout)

    assert {"personal_status_and_sex", "age_in_years", "foreign_worker"}.isdisjoint(load("jobs/extract.py").COLUMNS)
    assert {len(row) for row in written} == {FEATURES + 2}
    assert sex.isdisjoint({value for row in written for value in row})


def test_a_batch_transform_finds_plain_rows_and_nothing_else(split: Split) -> None:
    for folder in (split.history, split.holdout):
        visible = [file for file in folder.iterdir() if not file.name.startswith(".")]
        assert {file.suffix for file in visible} == {".csv"}
        assert not any('"' in file.read_text() for file in visible)


@pytest.mark.slow
def test_spark_and_sail_write_the_same(extract_on_spark: Extract, split: Split) -> None:
    on_spark = extract_on_spark(APPLICATIONS)

    assert sorted(rows(on_spark.history)) == sorted(rows(split.history))
    assert sorted(rows(on_spark.holdout)) == sorted(rows(split.holdout))
    # A marker file would go through the batch transform as a row.
    assert {file.suffix for file in on_spark.history.iterdir() if not file.name.startswith(".")} == {".csv"}


def test_the_split_depends_neither_on_the_order_of_rows_nor_on_the_number_of_files(
    extract_on_sail: Extract, split: Split, tmp_path: Path
) -> None:
    header, applications = raw()
    random.Random(3).shuffle(applications)
    applications_file(tmp_path / "applications" / "1.csv", header, applications[:400])
    applications_file(tmp_path / "applications" / "2.csv", header, applications[400:])

    shuffled = extract_on_sail(tmp_path / "applications")

    assert sorted(rows(shuffled.holdout)) == sorted(rows(split.holdout))
    assert sorted(rows(shuffled.history)) == sorted(rows(split.history))


def test_applications_without_an_outcome_are_left_out_and_repeated_ones_count_once(
    extract_on_sail: Extract, tmp_path: Path
) -> None:
    header, applications = raw()
    pending = [[*row[:-1], ""] for row in applications[:10]]
    path = applications_file(tmp_path / "applications.csv", header, pending + applications[10:40] + applications[30:40])

    few = extract_on_sail(path)

    assert len(rows(few.history)) + len(rows(few.holdout)) == 30


def test_a_missing_number_stays_empty(extract_on_sail: Extract, tmp_path: Path) -> None:
    header, applications = raw()
    amount = header.index("credit_amount")
    for row in applications[:8]:
        row[amount] = ""
    few = extract_on_sail(applications_file(tmp_path / "applications.csv", header, applications[:40]))
    position = load("jobs/extract.py").COLUMNS.index("credit_amount")

    assert sum(row[position] == "" for row in rows(few.history) + rows(few.holdout)) == 8


@pytest.mark.parametrize("name", ["NUMBERS", "CATEGORIES", "COLUMNS"])
def test_the_preprocessor_reads_the_columns_that_the_job_writes(name: str) -> None:
    assert getattr(load("preprocessing/fit.py"), name) == getattr(load("jobs/extract.py"), name)
