"""An app with a workflow for each thing that constructs can say, all of small Lambda functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

import zflow_constructs as zflow
from zflow_constructs.core.values.templates import Template

# Answers with its event. Where it is told so, it leaves a trace of the call, and raises while an object is missing.
_HANDLER = """
import os, uuid, boto3
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]

def handler(event, context):
    if event.get("trace"):
        s3.put_object(Bucket=bucket, Key=f"{event['trace']}/{uuid.uuid4()}", Body=b"")
    if event.get("needs") and not s3.list_objects_v2(Bucket=bucket, Prefix=event["needs"])["KeyCount"]:
        raise ValueError(f"{event['needs']} is missing")
    return event
"""


class Constructs(Stack):
    """The workflows; each is an output of the stack, by its name, as is the bucket."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._bucket = s3.Bucket(self, "Bucket", removal_policy=RemovalPolicy.DESTROY)
        self._function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(_HANDLER),
            environment={"BUCKET": self._bucket.bucket_name},
        )
        CfnOutput(self, "BucketName", value=self._bucket.bucket_name)
        self.loop("Inline", max_concurrency=3)
        self.loop("Serial", max_concurrency=1)
        self.loop("Distributed", max_concurrency=41)
        self.loop("Tolerant", max_concurrency=1, tolerated_failure_percentage=50)
        self.loop_in_a_loop()
        self.paths()
        self.meeting()
        self.ending()
        self.workflow_in_a_workflow()

    def step(
        self,
        id: str,
        *,
        payload: Mapping[str, Template] | None = None,
        scope: Construct | None = None,
        after: Sequence[zflow.Step | zflow.StepGroup] = (),
        when: zflow.Condition | None = None,
        optional: bool = False,
    ) -> zflow.LambdaStep:
        """A step that answers with its payload."""
        return zflow.LambdaStep(
            scope or self,
            id,
            function=self._function,
            payload=payload,
            outputs=list(payload or {}),
            after=after,
            when=when,
            optional=optional,
        )

    def workflow(
        self,
        id: str,
        *,
        steps: Sequence[zflow.Step | zflow.StepGroup],
        finally_: Sequence[zflow.Step] = (),
        parameters: Mapping[str, zflow.RunParameter | str | float] | None = None,
        outputs: Mapping[str, Template] | None = None,
    ) -> zflow.MlWorkflow:
        """A workflow, as an output of the stack."""
        workflow = zflow.MlWorkflow(
            self, id, steps=steps, finally_=finally_, parameters=parameters, outputs=outputs, bucket=self._bucket
        )
        CfnOutput(self, f"{id}Machine", value=workflow.state_machine.state_machine_arn)
        return workflow

    def loop(self, id: str, *, max_concurrency: int, tolerated_failure_percentage: int = 0) -> None:
        """A loop over the list `items` of the execution's input; its iterations meet at the table."""
        extract = self.step(f"{id} Extract", payload={"items": _given("items"), "factor": 2})
        item = zflow.Item("country")
        a = self.step(f"{id} A", payload={"name": item["name"], "trace": item["trace"], "needs": item["needs"]})
        b = self.step(f"{id} B", payload={"factor": extract.outputs["factor"]})
        c = self.step(f"{id} C", payload={"sizes": item["sizes"]}, after=[a])
        d = self.step(f"{id} D", payload={"name": a.outputs["name"], "factor": b.outputs["factor"]})
        loop = zflow.ForEach(
            self,
            f"{id} Loop",
            items=extract.outputs["items"],
            item="country",
            steps=[a, b, c, d],
            outputs={"name": d.outputs["name"], "factor": d.outputs["factor"], "sizes": c.outputs["sizes"]},
            max_concurrency=max_concurrency,
            most_items=4,
            tolerated_failure_percentage=tolerated_failure_percentage,
        )
        after = self.step(f"{id} After", payload={"names": loop.outputs["name"]})
        outputs = {
            "names": after.outputs["names"],
            "factors": loop.outputs["factor"],
            "sizes": loop.outputs["sizes"],
            "results": loop.results,
        }
        self.workflow(id, steps=[extract, loop, after], outputs=outputs)

    def loop_in_a_loop(self) -> None:
        """A loop over lists, in each iteration one over the list; then loops over what it gave and what is written."""
        leaf = self.step("Leaf", payload={"name": zflow.Item("name"), "beside": zflow.Item("names")})
        inner = zflow.ForEach(
            self, "Inner", items=zflow.Item("names"), item="name", steps=[leaf], outputs={"name": leaf.outputs["name"]}
        )
        outer = zflow.ForEach(
            self,
            "Outer",
            items=[["a", "b"], ["c"], []],
            item="names",
            steps=[inner],
            outputs={"names": inner.outputs["name"]},
        )
        each = self.step("Each", payload={"names": zflow.Item("turn")["names"]})
        again = zflow.ForEach(
            self, "Again", items=outer.results, item="turn", steps=[each], outputs={"names": each.outputs["names"]}
        )
        given = zflow.ForEach(
            self,
            "Given",
            items=zflow.Jsonata("[1, [2, 3]]"),
            steps=[self.step("Take", payload={"item": zflow.Item("item")})],
        )
        self.workflow(
            "Loops",
            steps=[outer, again, given],
            outputs={"names": outer.outputs["names"], "again": again.outputs["names"], "given": given.results},
        )

    def paths(self) -> None:
        """Conditions, an optional step, paths that meet again, and a group of steps."""
        load = self.step("Load", payload={"rows": zflow.Parameter("rows")})
        audit = Audit(self, "Audit", rows=load.outputs["rows"])
        publish = self.step("Publish", payload={"signed": audit.sign.outputs["rows"]}, after=[audit])
        tidy = self.step("Tidy", payload={"done": True}, after=[audit])
        drift = self.step("Drift", payload={"score": 1, "needs": zflow.Parameter("needs")}, optional=True)
        plot = self.step("Plot", payload={"score": drift.outputs["score"]})
        guess = self.step("Guess", payload={"score": 0}, when=drift.otherwise)
        score = zflow.first_of(drift.outputs["score"], guess.outputs["score"])
        report = self.step("Report", payload={"score": score})
        self.workflow(
            "Paths",
            steps=[load, audit, publish, tidy, drift, plot, guess, report],
            parameters={"rows": 10, "needs": ""},
            outputs={
                "signed": audit.sign.outputs["rows"],
                "published": publish.outputs["signed"],
                "tidied": tidy.outputs["done"],
                "plotted": plot.outputs["score"],
                "guessed": guess.outputs["score"],
                "reported": report.outputs["score"],
            },
        )

    def meeting(self) -> None:
        """An N: C needs A, D needs A or B."""
        first, second = (
            self.step(
                name.upper(),
                payload={"value": name, "needs": zflow.Parameter(f"{name}_needs")},
                when=zflow.Parameter(name) == True,  # noqa: E712
            )
            for name in ("a", "b")
        )
        c = self.step("C", payload={"value": first.outputs["value"]})
        d = self.step("D", payload={"value": zflow.first_of(first.outputs["value"], second.outputs["value"])})
        self.workflow(
            "Meeting",
            steps=[first, second, c, d],
            parameters={"a": True, "b": True, "a_needs": "", "b_needs": ""},
            outputs={"C": c.outputs["value"], "D": d.outputs["value"]},
        )

    def ending(self) -> None:
        """Steps that run at the end: one always, one only if the run did not succeed."""
        work = self.step("Work", payload={"needs": zflow.Parameter("needs")})
        wait = sfn.Wait.jsonata(self, "For a day", time=sfn.WaitTime.duration(Duration.days(1)))
        long = zflow.NativeStep(self, "Long", chain=wait, when=zflow.Parameter("long") == True)  # noqa: E712
        outcome = {name: zflow.Outcome(name) for name in ("status", "error", "cause", "execution", "name", "url")}
        tell = self.step("Tell", payload={**outcome, "country": zflow.Parameter("country")})
        stop = self.step("Stop", payload={"stopped": True}, when=zflow.Outcome("status") != "SUCCEEDED")
        country = zflow.RunParameter.one_of("de", "fr", default="de")
        self.workflow(
            "Ending",
            steps=[work, long],
            finally_=[tell, stop],
            parameters={"country": country, "needs": "", "long": False},
        )

    def workflow_in_a_workflow(self) -> None:
        """A workflow as a step of another."""
        make = self.step(
            "Make",
            payload={"value": zflow.Parameter("factor"), "sizes": [1, 2], "needs": zflow.Parameter("needs")},
        )
        child = self.workflow(
            "Child",
            steps=[make],
            parameters={"factor": zflow.RunParameter.number(least=0), "needs": ""},
            outputs={"value": make.outputs["value"], "sizes": make.outputs["sizes"]},
        )
        first = self.step("First", payload={"factor": zflow.Parameter("factor")})
        given = {"factor": first.outputs["factor"], "needs": zflow.Parameter("needs")}
        score = zflow.WorkflowStep(self, "Score", workflow=child, parameters=given)
        use = self.step("Use", payload={**score.outputs, "execution": score.execution_arn})
        self.workflow("Parent", steps=[first, score, use], parameters={"factor": 1.5, "needs": ""})


class Audit(zflow.StepGroup):
    """Counts rows, and signs them if there are enough."""

    def __init__(self, scope: Constructs, id: str, *, rows: zflow.Expression) -> None:
        super().__init__(scope, id)
        self.count = scope.step("Count", scope=self, payload={"rows": rows})
        enough = self.count.outputs["rows"] >= 10
        self.sign = scope.step("Sign", scope=self, payload={"rows": self.count.outputs["rows"]}, when=enough)


def synthesized(folder: Path) -> Path:
    """The app's cloud assembly."""
    app = App(outdir=str(folder))
    Constructs(app, "Constructs")
    return Path(app.synth().directory)


def _given(field: str) -> zflow.Jsonata:
    """A field of the execution's input, which is no run parameter: those have types, and none is an object."""
    return zflow.Jsonata(f"$states.context.Execution.Input.{field}")
