"""Run the risk-scoring workflow on this machine, and ask its endpoint about one application: `make demo`."""

import csv
import json
import shutil
import signal
import sys
from pathlib import Path

import boto3
from aws_cdk import App
from rich.console import Console

from examples.risk_scoring.workflow import RiskScoring
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.console import RunConsole, report
from zflow_constructs.local.engine import Engine, RunSettings

BUILD = Path("build/demo")
FEATURES = 17
OUTCOMES = {"0": "good", "1": "bad"}


def synthesize() -> Path:
    """The workflow as a cloud assembly, the very one that `cdk deploy` would deploy."""
    app = App(outdir=str(BUILD / "cdk.out"))
    RiskScoring(app, "RiskScoring")
    return Path(app.synth().directory)


def rows(folder: Path) -> list[list[str]]:
    """The rows of all CSV objects in a folder."""
    files = sorted(file for file in folder.iterdir() if file.stat().st_size and not file.name.startswith("_"))
    return [row for file in files for row in csv.reader(file.read_text(encoding="utf-8").splitlines()) if row]


def ask(engine: Engine, features: list[str]) -> float:
    """The endpoint's answer, a probability of default, as any client of SageMaker gets it."""
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=engine.url,
        region_name=engine.aws.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    row = ",".join(features)
    answer = client.invoke_endpoint(EndpointName="risk-scoring", ContentType="text/csv", Body=row.encode())
    return float(answer["Body"].read())


def show(console: Console, engine: Engine, objects: Path) -> None:
    """What came out: the model's quality, the report, and one application scored live."""
    (metrics,) = objects.rglob("metrics.json")
    figures = json.loads(metrics.read_text(encoding="utf-8"))
    (holdout,) = objects.rglob("Extract/holdout")
    application = rows(holdout)[0]
    number, outcome = application[FEATURES:]
    probability = ask(engine, application[:FEATURES])
    console.print(f"AUC on the hold-out: {figures['auc']:.3f} ({figures['auc_low']:.3f} to {figures['auc_high']:.3f})")
    console.print(f"Report: {metrics.with_name('report.pdf')}", soft_wrap=True)
    console.print(
        f"Live prediction: application {number} defaults with probability {probability:.3f}; "
        f"it turned out {OUTCOMES[outcome]}",
        soft_wrap=True,
    )


def run(console: Console) -> int:
    """Synthesize, run, ask.

    Returns:
        The exit code: 0, or 1 if the workflow failed.
    """
    # Sail needs no Java and starts in a second or two: the same demo, whatever the machine has.
    workflow, settings = load_workflow(synthesize()), RunSettings(folder=BUILD / "run", spark="sail")
    with RunConsole(console) as shown, Engine(workflow, settings, on_step=shown.on_step) as engine:
        deployed = engine.deploy()
        shown.show(deployed.steps)
        result = deployed.run()
        shown.close()
        report(console, result, settings.folder)
        if result.status != "SUCCEEDED":
            return 1
        show(console, engine, settings.folder / "objects")
        return 0


def main() -> None:
    """Run the demo; Ctrl-C and SIGTERM stop it, and leave nothing running."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(BUILD, ignore_errors=True)
    console = Console(highlight=False)
    console.print("Synthesizing the risk-scoring workflow, then running it on this machine ...")
    try:
        sys.exit(run(console))
    except KeyboardInterrupt:
        console.print("Interrupted; everything is stopped.")
        sys.exit(130)


if __name__ == "__main__":
    main()
