"""An app in which every kind of value goes every way between steps: joins, the table, loops, workflows, conditions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.local.values_app import GIVEN, VALUES
from tests.parts import CLUSTER
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Json, Template

ITEMS: Sequence[Mapping[str, Json]] = [{"v": value} for value in VALUES.values()]
IN_ASCII = [name for name in VALUES if name != "unicode"]
"""What the program of a Databricks job can be given."""
_MADE = {**VALUES, "all": ITEMS}
_GIVE = f"import json\ndef handler(event, context):\n    return json.loads({json.dumps(json.dumps(_MADE))})\n"
_TAKE = "def handler(event, context):\n    return {'got': event}\n"
_RECORD = """
import json, sys
import boto3

words = sys.argv[1:]
seen = dict(zip(words[::2], words[1::2]))
bucket, prefix = seen.pop("--seen").removeprefix("s3://").split("/", 1)
boto3.client("s3").put_object(Bucket=bucket, Key=prefix + "seen.json", Body=json.dumps(seen).encode())
"""


class Ways:
    """The steps of the app.

    Args:
        stack: Their stack.
        folder: Where the program of the Databricks job goes.
    """

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._giving, self._taking = _function(stack, "Give", _GIVE), _function(stack, "Take", _TAKE)
        self.give, self.beside = self._give("Give", *VALUES, "all"), self._give("Beside", *VALUES)
        # The smallest order that nesting can't express: one of both reads the other's values from the table.
        self.alone = self._take("Alone", self._values("a", self.give))
        both = {**self._values("a", self.give), **self._values("b", self.beside)}
        self.table = self._take("Table", both)
        self.join = self._take("Join", both, after=[self.alone, self.table])
        self.inline = self._loop("Inline", items=ITEMS, max_concurrency=10)
        self.distributed = self._loop("Distributed", items=self.give.outputs["all"], max_concurrency=41)
        self.collected = self._take(
            "Collected",
            {
                "inline": self.inline.outputs["got"],
                "distributed": self.distributed.outputs["got"],
                "results": self.inline.results,
            },
        )
        self.inner = self._inner()
        given: Mapping[str, Template] = {name: self.give.outputs[name] for name in GIVEN}
        self.sub = zflow.WorkflowStep(stack, "Sub", workflow=self.inner, parameters=given)
        self.conditional = [
            self._take(f"When {name}", {}, when=self.give.outputs[name] == value) for name, value in GIVEN.items()
        ]
        self.databricks = self._databricks(folder)

    @property
    def steps(self) -> Sequence[zflow.Step]:
        """Those of the outer workflow."""
        return [
            *(self.give, self.beside, self.alone, self.table, self.join, self.inline, self.distributed),
            *(self.collected, self.sub, *self.conditional, self.databricks),
        ]

    def _give(self, id: str, *outputs: str) -> zflow.LambdaStep:
        return zflow.LambdaStep(self._stack, id, function=self._giving, outputs=outputs)

    def _take(
        self,
        id: str,
        payload: Mapping[str, Template],
        *,
        after: Sequence[zflow.Step] = (),
        when: zflow.Condition | None = None,
    ) -> zflow.LambdaStep:
        return zflow.LambdaStep(
            self._stack, id, function=self._taking, payload=payload, outputs=["got"], after=after, when=when
        )

    def _values(self, prefix: str, step: zflow.LambdaStep) -> dict[str, Template]:
        return {f"{prefix}_{name}": step.outputs[name] for name in VALUES}

    def _loop(self, id: str, *, items: Sequence[Template] | Expression, max_concurrency: int) -> zflow.ForEach:
        each = self._take(f"{id} each", {"v": zflow.Item(f"of_{id}")["v"], "around": self.give.outputs["metric"]})
        return zflow.ForEach(
            self._stack,
            id,
            item=f"of_{id}",
            items=items,
            steps=[each],
            outputs={"got": each.outputs["got"]},
            max_concurrency=max_concurrency,
            most_items=50,
        )

    def _inner(self) -> zflow.MlWorkflow:
        """A workflow that tells what it is given, and gives every kind of value."""
        took = self._take("Took", {name: zflow.Parameter(name) for name in GIVEN})
        made = self._give("Made", *VALUES)
        outputs = {"got": took.outputs["got"], **self._values("out", made)}
        return zflow.MlWorkflow(self._stack, "Inner", steps=[took, made], parameters=GIVEN, outputs=outputs)

    def _databricks(self, folder: Path) -> zflow.DatabricksJobStep:
        (folder / "record.py").write_text(_RECORD)
        parameters: Mapping[str, Template] = {
            **{f"literal_{name}": VALUES[name] for name in IN_ASCII},
            **{f"output_{name}": self.give.outputs[name] for name in IN_ASCII},
        }
        workspace = zflow.DatabricksWorkspace(
            self._stack,
            "Databricks",
            host="https://dbc-a1b2.cloud.databricks.com",
            credentials=zflow.DatabricksCredentials.from_iam_federation("7a90d2e4-3c14-4a8c-9b1e-0f6a2f1f5c11"),
        )
        return zflow.DatabricksJobStep(
            self._stack,
            "Job",
            workspace=workspace,
            task=zflow.SparkPythonTask(zflow.SourceCode.from_file(str(folder / "record.py"))),
            cluster=CLUSTER,
            parameters=parameters,
            outputs=["seen"],
        )


def synthesized(folder: Path) -> Path:
    """Synthesize the app.

    Args:
        folder: Where its files go.
    """
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Ways", env=Environment(account="111122223333", region="eu-central-1"))
    ways = Ways(stack, folder)
    zflow.MlWorkflow(
        stack,
        "Outer",
        steps=ways.steps,
        bucket=s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY),
        outputs={
            "table": ways.table.outputs["got"],
            "join": ways.join.outputs["got"],
            "collected": ways.collected.outputs["got"],
            "sub": ways.sub.outputs["got"],
            "out": {name: ways.sub.outputs[f"out_{name}"] for name in VALUES},
        },
    )
    app.synth()
    return folder / "cdk.out"


def _function(stack: Stack, id: str, code: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        f"{id}Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
    )
