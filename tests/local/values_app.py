"""An app that hands every kind of value over in every way, to whom can be handed values; each tells what it got."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.parts import SKLEARN
from zflow_constructs.core.values.templates import Json, Template

VALUES: dict[str, Json] = {
    "version": "1.10",
    "commit": "12e4567",
    "null_text": "null",
    "true_text": "true",
    "json_text": '{"a": 1}',
    "jsonata": "{% $x %}",
    "half_jsonata": "{% x",
    "other_half": "x %}",
    "empty": "",
    "unicode": "Grüße, 世界 😀",
    "lines": 'a\n"b"\t\\c',
    "spaces": " 5 ",
    "integer": 7,
    "long": 1764533844123456,
    "small": 1e-7,
    "share": 0.1,
    "metric": 0.8512340188026428,
    "yes": True,
    "no": False,
    "nothing": None,
    "none": [],
    "one": [1],
    "two": ["1.10", "b"],
    "nested": [[1, 2], [3], []],
    "within": [["x"]],
    "dict": {"a.b c": {"d": [None, True]}, "": "e"},
}
GIVEN = {name: value for name, value in VALUES.items() if isinstance(value, str | bool | int | float)}
"""What a run parameter can be."""
_GIVE = f"import json\ndef handler(event, context):\n    return json.loads({json.dumps(json.dumps(VALUES))})\n"
_TAKE = "def handler(event, context):\n    return {'got': event}\n"
_RECORD = """
import json, os, pathlib, sys

words = sys.argv[1:]
seen = {"arguments": dict(zip(words[::2], words[1::2])), "environment": dict(os.environ)}
folder = pathlib.Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/processing/output/seen"))
(folder / "seen.json").write_text(json.dumps(seen))
"""
_REPORT = f"""
import json, pathlib

values = json.loads({json.dumps(json.dumps(VALUES))})
pathlib.Path("/opt/ml/processing/output/report/values.json").write_text(json.dumps(values))
"""


def synthesized(folder: Path) -> Path:
    """Synthesize the app.

    Args:
        folder: Where its files go.
    """
    for name, code in (("record.py", _RECORD), ("report.py", _REPORT)):
        (folder / name).write_text(code)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Values")
    record = zflow.SourceCode.from_file(str(folder / "record.py"))
    give = zflow.LambdaStep(stack, "Give", function=_function(stack, "Give", _GIVE), outputs=list(VALUES))
    report = zflow.ProcessingStep(
        stack,
        "Report",
        image=SKLEARN,
        code=zflow.SourceCode.from_file(str(folder / "report.py")),
        outputs=["report"],
        reports={"values": "report/values.json"},
    )
    reported = {name: report.report(f"values.{name}") for name in VALUES if not isinstance(VALUES[name], list | dict)}
    handed: dict[str, Template] = {
        **{f"literal_{name}": value for name, value in VALUES.items()},
        **{f"output_{name}": value for name, value in give.outputs.items()},
        **{f"report_{name}": value for name, value in reported.items()},
        **{f"parameter_{name}": zflow.Parameter(name) for name in GIVEN},
        **{f"within_{name}": {"known": [None, 0.8512340188026428], "r": value} for name, value in give.outputs.items()},
    }
    # SageMaker takes a hundred of each.
    first, second = (
        {name: value for name, value in handed.items() if name.startswith(ways)}
        for ways in (("literal", "output", "report"), ("parameter", "within"))
    )
    jobs: list[zflow.Step] = []
    for number, (half, said) in enumerate(((first, "literal"), (second, "output"))):
        jobs += [
            zflow.TrainingStep(stack, f"Train {number}", image=SKLEARN, code=record, channels={}, hyperparameters=half),
            zflow.ProcessingStep(
                stack,
                f"Process {number}",
                image=SKLEARN,
                code=record,
                arguments=_words(handed, said),
                environment=half,
                outputs=["seen"],
            ),
        ]
    take = zflow.LambdaStep(stack, "Take", function=_function(stack, "Take", _TAKE), payload=handed, outputs=["got"])
    zflow.MlWorkflow(
        stack,
        "Arrival",
        steps=[give, report, *jobs, take],
        bucket=s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY),
        parameters=GIVEN,
        outputs={"got": take.outputs["got"]},
    )
    app.synth()
    return folder / "cdk.out"


def _words(handed: Mapping[str, Template], said: str) -> list[Template]:
    """Values as arguments; SageMaker takes none of several lines there, and None is left out."""
    named = {name: value for name, value in handed.items() if name.startswith(said) and name != f"{said}_lines"}
    return [word for name, value in named.items() if value is not None for word in (f"--{name}", value)]


def _function(stack: Stack, id: str, code: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        f"{id}Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
    )
