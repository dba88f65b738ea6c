"""Wrong uses of the model registry and of approvals, each with the whole of what its user is told."""

from collections.abc import Callable
from typing import Literal, cast

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

import zflow_constructs as zflow
from tests.parts import SKLEARN, bucket, data, model, stack
from zflow_constructs.core.values.templates import Template

WrongUse = Callable[[Stack], object]
CASES: list[tuple[WrongUse, str]] = []


def told(*lines: str) -> Callable[[WrongUse], WrongUse]:
    def add(use: WrongUse) -> WrongUse:
        CASES.append((use, "".join(lines)))
        return use

    return add


def group(scope: Stack) -> zflow.ModelPackageGroup:
    return zflow.ModelPackageGroup(scope, "Group", name="risk-scoring")


def register(scope: Stack, **overrides: Template) -> zflow.RegisterModelStep:
    return zflow.RegisterModelStep(
        scope, "Register", group=group(scope), containers=[model(scope)], request_overrides=overrides
    )


def approve(
    scope: Stack,
    *,
    timeout: Duration | None = None,
    escalate_after: Duration | None = None,
    escalation_topic: sns.ITopic | None = None,
) -> zflow.ApprovalStep:
    return zflow.ApprovalStep(
        scope,
        "Approve",
        page=zflow.ApprovalPage(scope, "Approvals"),
        topic=sns.Topic(scope, "Topic"),
        question="Go?",
        timeout=timeout,
        escalate_after=escalate_after,
        escalation_topic=escalation_topic,
    )


@told('ModelPackageGroup "Group": name is "risk_scoring". Give letters, digits and "-" between them, 63 at most.')
def group_with_an_underscore(scope: Stack) -> object:
    return zflow.ModelPackageGroup(scope, "Group", name="risk_scoring")


@told('ModelPackageGroup "Group": name is "-risk". Give letters, digits and "-" between them, 63 at most.')
def reference_to_a_group_with_a_wrong_name(scope: Stack) -> object:
    return zflow.ModelPackageGroup.from_name(scope, "Group", "-risk")


@told(
    'Step "Register": containers has 0 entries. A model has 1 to 15: one container alone, or an inference pipeline of ',
    "several.",
)
def version_without_containers(scope: Stack) -> object:
    return zflow.RegisterModelStep(scope, "Register", group=group(scope), containers=[])


@told(
    'Step "Model": container 1 has a framework image, which serves with a script of yours. Give ',
    "ModelContainer(code=...).",
)
def model_of_a_framework_without_a_script(scope: Stack) -> object:
    archive = zflow.ModelData.from_bucket(bucket(scope), "model.tar.gz")
    return zflow.ModelStep(scope, "Model", containers=[zflow.ModelContainer(image=SKLEARN, model_data=archive)])


@told(
    'Step "Model": container 1 can\'t fetch its code from S3 with network_isolation. Put the script into an image of ',
    "your own or into the model's archive, or serve in a vpc.",
)
def isolated_model_with_a_script(scope: Stack) -> object:
    return zflow.ModelStep(scope, "Model", containers=[model(scope)], network_isolation=True)


@told('Step "Model": instance_type is "ml.m5.large". The step adds "ml." itself: ec2.InstanceType("m5.large").')
def model_on_a_machine_with_sagemakers_name(scope: Stack) -> object:
    machine = ec2.InstanceType("ml.m5.large")
    return zflow.ModelStep(scope, "Model", containers=[model(scope)], instance_type=machine)


@told(
    "Step \"Register\": request_overrides sets ClientToken to 'mine'. The step says it itself: the group by group=, ",
    "and a token by which a repeated call registers no second version. Remove it.",
)
def fixed_token(scope: Stack) -> object:
    return register(scope, ClientToken="mine")


@told(
    "Step \"Register\": request_overrides sets ModelPackageGroupName to 'other'. The step says it itself: the group ",
    "by group=, and a token by which a repeated call registers no second version. Remove it.",
)
def another_group(scope: Stack) -> object:
    return register(scope, ModelPackageGroupName="other")


@told(
    'Step "Register": request_overrides sets Tags, and SageMaker takes none for a version: it has those of its group. ',
    "Give ModelPackageGroup(tags=...), or customer_metadata here.",
)
def tags_of_a_version(scope: Stack) -> object:
    return register(scope, Tags=[{"Key": "team", "Value": "risk"}])


@told(
    'Step "Register": model_metrics["quality"] must be one of quality, data_quality, bias, explainability, and a ',
    'file whose content_type is said: evaluate.outputs["evaluation"].file("statistics.json", ',
    'content_type="application/json").',
)
def report_without_a_type(scope: Stack) -> object:
    report = zflow.DataLocation.from_bucket(bucket(scope), "statistics.json")
    return zflow.RegisterModelStep(
        scope, "Register", group=group(scope), containers=[model(scope)], model_metrics={"quality": report}
    )


@told(
    'Step "Register": model_metrics["accuracy"] must be one of quality, data_quality, bias, explainability, and a ',
    'file whose content_type is said: evaluate.outputs["evaluation"].file("statistics.json", ',
    'content_type="application/json").',
)
def report_on_something_else(scope: Stack) -> object:
    about = cast('Literal["quality"]', "accuracy")
    return zflow.RegisterModelStep(
        scope, "Register", group=group(scope), containers=[model(scope)], model_metrics={about: data(scope)}
    )


@told(
    'Step "Register": CreateModelPackage would refuse this request.\n',
    "  CustomerMetadataProperties: received 52 entries, but it must be at most 50 entries.\n",
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html ",
    "(update boto3 if AWS added it lately).",
)
def too_much_metadata(scope: Stack) -> object:
    return zflow.RegisterModelStep(
        scope,
        "Register",
        group=group(scope),
        containers=[model(scope)],
        customer_metadata={f"metric {number}": "1" for number in range(50)},
    )


@told('Step "Approve": timeout is 2505600 seconds. Give 2 to 2419200 seconds (Duration.hours(...)).')
def wait_of_29_days(scope: Stack) -> object:
    return approve(scope, timeout=Duration.days(29))


@told(
    'Step "Approve": escalate_after says when, and escalation_topic who is asked then. Give both, or none.',
)
def escalation_to_nobody(scope: Stack) -> object:
    return approve(scope, escalate_after=Duration.hours(1))


@told(
    'Step "Approve": escalate_after says when, and escalation_topic who is asked then. Give both, or none.',
)
def escalation_at_no_time(scope: Stack) -> object:
    return approve(scope, escalation_topic=sns.Topic(scope, "Heads"))


@told('Step "Approve": escalate_after is 7200 seconds. Give 1 to 3599 seconds (Duration.hours(...)).')
def escalation_after_the_end(scope: Stack) -> object:
    return approve(
        scope,
        timeout=Duration.hours(1),
        escalate_after=Duration.hours(2),
        escalation_topic=sns.Topic(scope, "Heads"),
    )


@pytest.mark.parametrize(("use", "message"), CASES, ids=[use.__name__ for use, _ in CASES])
def test_a_wrong_use_is_told_what_is_wrong_and_what_to_do(use: WrongUse, message: str) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message
