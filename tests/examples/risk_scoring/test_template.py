from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import App, Environment, Stage
from aws_cdk.assertions import Template

from examples.risk_scoring.workflow import RiskScoring
from tests.asl import PSEUDO_PARAMETERS, asl_validator_findings, fields, kind, rendered_definition, state_machines
from tests.examples.findings import cfn_lint_findings
from tests.examples.risk_scoring.app import WORKFLOW, copied_app, synthesize, template_of
from tests.snapshots import Snapshots
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint

ACCOUNT = "111122223333"
HOLD_STATE = {
    "AWS::IAM::InstanceProfile",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
}


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Json]:
    return template_of(assembly)


@pytest.fixture(scope="module")
def definition(template: dict[str, Json]) -> dict[str, Json]:
    (machine,) = state_machines(template)
    return rendered_definition(template, machine)


@pytest.fixture(scope="module")
def regional_templates() -> dict[str, dict[str, Json]]:
    """The template of each of three regions, one a partition."""
    app = App()
    stacks = {
        region: RiskScoring(Stage(app, region, env=Environment(account=ACCOUNT, region=region)), "RiskScoring")
        for region in ("eu-central-1", "cn-north-1", "us-gov-west-1")
    }
    return {region: dict(Template.from_stack(stack).to_json()) for region, stack in stacks.items()}


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def states(scope: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, state in fields(scope["States"]).items():
        yield name, fields(state)
        for branch in cast("list[Json]", fields(state).get("Branches", [])):
            yield from states(fields(branch))


def names_of(template: Mapping[str, Json], types: set[str]) -> dict[str, str]:
    return {name: kind(resource) for name, resource in fields(template["Resources"]).items() if kind(resource) in types}


def endpoint_names(definition: Mapping[str, Json]) -> set[str]:
    arguments = [fields(state).get("Arguments", {}) for _, state in states(definition)]
    return {str(each["EndpointName"]) for each in arguments if isinstance(each, Mapping) and "EndpointName" in each}


def test_the_template_is_as_recorded(template: dict[str, Json], snapshots: Snapshots) -> None:
    snapshots.check("RiskScoring", template)


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    assert cfn_lint_findings(assembly, "RiskScoring") == ""


def test_another_folder_and_another_hash_seed_give_the_same_bytes(assembly: Path, tmp_path: Path) -> None:
    elsewhere = copied_app(tmp_path / "elsewhere")
    for folder in ("zflow_constructs/runtime/databricks", "examples/risk_scoring/classifier"):
        (elsewhere / folder / "__pycache__").mkdir(exist_ok=True)
        (elsewhere / folder / "__pycache__" / "stray.pyc").write_text("compiled by another Python")

    again = synthesize(elsewhere, tmp_path / "again", hash_seed=2)

    assert files(again) == files(assembly)


def test_the_state_machine_passes_the_asl_validator(definition: dict[str, Json]) -> None:
    assert asl_validator_findings(definition) == []


def test_the_state_machine_passes_our_own_lint(definition: dict[str, Json]) -> None:
    assert lint(definition) == []


def test_no_address_of_a_python_object_is_in_the_template(assembly: Path) -> None:
    assert "object at 0x" not in (assembly / "RiskScoring.template.json").read_text()


def test_a_changed_workflow_keeps_what_holds_state(
    template: dict[str, Json], definition: dict[str, Json], tmp_path: Path
) -> None:
    def changed(script: str) -> str:
        added = (
            '        baseline = zflow.BatchTransformStep(self, "Baseline", containers=[preprocessor], '
            'data=extract.outputs["holdout"])\n'
        )
        return (
            script.replace('"Preprocess",', '"MakeFeatures",')
            .replace("        self.workflow =", f"{added}        self.workflow =")
            .replace("steps=[extract, fit,", "steps=[baseline, extract, fit,")
        )

    later = template_of(synthesize(copied_app(tmp_path / "app", {WORKFLOW: changed}), tmp_path / "cdk.out"))
    (machine,) = state_machines(later)
    later_states = {name for name, _ in states(rendered_definition(later, machine))}

    assert {"Baseline", "MakeFeatures"} <= later_states
    assert "Preprocess" not in later_states
    assert names_of(later, HOLD_STATE) == names_of(template, HOLD_STATE)
    assert set(names_of(template, HOLD_STATE).values()) == HOLD_STATE
    assert endpoint_names(rendered_definition(later, machine)) == endpoint_names(definition) == {"risk-scoring"}


@pytest.mark.parametrize(
    ("region", "partition", "registry"),
    [
        ("eu-central-1", "aws", "492215442770.dkr.ecr.eu-central-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "414596584902.dkr.ecr.us-gov-west-1.amazonaws.com"),
    ],
)
def test_a_fixed_region_has_its_own_images_and_partition(
    regional_templates: dict[str, dict[str, Json]],
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    partition: str,
    registry: str,
) -> None:
    template = regional_templates[region]
    text = json.dumps(template)
    (machine,) = state_machines(template)
    monkeypatch.setitem(PSEUDO_PARAMETERS, "AWS::Partition", partition)
    definition = rendered_definition(template, machine)

    assert f"{registry}/sagemaker-scikit-learn:1.2-1-cpu-py3" in text
    assert f"{registry}/sagemaker-xgboost:1.7-1" in text
    assert "Mappings" not in template
    integrations = {str(state["Resource"]) for _, state in states(definition) if "Resource" in state}
    assert {resource.partition(":states:::")[0] for resource in integrations} == {f"arn:{partition}"}
    assert partition == "aws" or "arn:aws:" not in text


def test_any_region_finds_its_images_where_the_stack_leaves_it_open(template: dict[str, Json]) -> None:
    mappings = fields(template["Mappings"])

    assert {name: fields(mapping)["cn-north-1"] for name, mapping in mappings.items()} == {
        "SklearnImages121": {"account": "450853457545"},
        "XgboostImages171": {"account": "450853457545"},
    }
    assert "arn:aws:" not in json.dumps(template)
