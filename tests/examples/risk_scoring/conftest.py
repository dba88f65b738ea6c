from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.examples.risk_scoring.pipeline import (
    EXAMPLE,
    Extract,
    Row,
    Split,
    Trained,
    as_csv,
    extract,
    fit,
    load,
    rows,
    serve,
    train,
    transform,
    write_rows,
)

# A small job on a small machine: no web pages, few partitions, a compiler that starts fast.
CLASSIC = (
    "--master local[2] --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 "
    "--conf 'spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell"
)


@pytest.fixture(scope="session")
def sail() -> Iterator[str]:
    server = pytest.importorskip("pysail.spark").SparkConnectServer()
    server.start(background=True)
    _, port = server.listening_address
    yield f"sc://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def extract_on_sail(sail: str, tmp_path_factory: pytest.TempPathFactory) -> Extract:
    return lambda applications: extract(applications, tmp_path_factory.mktemp("sail"), {"SPARK_REMOTE": sail})


@pytest.fixture(scope="session")
def extract_on_spark(tmp_path_factory: pytest.TempPathFactory) -> Extract:
    if shutil.which("java") is None:
        pytest.skip("classic Spark needs a Java runtime")
    environment = {"PYSPARK_SUBMIT_ARGS": CLASSIC, "SPARK_LOCAL_IP": "127.0.0.1"}
    return lambda applications: extract(applications, tmp_path_factory.mktemp("spark"), environment)


@pytest.fixture(scope="session")
def split(extract_on_sail: Extract) -> Split:
    return extract_on_sail(EXAMPLE / "data" / "german_credit.csv")


@pytest.fixture(scope="session")
def trained(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    fit(split.history, folder / "preprocessor")
    features = transform(load("preprocessing/serve.py"), folder / "preprocessor", rows(split.history))
    write_rows(folder / "features" / "part-0.csv.out", features)
    printed = train(folder / "features", folder / "classifier")
    return Trained(folder / "preprocessor", folder / "classifier", features, printed)


@pytest.fixture(scope="session")
def predictions(split: Split, trained: Trained) -> list[Row]:
    """Id, outcome and probability of each hold-out application."""
    features = transform(load("preprocessing/serve.py"), trained.preprocessor, rows(split.holdout))
    answer = serve(load("classifier/serve.py"), trained.classifier, as_csv([row[2:] for row in features]))
    return [[*row[:2], line] for row, line in zip(features, answer.splitlines(), strict=True)]
