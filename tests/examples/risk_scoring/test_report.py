from __future__ import annotations

import json
import re
from collections.abc import Iterator

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from tests.examples.risk_scoring.pipeline import Row, as_csv, run


class Lake:
    """A bucket on loopback, and the report job run against it."""

    def __init__(self, endpoint: str) -> None:
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        self._s3.create_bucket(Bucket="lake")

    def put(self, key: str, predictions: list[Row]) -> None:
        self._s3.put_object(Bucket="lake", Key=key, Body=as_csv(predictions).encode())

    def get(self, key: str) -> bytes:
        return self._s3.get_object(Bucket="lake", Key=key)["Body"].read()

    def report(self, name: str, *arguments: str) -> tuple[dict[str, float], bytes]:
        """Write the report of the predictions below a name; returns its metrics and its PDF."""
        predictions, folder = f"s3://lake/{name}/predictions/", f"s3://lake/{name}/report"
        run(
            "jobs/report.py",
            "--predictions",
            predictions,
            "--report",
            folder,
            *arguments,
            environment=self.environment,
        )
        return json.loads(self.get(f"{name}/report/metrics.json")), self.get(f"{name}/report/report.pdf")


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Lake(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="module")
def report(lake: Lake, predictions: list[Row]) -> tuple[dict[str, float], bytes]:
    lake.put("run-1/predictions/part-0.csv.out", predictions)
    return lake.report("run-1", "--threshold", "0.4")


def test_the_metrics_are_those_of_the_predictions(
    report: tuple[dict[str, float], bytes], predictions: list[Row]
) -> None:
    metrics, _ = report
    bad = np.array([int(outcome) for _, outcome, _ in predictions])
    probability = np.array([float(probability) for _, _, probability in predictions])
    auc = roc_auc_score(bad, probability)
    thresholds = np.unique(probability)
    ks = max(abs(np.mean(probability[bad == 1] >= cut) - np.mean(probability[bad == 0] >= cut)) for cut in thresholds)
    (approved_good, declined_good), (approved_bad, declined_bad) = confusion_matrix(bad, probability >= 0.4).tolist()

    assert metrics["applications"] == 250
    assert metrics["bad"] == 75
    assert metrics["auc"] == pytest.approx(auc)
    assert metrics["gini"] == pytest.approx(2 * auc - 1)
    assert metrics["ks"] == pytest.approx(ks)
    assert metrics["brier"] == pytest.approx(brier_score_loss(bad, probability))
    assert metrics["auc_low"] < auc < metrics["auc_high"]
    assert metrics["threshold"] == 0.4
    assert [metrics[name] for name in ("approved_good", "declined_good", "approved_bad", "declined_bad")] == [
        approved_good,
        declined_good,
        approved_bad,
        declined_bad,
    ]
    assert metrics["bad_rate_approved"] == pytest.approx(approved_bad / (approved_bad + approved_good))


def test_the_report_is_a_pdf_of_one_page(report: tuple[dict[str, float], bytes]) -> None:
    _, pdf = report

    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert b"Risk scoring: model performance" in pdf


def test_the_same_predictions_in_other_files_and_another_order_give_the_same_bytes(
    lake: Lake, predictions: list[Row], report: tuple[dict[str, float], bytes]
) -> None:
    backwards = predictions[::-1]
    lake.put("run-1/predictions/part-0.csv.out", backwards[:90])
    lake.put("run-1/predictions/part-1.csv.out", backwards[90:])

    assert lake.report("run-1", "--threshold", "0.4") == report


def test_without_predictions_the_job_fails_and_says_where_it_looked(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError, match="There are no predictions at s3://lake/run-0/predictions/"):
        lake.report("run-0")


def test_outcomes_that_are_all_good_cannot_be_judged(lake: Lake, predictions: list[Row]) -> None:
    lake.put("run-2/predictions/part-0.csv.out", [row for row in predictions if row[1] == "0"])

    with pytest.raises(ValueError, match="The predictions need both outcomes: 0 of 175 applications are bad"):
        lake.report("run-2")
