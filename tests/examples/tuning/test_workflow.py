"""The example's template, and three runs of it: approved, not good enough, rejected."""

import csv
import io
import json
import re
import shutil
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import joblib
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from tests.asl import ROOT, asl_validator_findings, fields, rendered_definition, state_machines
from tests.examples.findings import cfn_lint_findings
from tests.examples.risk_scoring.app import template_of
from tests.local.aws.conftest import Api, Ended, api, ended
from tests.snapshots import Snapshots
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import GRAPH_METADATA, Picture
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.deployed_workflow import DeployedWorkflow
from zflow_constructs.local.engine import Engine, RunResult, RunSettings
from zflow_constructs.local.lint import lint

STACK = "Tuning"
STEPS = ["Split", "Tune", "Evaluate", "Register", "Approve", "Deploy"]
SAMPLE = ROOT / "examples/tuning/sample.csv"


@dataclass
class Deployed:
    """The example on a local AWS."""

    engine: Engine
    workflow: DeployedWorkflow
    folder: Path
    said: list[str]

    def api(self, service: str) -> Api:
        return api(self.engine.aws, service)

    def start(self, **given: object) -> str:
        client = self.engine.aws.clients.stepfunctions
        (machine,) = client.list_state_machines()["stateMachines"]
        return client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given))[
            "executionArn"
        ]

    def ended(self, arn: str) -> Ended:
        return ended(self.engine.aws, arn)

    def decide(self, decision: str, **more: str) -> None:
        """Follow the link that is shown, and send the form of its page."""
        told = r"^Approve waits for a decision, on this page: (\S+)$"

        def links() -> Sequence[str]:
            return [match[1] for line in self.said if (match := re.search(told, line))]

        before = len(links())
        until(lambda: len(links()) > before)
        link = links()[-1]
        form = urlencode({**dict(parse_qsl(urlsplit(link).query)), "decision": decision, **more})
        urllib.request.urlopen(link, data=form.encode(), timeout=LIMIT_SECONDS).close()

    @property
    def versions(self) -> list[Mapping[str, object]]:
        """The versions in the registry, the first one first."""
        sagemaker = self.api("sagemaker")
        listed = sagemaker.list_model_packages(ModelPackageGroupName="credit-scoring")["ModelPackageSummaryList"]
        arns = sorted(str(each["ModelPackageArn"]) for each in cast("list[Mapping[str, object]]", listed))
        return [sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]

    def object(self, place: str) -> Path:
        """What a job of the approved run has written, in the run folder."""
        (found,) = (self.folder / "objects").glob(f"*/{STACK}/local-*/{place}")
        return found

    def ask(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """What the endpoint answers, a probability for each row."""
        body = io.StringIO()
        csv.writer(body).writerows(rows)
        answer = self.api("sagemaker-runtime").invoke_endpoint(
            EndpointName="credit-scoring", ContentType="text/csv", Body=body.getvalue().encode()
        )
        return [float(line) for line in cast("io.BytesIO", answer["Body"]).read().split()]


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Json]:
    return template_of(assembly, STACK)


@pytest.fixture(scope="module")
def definitions(template: dict[str, Json]) -> list[dict[str, Json]]:
    return [rendered_definition(template, machine) for machine in state_machines(template)]


