"""The workflows of the tests, as one stack: each the smallest that has what a test is about."""

from collections.abc import Callable, Mapping
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager

import zflow_constructs as zflow
from tests.local.aws.conftest import ACCOUNT, REGION
from tests.parts import CLUSTER, SPARK_TASK

Step = Callable[..., zflow.DatabricksJobStep]


def assembly(folder: Path) -> Path:
    """The synthesized stack; its outputs are the machines' ARNs."""
    app = App(outdir=str(folder))
    stack = Stack(app, "Team", env=Environment(account=ACCOUNT, region=REGION))
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Secret", "databricks")
    workspace = zflow.DatabricksWorkspace(
        stack,
        "Databricks",
        host="https://dbc-a1b2.cloud.databricks.com",
        credentials=zflow.DatabricksCredentials.from_oauth_secret(secret),
    )
    for name, steps in workflows(stack, workspace).items():
        workflow = zflow.MlWorkflow(stack, name, steps=steps)
        CfnOutput(stack, f"{name}Machine", value=workflow.state_machine.state_machine_arn)
    app.synth()
    return folder


def workflows(stack: Stack, workspace: zflow.DatabricksWorkspace) -> Mapping[str, list[zflow.Step]]:
    """The steps of each workflow."""

    def step(id: str, **more: object) -> zflow.DatabricksJobStep:
        given: dict[str, object] = {"task": SPARK_TASK, "cluster": CLUSTER, "timeout": Duration.hours(1), **more}
        return zflow.DatabricksJobStep(stack, id, workspace=workspace, **given)  # type: ignore[arg-type]

    notebook = zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"), values=["auc"])
    evaluate = step("Evaluate", task=notebook)
    loop = step("Turn", parameters={"country": zflow.Item("country")})
    return {
        "One": [step("Extract")],
        "Patient": [step("Patiently", retry=zflow.Retry(job_failures=2, interval_seconds=60))],
        "Lenient": [step("Leniently", allow_failures=True)],
        "Job": [step("Nightly", task=zflow.RunJobTask("620"), cluster=None, parameters={"country": "de"})],
        "Values": [evaluate, step("Deploy", when=evaluate.values["auc"] >= 0.75)],
        "Pair": [step("Left"), step("Right")],
        "Loop": [
            zflow.ForEach(stack, "PerCountry", item="country", items=["de", "fr", "es"], steps=[loop]),
        ],
        "Long": [step("Train", timeout=Duration.days(2))],
        "Aside": [step("Watch aside", separate_history=True)],
        "Watched": [step("Watch", timeout=Duration.days(5), separate_history=True)],
    }
