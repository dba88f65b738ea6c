"""Batch transform steps, run: gzipped rows through a model of the step's own, then through one that is there."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError

import zflow_constructs as zflow
from tests.local.aws.conftest import Api, Ended, api, ended
from tests.parts import SKLEARN
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine, RunSettings

IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SUM = """
def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    return "\\n".join(str(sum(float(field) for field in line.split(","))) for line in text.splitlines()), "text/csv"
"""


def synthesized(folder: Path) -> Path:
    """An app whose workflow adds numbers up, row by row, and adds one more with a model that was made elsewhere."""
    (folder / "inference.py").write_text(SUM)
    (folder / "rows.csv.gz").write_bytes(gzip.compress(b"a,1,2\nb,3,4\n"))
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Sums")
    own = s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY)
    add = zflow.BatchTransformStep(
        stack,
        "Add",
        containers=[
            zflow.ModelContainer(
                image=SKLEARN,
                model_data=zflow.ModelData.from_bucket(own, "model.tar.gz"),
                code=zflow.SourceCode.from_file(str(folder / "inference.py")),
            )
        ],
        data=zflow.DataLocation.from_asset(stack, "Rows", str(folder / "rows.csv.gz"), content_type="text/csv"),
        compression="Gzip",
        max_concurrency=2,
        input_filter="$[1:]",
        join_input=True,
        data_capture=zflow.BatchDataCapture.to_run_folder(inference_ids=True),
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    again = zflow.BatchTransformStep(
        stack,
        "Again",
        model=zflow.Model.from_name("there", role=role),
        data=add.output,
        input_filter="$[1,2,3]",
        join_input=True,
        output_filter="$[0,-1]",
    )
    workflow = zflow.MlWorkflow(
        stack,
        "Sums",
        steps=[add, again],
        bucket=own,
        outputs={"sums": add.output.uri, "again": again.output.uri, "captured": add.captured.uri},
    )
    CfnOutput(stack, "Machine", value=workflow.state_machine.state_machine_arn)
    CfnOutput(stack, "OwnBucket", value=own.bucket_name)
    return Path(app.synth().directory)


def packed(name: str, text: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    machine: str
    bucket: str

    @property
    def sagemaker(self) -> Api:
        return api(self.engine.aws, "sagemaker")

    def run(self) -> Ended:
        client = self.engine.aws.clients.stepfunctions
        arn = client.start_execution(stateMachineArn=self.machine, input="{}")["executionArn"]
        return ended(self.engine.aws, arn)

    def put(self, key: str, content: bytes) -> str:
        self.engine.aws.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def objects(self, uri: object) -> dict[str, str]:
        """What is below a URI, by the rest of the key."""
        client, prefix = self.engine.aws.clients.s3, str(uri).removeprefix(f"s3://{self.bucket}/")
        found = client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in found]
        bodies = [client.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode() for key in keys]
        return {key.removeprefix(prefix): body for key, body in zip(keys, bodies, strict=True)}

    def models(self, execution: Ended) -> list[str]:
        """The models of an execution's jobs that are still there."""
        scheduled = [
            cast("Mapping[str, str]", each["taskScheduledEventDetails"]) for each in execution.events("TaskScheduled")
        ]
        names = {json.loads(each["parameters"]).get("ModelName", "") for each in scheduled}
        return sorted(name for name in names if self._there(name))

    def _there(self, name: str) -> bool:
        try:
            self.sagemaker.describe_model(ModelName=name)
        except ClientError:
            return False
        return True


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("sums")
    with Engine(load_workflow(synthesized(folder), workflow="Sums"), RunSettings(folder=folder / "run")) as engine:
        outputs = engine.deploy().outputs
        app = Deployed(engine, outputs["Machine"], outputs["OwnBucket"])
        app.put("model.tar.gz", packed("model", ""))
        yield app


def test_a_model_that_is_not_there_fails_the_job_by_its_name(deployed: Deployed) -> None:
    execution = deployed.run()
    assert (execution.status, execution.error) == ("FAILED", "SageMaker.AmazonSageMakerException")
    assert 'Could not find model "arn:aws:sagemaker:' in execution.cause
    assert ':model/there"' in execution.cause


def test_rows_are_decompressed_summed_joined_given_ids_and_captured_and_summed_again(deployed: Deployed) -> None:
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": deployed.put("code.tar.gz", packed("inference.py", SUM)),
    }
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{deployed.bucket}/model.tar.gz", "Environment": environment}
    deployed.sagemaker.create_model(
        ModelName="there", PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::123456789012:role/there"
    )
    execution = deployed.run()
    assert execution.status == "SUCCEEDED", execution.cause
    told = cast("Mapping[str, str]", execution.output)
    (sums,) = deployed.objects(told["sums"]).values()
    rows = [line.split(",") for line in sums.splitlines()]
    assert [row[:4] for row in rows] == [["a", "1", "2", "3.0"], ["b", "3", "4", "7.0"]]
    assert len({UUID(row[4]) for row in rows}) == 2
    (again,) = deployed.objects(told["again"]).values()
    assert again == "a,6.0\nb,14.0\n"
    read, written = deployed.objects(told["captured"]).items()
    assert (read[0][:6], written[0][:7]) == ("input/", "output/")
    (key,) = deployed.objects(told["sums"])
    where = told["sums"].removeprefix(f"s3://{deployed.bucket}/")
    assert json.loads(written[1]) == [{"prefix": f"s3://{deployed.bucket}/"}, f"{where}{key}"]
    assert deployed.models(execution) == ["there"]