@pytest.fixture(scope="module")
def deployed(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("tuning") / "run"
    said: list[str] = []
    with Engine(load_workflow(assembly, STACK), RunSettings(folder=folder), say=said.append) as engine:
        yield Deployed(engine, engine.deploy(), folder, said)


@pytest.fixture(scope="module")
def approved(deployed: Deployed) -> RunResult:
    """A run whose model somebody approves."""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(deployed.workflow.run)
        deployed.decide("approved", name="Ada")
        return running.result(LIMIT_SECONDS)


@pytest.fixture(scope="module")
def not_live(deployed: Deployed, approved: RunResult) -> tuple[Ended, Ended]:
    """Two runs at once: one that asks for more than any model can give, and one whose model somebody rejects."""
    assert approved.status == "SUCCEEDED"
    weak, refused = deployed.start(least_auc=0.99), deployed.start()
    deployed.decide("rejected", name="Ada", comment="Not before the holidays.")
    return deployed.ended(weak), deployed.ended(refused)


@pytest.fixture(scope="module")
def outputs(approved: RunResult) -> Mapping[str, object]:
    """What the approved run outputs."""
    assert approved.status == "SUCCEEDED", approved.cause
    return cast("Mapping[str, object]", approved.output)


@pytest.fixture(scope="module")
def holdout(deployed: Deployed, outputs: Mapping[str, object]) -> pd.DataFrame:
    assert outputs["version"] == 1
    return pd.read_csv(deployed.object("Split/holdout/applications.csv"), keep_default_na=False)


@pytest.fixture(scope="module")
def tuned(deployed: Deployed, outputs: Mapping[str, object], tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The model of the version that was approved, out of the run folder."""
    folder, version = tmp_path_factory.mktemp("model"), deployed.versions[0]
    assert version["ModelPackageVersion"] == outputs["version"]
    job = cast("Mapping[str, str]", version["CustomerMetadataProperties"])["training job"]
    shutil.unpack_archive(deployed.object(f"Tune/{job}/output/model.tar.gz"), folder)
    return joblib.load(folder / "model.joblib")


def predicted(model: Pipeline, applications: pd.DataFrame) -> list[float]:
    return [float(probability) for probability in model.predict_proba(applications)[:, 1]]


def test_the_template_is_as_recorded(template: dict[str, Json], snapshots: Snapshots) -> None:
    snapshots.check(STACK, template)


def test_the_readme_shows_it(template: dict[str, Json]) -> None:
    metadata = [fields(fields(each).get("Metadata", {})) for each in fields(template["Resources"]).values()]
    (graph,) = [each[GRAPH_METADATA] for each in metadata if GRAPH_METADATA in each]
    picture = to_mermaid(Picture.from_json(fields(graph)))
    assert f"```mermaid\n{picture}\n```" in (ROOT / "examples/tuning/README.md").read_text()


def test_no_linter_finds_anything(assembly: Path, definitions: list[dict[str, Json]]) -> None:
    assert cfn_lint_findings(assembly, STACK) == ""
    assert [(asl_validator_findings(each), lint(each)) for each in definitions] == [([], [])]


def test_an_update_moves_a_tenth_of_the_traffic_first_and_is_rolled_back_by_alarms(
    definitions: list[dict[str, Json]],
) -> None:
    update = fields(fields(definitions[0]["States"])["Deploy: update"])
    config = fields(fields(update["Arguments"])["DeploymentConfig"])
    assert fields(config["BlueGreenUpdatePolicy"])["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        "WaitIntervalInSeconds": 600,
    }
    assert len(cast("list[Json]", fields(config["AutoRollbackConfiguration"])["Alarms"])) == 2


def test_an_approved_model_goes_live(deployed: Deployed, approved: RunResult, outputs: Mapping[str, object]) -> None:
    assert {step.id: step.status for step in approved.steps} == dict.fromkeys(STEPS, "succeeded")
    assert (outputs["version"], outputs["decision"], outputs["decided_by"]) == (1, "approved", "Ada")
    live = deployed.api("sagemaker").describe_endpoint(EndpointName="credit-scoring")
    assert (live["EndpointStatus"], live["EndpointConfigName"]) == ("InService", outputs["live"])


def test_the_version_tells_its_figures_and_where_it_comes_from(
    deployed: Deployed, outputs: Mapping[str, object]
) -> None:
    version = deployed.versions[0]
    assert (version["ModelApprovalStatus"], version["ApprovalDescription"]) == ("Approved", "Ada")
    metadata = cast("Mapping[str, str]", version["CustomerMetadataProperties"])
    told = {name: float(metadata[name]) for name in ("auc", "learning_rate", "max_depth", "subsample")}
    assert told == pytest.approx({name: outputs[name] for name in told})
    tuning = deployed.api("sagemaker").describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=metadata["tuning job"]
    )
    assert cast("Mapping[str, str]", tuning["BestTrainingJob"])["TrainingJobName"] == metadata["training job"]
    assert cast("Mapping[str, int]", tuning["TrainingJobStatusCounters"])["Completed"] == 6
    assert metadata["evaluation job"].startswith("tuning-evaluate-")


def test_its_auc_is_that_of_its_predictions_for_applications_that_it_has_not_seen(
    deployed: Deployed, outputs: Mapping[str, object], tuned: Pipeline, holdout: pd.DataFrame
) -> None:
    metrics = json.loads(deployed.object("Evaluate/evaluation/metrics.json").read_text())
    auc = roc_auc_score(holdout["bad"], predicted(tuned, holdout.drop(columns="bad")))
    assert metrics["binary_classification_metrics"]["auc"]["value"] == outputs["auc"] == pytest.approx(auc, abs=1e-9)
    assert metrics["dataset"] == {"item_count": 250}
    assert 0.7 < metrics["auc_interval"]["low"] < auc < metrics["auc_interval"]["high"] < 0.9
    # As loose as 250 applications allow.
    assert auc > 0.75


def test_the_endpoint_answers_as_the_tuned_model_does(
    deployed: Deployed, tuned: Pipeline, holdout: pd.DataFrame
) -> None:
    applications = holdout.drop(columns="bad")
    answers = deployed.ask(applications.to_numpy().tolist())
    assert answers == pytest.approx(predicted(tuned, applications), abs=1e-6)
    assert len(set(answers)) > 200
    sample = pd.read_csv(SAMPLE, names=list(tuned.feature_names_in_), keep_default_na=False)
    assert deployed.ask(sample.to_numpy().tolist()) == pytest.approx(predicted(tuned, sample), abs=1e-6)


@pytest.mark.slow
def test_a_model_that_is_not_good_enough_is_not_registered_and_nobody_is_asked(
    outputs: Mapping[str, object], not_live: tuple[Ended, Ended]
) -> None:
    output = cast("Mapping[str, object]", not_live[0].output)
    assert {output[name] for name in ("version", "decision", "decided_by", "live")} == {None}
    assert output["auc"] == outputs["auc"]
    assert cast("float", output["auc"]) < 0.99


@pytest.mark.slow
def test_a_rejected_model_is_rejected_in_the_registry_too_and_goes_nowhere(
    deployed: Deployed, outputs: Mapping[str, object], not_live: tuple[Ended, Ended]
) -> None:
    output = cast("Mapping[str, object]", not_live[1].output)
    assert [output[name] for name in ("version", "decision", "decided_by", "live")] == [2, "rejected", "Ada", None]
    _, version = deployed.versions
    said = "Ada: Not before the holidays."
    assert (version["ModelApprovalStatus"], version["ApprovalDescription"]) == ("Rejected", said)
    live = deployed.api("sagemaker").describe_endpoint(EndpointName="credit-scoring")
    assert live["EndpointConfigName"] == outputs["live"]
