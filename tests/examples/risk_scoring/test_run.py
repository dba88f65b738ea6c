"""The example run for real: every figure here comes out of a run of the synthesized template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import boto3
import pytest
from sklearn.metrics import roc_auc_score

from tests.examples.risk_scoring.app import Change, copied_app, synthesize
from tests.examples.risk_scoring.local_run import LocalRun, Served, run_and_ask, run_locally
from zflow_constructs.local.databricks.spark import SparkUnavailableError, find_spark

STEPS = ["Extract", "FitPreprocessor", "Preprocess", "Train", "Predict", "Report", "Endpoint"]


@pytest.fixture(scope="module")
def served(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The whole example on Sail, its endpoint asked about the hold-out, then interrupted."""
    return run_and_ask(assembly, tmp_path_factory.mktemp("sail") / "run", "--spark", "sail", alone=25)


@pytest.fixture(scope="module")
def on_sail(served: Served) -> LocalRun:
    return served.run


@pytest.fixture(scope="module")
def on_classic(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """The whole example on classic PySpark."""
    if missing := java_is_missing():
        pytest.skip(missing)
    return run_locally(assembly, tmp_path_factory.mktemp("classic") / "run", "--spark", "classic")


@pytest.fixture(scope="module")
def not_good_enough(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """A run that asks for more of the model than it can give."""
    options = ["--spark", "sail", "--param", "least_auc=0.99", "--param", "threshold=0.5"]
    return run_locally(assembly, tmp_path_factory.mktemp("condition") / "run", *options)


def java_is_missing() -> str:
    """Why there is no classic Spark, if it is for want of Java."""
    try:
        find_spark("classic", s3=boto3.client("s3", region_name="eu-central-1"))
    except SparkUnavailableError as error:
        return str(error) if "needs Java" in str(error) else ""
    return ""


def raising(message: str) -> Change:
    """A script that raises as soon as it runs."""
    return lambda script: script.replace(
        'if __name__ == "__main__":\n', f'if __name__ == "__main__":\n    raise ValueError("{message}")\n'
    )


def run_with(change: dict[str, Change], folder: Path) -> LocalRun:
    """Run the example with a change to a script of its."""
    assembly = synthesize(copied_app(folder / "app", change), folder / "cdk.out")
    return run_locally(assembly, folder / "run", "--spark", "sail")


def auc_of_predictions(run: LocalRun) -> float:
    outcomes, probabilities = zip(*run.predictions.values(), strict=True)
    return float(roc_auc_score(outcomes, probabilities))


def test_every_step_succeeds_one_after_the_other(on_sail: LocalRun) -> None:
    succeeded = re.findall(r"^(\w+): succeeded after [0-9.]+ s", on_sail.printed, re.MULTILINE)

    assert on_sail.record["status"] == "SUCCEEDED"
    assert succeeded == STEPS
    assert on_sail.statuses == dict.fromkeys(STEPS, "succeeded")


def test_the_report_is_there_and_its_auc_is_that_of_the_predictions(on_sail: LocalRun) -> None:
    report = (on_sail.objects("Report/report") / "report.pdf").read_bytes()

    assert report.startswith(b"%PDF")
    assert len(report) > 10_000
    assert len(on_sail.predictions) == 250
    assert on_sail.metrics["auc"] == pytest.approx(auc_of_predictions(on_sail), abs=1e-6)
    assert 0.75 < on_sail.metrics["auc"] < 0.85


def test_the_endpoint_scores_an_application_as_the_batch_does(served: Served) -> None:
    batch = {number: probability for number, (_, probability) in served.run.predictions.items()}

    assert len(served.alone) == 25
    assert len(set(served.alone.values())) > 20
    assert served.alone == pytest.approx({number: batch[number] for number in served.alone}, abs=1e-6)
    assert served.together == pytest.approx(batch, abs=1e-6)


def test_the_record_says_of_each_step_when_it_ran_which_states_and_where_its_logs_are(on_sail: LocalRun) -> None:
    record = on_sail.record

    assert record["input"] == {}
    served = cast("dict[str, dict[str, str]]", record["output"])["Endpoint"]
    assert served["config_name"].startswith("risk-scoring-")
    assert (served["endpoint_name"], served["status"]) == ("risk-scoring", "live")
    assert (record["endpoints"], record["undelivered"]) == (["risk-scoring"], [])
    for step in record["steps"]:
        assert (step["error"], step["cause"]) == ("", "")
        assert step["started"] is not None
        assert step["ended"] is not None
        assert step["started"] < step["ended"]
        assert step["jobs"]
        assert all(state["entered"] <= state["exited"] for state in step["states"])
        assert step["logs"]
        assert all((on_sail.folder / log).is_file() for log in step["logs"])


def test_a_served_run_ends_at_ctrl_c_and_leaves_no_process(on_sail: LocalRun) -> None:
    assert on_sail.exit_code == 130
    assert on_sail.errors.endswith("Interrupted; everything is stopped.\n")
    assert on_sail.left_running == []


@pytest.mark.slow
def test_classic_spark_gives_the_same_scores(on_classic: LocalRun, on_sail: LocalRun) -> None:
    assert on_classic.exit_code == 0, on_classic.printed + on_classic.errors
    assert on_classic.statuses == dict.fromkeys(STEPS, "succeeded")
    assert on_classic.holdout == on_sail.holdout
    assert on_classic.metrics["auc"] == pytest.approx(auc_of_predictions(on_classic), abs=1e-6)
    of_sail = {number: probability for number, (_, probability) in on_sail.predictions.items()}
    of_classic = {number: probability for number, (_, probability) in on_classic.predictions.items()}
    assert of_classic == pytest.approx(of_sail, abs=1e-6)
    assert on_classic.left_running == []


@pytest.mark.slow
def test_a_model_that_is_not_good_enough_stays_off_the_endpoint(not_good_enough: LocalRun) -> None:
    assert not_good_enough.exit_code == 0, not_good_enough.printed + not_good_enough.errors
    assert not_good_enough.record["status"] == "SUCCEEDED"
    assert not_good_enough.statuses == {**dict.fromkeys(STEPS, "succeeded"), "Endpoint": "skipped"}
    assert not_good_enough.record["endpoints"] == []
    assert not (not_good_enough.folder / "endpoints").exists()
    assert not_good_enough.step("Endpoint")["started"] is None
    assert not_good_enough.left_running == []


@pytest.mark.slow
def test_run_parameters_reach_the_scripts(not_good_enough: LocalRun) -> None:
    assert not_good_enough.record["input"] == {"least_auc": 0.99, "threshold": 0.5}
    assert not_good_enough.metrics["threshold"] == 0.5


@pytest.mark.slow
def test_a_training_script_that_raises_fails_the_run_with_its_reason_and_log(tmp_path: Path) -> None:
    message = "no application has turned out bad"
    run = run_with({"examples/risk_scoring/classifier/train.py": raising(message)}, tmp_path)
    (log,) = run.step("Train")["logs"]
    said = run.printed[run.printed.index("Train failed:") :].splitlines()

    assert run.exit_code == 1
    assert said[0] == "Train failed: States.TaskFailed"
    assert said[1].startswith("AlgorithmError: ExecuteUserScriptError")
    assert f"ValueError: {message}" in run.printed
    assert f"Its log, {run.folder / log}, ends:" in said
    assert run.printed.splitlines()[-2:] == ["The workflow ended FAILED", f"Everything is in {run.folder}"]
    assert run.statuses == {
        **dict.fromkeys(STEPS[:3], "succeeded"),
        "Train": "failed",
        **dict.fromkeys(STEPS[4:], "not run"),
    }
    assert run.left_running == []


@pytest.mark.slow
def test_a_databricks_run_that_fails_fails_the_workflow_with_its_page_and_error(tmp_path: Path) -> None:
    message = "the applications of last night are not there yet"
    run = run_with({"examples/risk_scoring/jobs/extract.py": raising(message)}, tmp_path)
    said = run.printed[run.printed.index("Extract failed:") :].splitlines()

    assert run.exit_code == 1
    assert said[0] == "Extract failed: Databricks.RunFailed"
    assert said[1].startswith('Step "Extract": Databricks run ')
    assert said[2].startswith(f"Run: file://{run.folder}/databricks/")
    assert f"ValueError: {message}" in run.printed
    assert any(re.fullmatch(f"Its log, {run.folder}/databricks/.*/log.txt, ends:", line) for line in said)
    assert run.statuses == {"Extract": "failed", **dict.fromkeys(STEPS[1:], "not run")}
    assert run.left_running == []


def test_a_parameter_that_the_workflow_does_not_have_is_refused_with_those_it_has(
    assembly: Path, tmp_path: Path
) -> None:
    run = run_locally(assembly, tmp_path / "run", "--param", "least_aux=0.8")

    assert run.exit_code == 2
    assert run.errors == (
        'Error: The workflow can\'t run with these parameters: it has no "least_aux", only '
        '"least_auc", "max_depth", "threshold". Did you mean "least_auc"?\n'
    )
    assert not run.folder.exists()
