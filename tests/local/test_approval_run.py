"""Registering and approving, run: the real Lambdas, the real page on loopback, the registry's API."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from botocore.exceptions import ClientError

import zflow_constructs as zflow
from tests.local.aws.conftest import Ended, api, ended
from tests.parts import SERVE_CODE, XGBOOST
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine, RunSettings

BUCKET = "models-of-the-test"


class Approving(Stack):
    """A workflow for each way in which an approval may end, all of them with a step that needs it."""

    def __init__(self, scope: App, id: str) -> None:
        super().__init__(scope, id)
        self._bucket = s3.Bucket(self, "Bucket", bucket_name=BUCKET, removal_policy=RemovalPolicy.DESTROY)
        self._page = zflow.ApprovalPage(self, "Approvals")
        self._risk = sns.Topic(self, "Risk", topic_name="risk")
        self._heads = sns.Topic(self, "Heads", topic_name="heads")
        self._group = zflow.ModelPackageGroup(self, "Group", name="risk-scoring")
        self._function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context):\n    return event"),
        )
        self.links()
        self.registry()
        self.late("Late")
        self.late("Rejected late", on_reject=True)

    def links(self) -> None:
        """A version that is registered, then approved by link, with an escalation."""
        register = self.register("Links Register")
        approval = zflow.ApprovalStep(
            self,
            "Links Approve",
            page=self._page,
            topic=self._risk,
            question="Shall <version> " + zflow.Jsonata("$string(1)") + " go live?",
            details={"version": register.version, "auc": "<b>0.8</b>"},
            model_package=register.model_package,
            escalate_after=Duration.seconds(2),
            escalation_topic=self._heads,
            fail_on_rejection=True,
        )
        self.workflow("Links", register, approval)

    def registry(self) -> None:
        """A version that is approved in the registry."""
        register = self.register("Register")
        approval = zflow.RegistryApprovalStep(
            self, "Approve", model_package=register.model_package, topic=self._risk, details={"auc": 0.8}
        )
        model = zflow.ModelStep(self, "Model", containers=[self.container()], when=approval.approved)
        self.workflow("Registry", register, approval, more=[model], outputs={"model": model.model_name})

    def late(self, id: str, *, on_reject: bool = False) -> None:
        """A question that nobody answers in time."""
        approval = zflow.ApprovalStep(
            self,
            f"{id} Approve",
            page=self._page,
            topic=self._risk,
            question="Go?",
            timeout=Duration.seconds(2),
            on_timeout="reject" if on_reject else "fail",
        )
        self.workflow(id.replace(" ", ""), approval)

    def register(self, id: str) -> zflow.RegisterModelStep:
        metadata = {"team": "risk"}
        return zflow.RegisterModelStep(
            self, id, group=self._group, containers=[self.container()], customer_metadata=metadata
        )

    def container(self) -> zflow.ModelContainer:
        data = zflow.ModelData.from_bucket(self._bucket, "model.tar.gz")
        return zflow.ModelContainer(image=XGBOOST, model_data=data, code=SERVE_CODE)

    def workflow(
        self,
        id: str,
        *steps: zflow.Step,
        more: Sequence[zflow.Step] = (),
        outputs: Mapping[str, zflow.Expression] | None = None,
    ) -> None:
        """A workflow that ends with a step which needs the approval."""
        approval = steps[-1]
        assert isinstance(approval, zflow.ApprovalStep | zflow.RegistryApprovalStep)
        live = zflow.LambdaStep(
            self,
            f"{id} Live",
            function=self._function,
            payload={"by": approval.decided_by},
            outputs=["by"],
            when=approval.approved,
        )
        given = {"decision": approval.decision, "comment": approval.comment, "live": live.outputs["by"]}
        workflow = zflow.MlWorkflow(
            self, id, steps=[*steps, live, *more], outputs={**given, **(outputs or {})}, bucket=self._bucket
        )
        CfnOutput(self, f"{id}Machine", value=workflow.state_machine.state_machine_arn)


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    outputs: Mapping[str, str]
    said: list[str]
    seen: int = field(default=0)

    def start(self, workflow: str) -> str:
        self.seen = len(self.said)
        client = self.engine.aws.clients.stepfunctions
        machine = self.outputs[f"{workflow}Machine"]
        return client.start_execution(stateMachineArn=machine)["executionArn"]

    def ended(self, arn: str) -> Ended:
        return ended(self.engine.aws, arn)

    def heard(self, pattern: str) -> str:
        """What a line says that was said since the last start."""

        def found() -> list[str]:
            return [match[1] for line in self.said[self.seen :] if (match := re.search(pattern, line))]

        until(lambda: bool(found()))
        return found()[-1]

    def link(self) -> str:
        return self.heard(r"waits for a decision, on this page: (\S+)")

    def versions(self) -> int:
        client = self.engine.aws.clients.sagemaker
        return len(client.list_model_packages(ModelPackageGroupName="risk-scoring")["ModelPackageSummaryList"])

    def redrive(self, arn: str) -> None:
        self.seen = len(self.said)
        self.engine.aws.clients.stepfunctions.redrive_execution(executionArn=arn)


def get(link: str) -> tuple[int, str]:
    return _answer(urllib.request.Request(link))


def decide(link: str, decision: str, **more: str) -> tuple[int, str]:
    fields = {**dict(parse_qsl(urlsplit(link).query)), "decision": decision, **more}
    return _answer(urllib.request.Request(link, data=urlencode(fields).encode()))


def _answer(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("approving")


@pytest.fixture(scope="module")
def deployed(folder: Path) -> Iterator[Deployed]:
    app = App(outdir=str(folder / "cdk.out"))
    Approving(app, "Approving")
    said: list[str] = []
    workflow = load_workflow(Path(app.synth().directory), workflow="Links")
    with Engine(workflow, RunSettings(folder=folder / "run"), say=said.append) as engine:
        outputs = engine.deploy().outputs
        engine.aws.clients.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"")
        yield Deployed(engine, outputs, said)


def test_a_version_is_registered_approved_by_the_page_of_the_link_and_goes_live(
    deployed: Deployed, folder: Path
) -> None:
    arn = deployed.start("Links")
    link = deployed.link()
    status, page = get(link)
    assert status == 200
    assert "Shall &lt;version&gt; 1 go live?" in page
    assert "&lt;b&gt;0.8&lt;/b&gt;" in page
    described = deployed.engine.aws.clients.stepfunctions.describe_execution(executionArn=arn)
    assert described["status"] == "RUNNING"
    status, page = decide(link, "approved", name="Ada", comment="Good\nenough")
    assert status == 200
    assert "<h1>Approved</h1><p>Thank you. The workflow goes on.</p>" in page
    run = deployed.ended(arn)
    assert (run.status, run.output) == (
        "SUCCEEDED",
        {"decision": "approved", "comment": "Good enough", "live": "Ada"},
    ), run.cause
    client = deployed.engine.aws.clients.sagemaker
    (latest, *_) = client.list_model_packages(ModelPackageGroupName="risk-scoring")["ModelPackageSummaryList"]
    package = client.describe_model_package(ModelPackageName=latest["ModelPackageArn"])
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "Ada: Good enough")
    metadata = package["CustomerMetadataProperties"]
    assert (metadata["team"], metadata["zflow:execution"], len(metadata["zflow:code-1"])) == ("risk", arn, 64)
    assert decide(link, "rejected")[0] == 409
    messages = (folder / "run" / "messages.txt").read_text()
    assert messages.startswith(
        "To: risk\nSubject: To decide: Links Approve\n\nShall <version> 1 go live?\n\n  version: "
    )


def test_a_rejection_tells_the_registry_and_fails_where_that_is_wanted(deployed: Deployed) -> None:
    arn = deployed.start("Links")
    assert decide(deployed.link(), "rejected", name="Ada", comment="Too weak.")[0] == 200
    run = deployed.ended(arn)
    assert (run.status, run.error) == ("FAILED", "Zflow.Rejected")
    assert run.cause == 'Step "Links Approve" was rejected by Ada. Too weak.'
    client = deployed.engine.aws.clients.sagemaker
    (latest, *_) = client.list_model_packages(ModelPackageGroupName="risk-scoring")["ModelPackageSummaryList"]
    assert latest["ModelApprovalStatus"] == "Rejected"


def test_after_a_while_others_are_asked_too_and_the_first_link_still_works(deployed: Deployed, folder: Path) -> None:
    arn = deployed.start("Links")
    first = deployed.link()
    until(lambda: deployed.link() != first)
    second = deployed.link()
    assert dict(parse_qsl(urlsplit(first).query))["q"] == dict(parse_qsl(urlsplit(second).query))["q"]
    assert "To: heads\nSubject: To decide: Links Approve\n" in (folder / "run" / "messages.txt").read_text()
    assert decide(first, "approved")[0] == 200
    run = deployed.ended(arn)
    assert run.status == "SUCCEEDED", run.cause
    assert decide(second, "rejected")[0] == 409


def test_where_nobody_decides_in_time_the_step_fails_and_a_redrive_asks_again(deployed: Deployed) -> None:
    arn = deployed.start("Late")
    first = deployed.link()
    run = deployed.ended(arn)
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    topic = f"arn:aws:sns:eu-central-1:{deployed.engine.aws.account}:risk"
    assert f'Step "Late Approve": nobody decided within 2 seconds. Asked: {topic}. A redrive asks again.' in run.cause
    assert decide(first, "approved")[0] == 410
    deployed.redrive(arn)
    second = deployed.link()
    assert second != first
    assert decide(second, "approved")[0] == 200
    assert deployed.ended(arn).status == "SUCCEEDED"


def test_where_nobody_decides_in_time_it_may_count_as_rejected(deployed: Deployed) -> None:
    run = deployed.ended(deployed.start("Rejectedlate"))
    assert (run.status, run.output) == (
        "SUCCEEDED",
        {"decision": "rejected", "comment": "Nobody decided within 2 seconds.", "live": None},
    ), run.cause


@pytest.mark.parametrize(
    ("status", "decision", "by"), [("Approved", "approved", "user/local"), ("Rejected", "rejected", "")]
)
def test_the_registry_decides_where_that_is_what_is_looked_at(
    deployed: Deployed, status: str, decision: str, by: str
) -> None:
    arn = deployed.start("Registry")
    command = deployed.heard(r"^Approve waits until .*(aws sagemaker update-model-package .*)$")
    package = command.rsplit(" ", 1)[1]
    deployed.engine.aws.clients.sagemaker.update_model_package(
        ModelPackageArn=package,
        ModelApprovalStatus=status,  # type: ignore[arg-type]  # a literal
        ApprovalDescription="Because.",
    )
    run = deployed.ended(arn)
    output = run.output
    assert isinstance(output, dict), run.cause
    assert (output["decision"], output["comment"]) == (decision, "Because.")
    assert str(output["live"] or "").endswith(by)
    assert (output["live"] is None) == (output["model"] is None) == (decision == "rejected")
    if output["model"]:
        model = deployed.engine.aws.clients.sagemaker.describe_model(ModelName=output["model"])
        assert model["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/model.tar.gz"
    assert deployed.heard(r"^A message to risk: (.*)$") == "To decide: Approve"


def test_a_call_whose_answer_was_lost_registers_no_second_version(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    client = api(deployed.engine.aws, "sagemaker")
    create = client.create_model_package

    def lost(**request: object) -> Mapping[str, object]:
        calls.append(request["ClientToken"])
        answer = create(**request)
        if len(calls) == 1:
            metadata = {"HTTPStatusCode": 400, "RequestId": "1", "HostId": "", "HTTPHeaders": {}, "RetryAttempts": 0}
            problem = {"Code": "SageMakerException", "Message": "Connection reset"}
            raise ClientError({"Error": problem, "ResponseMetadata": metadata}, "CreateModelPackage")  # type: ignore[typeddict-item]
        return answer

    monkeypatch.setattr(client, "create_model_package", lost)
    before = deployed.versions()
    arn = deployed.start("Registry")
    package = deployed.heard(r"^Approve waits until (\S+) is")
    assert len(calls) == 2
    assert len(set(calls)) == 1
    assert deployed.versions() == before + 1
    deployed.engine.aws.clients.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    assert deployed.ended(arn).status == "SUCCEEDED"


def test_a_version_that_the_registry_refused_fails_the_step_and_a_redrive_registers_anew(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api(deployed.engine.aws, "sagemaker")
    describe = client.describe_model_package
    details = {
        "ValidationStatuses": [{"Name": "v", "Status": "Failed", "FailureReason": "The image can't be scanned."}]
    }

    def failed(**request: object) -> Mapping[str, object]:
        bad.append(request["ModelPackageName"])
        described = describe(**request)
        if request["ModelPackageName"] != bad[0]:
            return described
        return {**described, "ModelPackageStatus": "Failed", "ModelPackageStatusDetails": details}

    bad: list[object] = []
    monkeypatch.setattr(client, "describe_model_package", failed)
    before = deployed.versions()
    arn = deployed.start("Registry")
    run = deployed.ended(arn)
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    assert 'Step "Register": the registry refused arn:aws:sagemaker:' in run.cause
    assert "which is Failed. Reason: The image can't be scanned." in run.cause
    deployed.redrive(arn)
    package = deployed.heard(r"^Approve waits until (\S+) is")
    assert deployed.versions() == before + 2
    deployed.engine.aws.clients.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    assert deployed.ended(arn).status == "SUCCEEDED"
