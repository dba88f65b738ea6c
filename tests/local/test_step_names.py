"""Steps may be called like the machinery around them, and a native step is a step like any other: each is shown."""

from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

import zflow_constructs as zflow
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.values.templates import Template
from zflow_constructs.local.engine import Engine, RunSettings
from zflow_constructs.local.steps import StepStatus

HANDLER = """
def handler(event, context):
    print("at", event["at"])
    return event
"""
CALLED_LIKE_MACHINERY = ["Train is done", "Train reads prices", "Outcome", "Outputs", "Parameters", "split", "join"]


def synthesized(folder: Path) -> Path:
    """A workflow of an N, steps called like its states, and a native chain; one function for all."""
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Names")
    code, python = lambda_.Code.from_inline(HANDLER), lambda_.Runtime.PYTHON_3_13
    function = lambda_.Function(stack, "Function", runtime=python, handler="index.handler", code=code)

    def step(id: str, *used: zflow.LambdaStep) -> zflow.LambdaStep:
        payload: dict[str, Template] = {
            "at": id,
            "used": [each.outputs["at"] for each in used],
            "day": zflow.Parameter("day"),
        }
        return zflow.LambdaStep(stack, id, function=function, payload=payload, outputs=["at"])

    prices, train = step("Prices"), step("Train")
    report, deploy = step("Report", prices, train), step("Deploy", train)
    others = [step(name, train) for name in CALLED_LIKE_MACHINERY]
    native = zflow.NativeStep(stack, "Native", chain=sfn.Pass.jsonata(stack, "Nothing"), after=[train])
    zflow.MlWorkflow(
        stack,
        "Workflow",
        steps=[prices, train, report, deploy, *others, native],
        finally_=[zflow.LambdaStep(stack, "outcome", function=function, payload={"at": zflow.Outcome("status")})],
        parameters={"day": "monday"},
        outputs={"at": report.outputs["at"]},
    )
    app.synth()
    return folder / "cdk.out"


def test_every_step_is_shown_with_its_own_lines_whatever_it_is_called(tmp_path: Path) -> None:
    lines: dict[str, set[str]] = {}
    with Engine(
        load_workflow(synthesized(tmp_path), workflow="Workflow"),
        RunSettings(folder=tmp_path / "run"),
        on_step=lambda step: lines.setdefault(step.id, set()).add(step.last_line),
    ) as engine:
        result = engine.deploy().run()

    names = ["Prices", "Train", "Report", "Deploy", *CALLED_LIKE_MACHINERY]
    assert result.status == "SUCCEEDED", result.cause
    assert {step.id: step.status for step in result.steps} == dict.fromkeys([*names, "Native"], StepStatus.SUCCEEDED)
    assert {name: {line for line in lines[name] if line.startswith("at ")} for name in names} == {
        name: {f"at {name}"} for name in names
    }
    (at_the_end,) = result.follow_ups
    assert [(step.id, step.status) for step in at_the_end.steps] == [("outcome", StepStatus.SUCCEEDED)]
    assert result.output == {"at": "Report"}
