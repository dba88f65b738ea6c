"""Endpoints brought to a new configuration by the machines that are synthesized, while all kinds of things go wrong.

Each test has an endpoint of its own, whose models are no more than names: what is tested is what the states do.
"""

import json
import threading
from collections.abc import Iterator

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError

import zflow_constructs as zflow
from tests.local.aws.conftest import api, ended
from tests.local.aws.endpoint_world import THROTTLED, World, container, forbidden, world
from tests.waiting import until
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.objects import ObjectStore

HOUR = Duration.hours(1)
SAMPLE = zflow.SmokeTest.from_text("1", content_type="text/csv", contains="score")
SCALES = zflow.AutoScaling(min_capacity=1, max_capacity=4, targets=[zflow.ScalingTarget.invocations_per_instance(600)])


@pytest.fixture(scope="module")
def shared_account(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(aws, tmp_path_factory.mktemp("endpoints")) as account:
        yield account


@pytest.fixture
def account(shared_account: World) -> World:
    """The account, in which nothing goes wrong yet."""
    shared_account.faults.coming = {}
    return shared_account


def plain(scope: Stack, name: str) -> zflow.Step:
    """An endpoint of one container, and no more."""
    return zflow.InferencePipelineEndpoint(
        scope, "Endpoint", containers=[container(scope)], endpoint_name=name, keep_previous=1, timeout=HOUR
    )


def sampled(scope: Stack, name: str) -> zflow.Step:
    """An endpoint that is tested."""
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[container(scope)],
        endpoint_name=name,
        smoke_test=SAMPLE,
        keep_previous=1,
        timeout=HOUR,
    )


def scaled(scope: Stack, name: str, machine: str = "m5.large") -> zflow.Step:
    """An endpoint that is tested and scales."""
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[container(scope)],
        endpoint_name=name,
        smoke_test=SAMPLE,
        instance_type=ec2.InstanceType(machine),
        autoscaling=SCALES,
        keep_previous=1,
        timeout=HOUR,
    )


def larger(scope: Stack, name: str) -> zflow.Step:
    """The same on another machine."""
    return scaled(scope, name, "m5.xlarge")


def said(name: str, problem: str) -> str:
    """What the step says of its endpoint."""
    return f'Step "Endpoint": the endpoint {name} {problem}'


ROLLED_BACK = "does not serve this run's configuration: the update failed or was rolled back."
UNLOADABLE = "The primary container did not pass the ping health check: this model can't be loaded"


def test_throttled_calls_are_made_again_until_they_are_answered(account: World) -> None:
    actions = ("CreateModel", "CreateEndpointConfig", "DescribeEndpoint", "CreateEndpoint", "UpdateEndpoint")
    for version in ("first", "second"):
        account.faults.coming = {action: [THROTTLED, THROTTLED] for action in (*actions, "ListEndpointConfigs")}
        run = account.run(plain, "throttled", version)
        assert run.status == "SUCCEEDED", run.cause
        assert account.ask("throttled") == version
    left = account.left("throttled")
    assert left.status == "InService"
    assert left.serves == left.configurations[0]
    assert (len(left.configurations), len(left.models), left.targets) == (2, 2, [])


@pytest.mark.slow
def test_what_is_throttled_all_the_time_fails_with_what_aws_says_and_goes_on_after_a_redrive(account: World) -> None:
    account.faults.coming = {"CreateEndpoint": [THROTTLED] * 10}
    run = account.run(plain, "busy")
    assert (run.status, run.error) == ("FAILED", "SageMaker.SageMakerException")
    assert "Rate exceeded" in run.cause
    with pytest.raises(ClientError, match="Could not find endpoint"):
        account.left("busy")
    again = account.redrive(run.arn)
    assert again.status == "SUCCEEDED", again.cause
    left = account.left("busy")
    assert (left.status, [left.serves], len(left.models)) == ("InService", left.configurations, 1)


def test_calls_whose_answers_are_lost_have_done_what_they_were_asked(account: World) -> None:
    account.faults.lost = {"CreateEndpoint"}
    created = account.run(plain, "unanswered")
    assert created.status == "SUCCEEDED", created.cause
    account.faults.lost = {"UpdateEndpoint"}
    updated = account.run(plain, "unanswered", "second")
    assert updated.status == "SUCCEEDED", updated.cause
    assert account.ask("unanswered") == "second"
    account.faults.lost = {"DeleteEndpoint"}
    deleted = account.run(gone, "unanswered")
    assert deleted.status == "SUCCEEDED", deleted.cause
    assert account.faults.lost == set()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        account.left("unanswered")


def test_an_endpoint_whose_creation_failed_is_made_anew_though_the_answer_to_its_deletion_is_lost(
    account: World,
) -> None:
    assert account.run(plain, "failed-unanswered", "broken").status == "FAILED"
    account.faults.lost = {"DeleteEndpoint"}
    again = account.run(plain, "failed-unanswered", "second")
    assert again.status == "SUCCEEDED", again.cause
    assert account.ask("failed-unanswered") == "second"


def test_a_deletion_that_is_not_allowed_fails_with_what_aws_says(account: World) -> None:
    assert account.run(plain, "kept").status == "SUCCEEDED"
    account.faults.coming = {"DeleteEndpoint": [forbidden("sagemaker:DeleteEndpoint")] * 10}
    run = account.run(gone, "kept")
    assert (run.status, run.error) == ("FAILED", "SageMaker.SageMakerException")
    assert "not authorized to perform: sagemaker:DeleteEndpoint" in run.cause
    assert account.ask("kept") == "first"


def test_a_look_that_is_not_allowed_fails_at_once(account: World) -> None:
    account.faults.coming = {"DescribeEndpoint": [forbidden("sagemaker:DescribeEndpoint")]}
    run = account.run(plain, "unseen")
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    problem = "could not be looked at. User: scoring is not authorized to perform: sagemaker:DescribeEndpoint"
    assert said("unseen", problem) in run.cause
    with pytest.raises(ClientError, match="Could not find endpoint"):
        account.left("unseen")


def test_an_update_that_is_not_allowed_leaves_all_as_it_was_and_says_so(account: World) -> None:
    assert account.run(scaled, "locked").status == "SUCCEEDED"
    before = account.left("locked")
    account.faults.coming = {"UpdateEndpoint": [forbidden("sagemaker:UpdateEndpoint")] * 9}
    run = account.run(larger, "locked", "second")
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    problem = "could not be updated: User: scoring is not authorized to perform: sagemaker:UpdateEndpoint"
    assert said("locked", problem) in run.cause
    left = account.left("locked")
    assert (left.status, left.serves, left.targets) == (before.status, before.serves, before.targets)
    assert left.targets == ["endpoint/locked/variant/AllTraffic"]
    assert account.ask("locked") == "first"


def test_an_update_by_somebody_else_is_waited_for_and_then_replaced(account: World) -> None:
    assert account.run(plain, "shared").status == "SUCCEEDED"
    account.gates["theirs"] = threading.Event()
    sagemaker = account.sagemaker
    data = {"Image": "own", "ModelDataUrl": "s3://models/theirs/model.tar.gz"}
    sagemaker.create_model(ModelName="by-hand", ExecutionRoleArn="role", PrimaryContainer=data)
    variant = {"VariantName": "AllTraffic", "ModelName": "by-hand", "InitialInstanceCount": 1, "InstanceType": "ml.m5"}
    sagemaker.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName="shared", EndpointConfigName="by-hand")
    arn = account.start(plain, "shared", "second")
    until(
        lambda: (
            "Endpoint: wait for others"
            in str(account.aws.clients.stepfunctions.get_execution_history(executionArn=arn)["events"])
        )
    )
    account.gates["theirs"].set()
    run = ended(account.aws, arn)
    assert run.status == "SUCCEEDED", run.cause
    left = account.left("shared")
    assert account.ask("shared") == "second"
    # What was made by hand is nobody's to delete; the first one is older than what served before.
    assert left.configurations == [left.serves]
    assert sagemaker.describe_endpoint_config(EndpointConfigName="by-hand")


def test_an_endpoint_whose_creation_failed_is_made_anew(account: World) -> None:
    broken = account.run(plain, "unborn", "broken")
    assert (broken.status, broken.error) == ("FAILED", "States.QueryEvaluationError")
    assert said("unborn", f"{ROLLED_BACK} Status: Failed. Reason: {UNLOADABLE}") in broken.cause
    assert account.left("unborn").status == "Failed"
    run = account.run(plain, "unborn", "second")
    assert run.status == "SUCCEEDED", run.cause
    assert account.ask("unborn") == "second"
    left = account.left("unborn")
    assert (left.status, left.serves) == ("InService", left.configurations[0])


def test_a_step_that_runs_out_of_time_leaves_the_update_going_and_a_redrive_finds_it_done(account: World) -> None:
    assert account.run(plain, "slow").status == "SUCCEEDED"
    account.gates["sleepy"] = threading.Event()
    run = account.run(plain, "slow", "sleepy", seconds=1)
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    assert said("slow", "does not serve after 3600 seconds.") in run.cause
    assert account.status("slow") == "Updating"
    assert account.ask("slow") == "first"
    account.gates["sleepy"].set()
    account.wait_for("slow", "InService")
    again = account.redrive(run.arn)
    assert again.status == "SUCCEEDED", again.cause
    assert account.ask("slow") == "sleepy"
    left = account.left("slow")
    assert (left.serves, len(left.configurations), len(left.models)) == (left.configurations[0], 2, 2)


def test_scaling_that_can_t_be_set_up_fails_the_step_and_a_redrive_begins_again(account: World) -> None:
    refused = ApiError("ValidationException", "The maximum capacity is more than the account has.")
    account.faults.coming = {"RegisterScalableTarget": [refused]}
    run = account.run(scaled, "stiff")
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    problem = "could not be set up to scale: The maximum capacity is more than the account has."
    assert said("stiff", problem) in run.cause
    first = account.left("stiff")
    assert (first.status, first.targets, account.ask("stiff")) == ("InService", [], "first")
    again = account.redrive(run.arn)
    assert again.status == "SUCCEEDED", again.cause
    left = account.left("stiff")
    assert left.targets == ["endpoint/stiff/variant/AllTraffic"]
    assert left.configurations == [left.serves, first.serves]


def test_a_first_model_that_fails_its_smoke_test_serves_on_since_there_is_nothing_to_put_back(account: World) -> None:
    run = account.run(scaled, "new", "silly")
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    assert said("new", "failed its smoke test: ") in run.cause
    assert "The variant AllTraffic gave an answer without" in run.cause
    assert "put back" not in run.cause
    left = account.left("new")
    assert (left.status, left.configurations) == ("InService", [left.serves])
    assert left.targets == ["endpoint/new/variant/AllTraffic"]
    assert account.run(scaled, "new", "second").status == "SUCCEEDED"
    assert account.ask("new") == "second"


def test_a_model_that_fails_its_smoke_test_on_another_machine_is_put_back_and_scales_as_before(account: World) -> None:
    assert account.run(scaled, "moved").status == "SUCCEEDED"
    before = account.left("moved")
    run = account.run(larger, "moved", "silly")
    assert run.status == "FAILED"
    assert f"It is put back to {before.serves}." in run.cause
    assert "could not" not in run.cause
    left = account.left("moved")
    assert (left.status, left.serves, left.targets) == (before.status, before.serves, before.targets)


@pytest.mark.slow
def test_a_model_that_can_t_be_put_back_is_told_of_twice(account: World) -> None:
    assert account.run(sampled, "stuck").status == "SUCCEEDED"
    before = account.left("stuck")
    refused = ApiError("ValidationException", "There is no such machine any more.")
    account.faults.coming = {"UpdateEndpoint": [None, *[refused] * 9]}
    run = account.run(sampled, "stuck", "silly")
    assert run.status == "FAILED"
    assert said("stuck", "failed its smoke test: ") in run.cause
    assert said("stuck", "could not be put back: There is no such machine any more.") in run.cause
    left = account.left("stuck")
    assert left.serves == left.configurations[0] != before.serves


@pytest.mark.slow
def test_variants_whose_machines_can_t_be_told_are_all_taken_out_of_scaling(account: World) -> None:
    assert account.run(scaled, "lost").status == "SUCCEEDED"
    before = account.left("lost").serves
    gone = ApiError("ValidationException", f"Could not find endpoint configuration {before}.")
    account.faults.coming = {"DescribeEndpointConfig": [gone] * 9}
    run = account.run(larger, "lost", "second")
    assert run.status == "SUCCEEDED", run.cause
    assert (account.ask("lost"), account.left("lost").targets) == ("second", ["endpoint/lost/variant/AllTraffic"])


@pytest.mark.slow
def test_a_configuration_that_can_t_be_deleted_is_left_for_the_next_run(account: World) -> None:
    for version in ("first", "second"):
        assert account.run(plain, "sticky", version).status == "SUCCEEDED"
    account.faults.coming = {"DeleteEndpointConfig": [forbidden("sagemaker:DeleteEndpointConfig")] * 9}
    run = account.run(plain, "sticky", "third")
    assert run.status == "SUCCEEDED", run.cause
    account.faults.coming = {}
    assert len(account.left("sticky").configurations) == 3
    assert account.run(plain, "sticky", "fourth").status == "SUCCEEDED"
    left = account.left("sticky")
    assert (len(left.configurations), len(left.models)) == (2, 2)


# Other kinds


def split(scope: Stack, name: str) -> zflow.Step:
    """Three of four requests are the champion's."""
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        variants=[
            zflow.EndpointVariant("Champion", containers=[container(scope, "champion")], weight=3, autoscaling=SCALES),
            zflow.EndpointVariant("Challenger", containers=[container(scope)], weight=1),
        ],
        endpoint_name=name,
        smoke_test=SAMPLE,
        keep_previous=0,
        timeout=HOUR,
    )


@pytest.mark.slow
def test_variants_share_the_traffic_and_each_has_to_pass_the_test(account: World) -> None:
    run = account.run(split, "split", "challenger")
    assert run.status == "SUCCEEDED", run.cause
    answers = [account.ask("split") for _ in range(200)]
    assert set(answers) == {"champion", "challenger"}
    assert 120 < answers.count("champion") < 180
    before = account.left("split")
    assert (len(before.configurations), len(before.models)) == (1, 2)
    assert before.targets == ["endpoint/split/variant/Champion"]
    silly = account.run(split, "split", "silly")
    assert silly.status == "FAILED"
    assert "The variant Challenger gave an answer without" in silly.cause
    assert account.left("split").serves == before.serves
    # The four models and configurations of the runs before go, the two of this one stay.
    assert account.run(split, "split", "second").status == "SUCCEEDED"
    left = account.left("split")
    assert (left.configurations, len(left.models), left.targets) == ([left.serves], 2, before.targets)
    assert account.ask("split", TargetVariant="Challenger") == "second"


def no_machines(scope: Stack, name: str) -> zflow.Step:
    """A serverless endpoint of which a part stays warm."""
    utilization = zflow.ScalingTarget.provisioned_concurrency_utilization(70)
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[container(scope)],
        endpoint_name=name,
        serverless=zflow.Serverless(max_concurrency=5, provisioned_concurrency=1),
        autoscaling=zflow.AutoScaling(min_capacity=1, max_capacity=3, targets=[utilization]),
        smoke_test=SAMPLE,
        keep_previous=0,
        timeout=HOUR,
    )


def test_a_serverless_endpoint_is_created_updated_and_scales(account: World) -> None:
    for version in ("first", "second"):
        run = account.run(no_machines, "rare", version)
        assert run.status == "SUCCEEDED", run.cause
        assert account.ask("rare") == version
    scaling = api(account.aws, "application-autoscaling")
    dimensions = [
        each["ScalableDimension"]
        for each in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]  # type: ignore[attr-defined]
        if each["ResourceId"] == "endpoint/rare/variant/AllTraffic"
    ]
    assert dimensions == ["sagemaker:variant:DesiredProvisionedConcurrency"]
    left = account.left("rare")
    assert (left.configurations, len(left.models)) == ([left.serves], 1)


def queued(scope: Stack, name: str) -> zflow.Step:
    """An asynchronous endpoint that has no machine when nobody asks."""
    lake = s3.Bucket.from_bucket_name(scope, "Lake", "lake")
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[container(scope)],
        endpoint_name=name,
        asynchronous=zflow.AsyncInference(zflow.DataLocation.from_bucket(lake, "requests/")),
        autoscaling=zflow.AutoScaling(
            min_capacity=0, max_capacity=2, targets=[zflow.ScalingTarget.backlog_per_instance(5)]
        ),
        timeout=HOUR,
    )


def gone(scope: Stack, name: str) -> zflow.Step:
    return zflow.DeleteEndpointStep(scope, "Delete", endpoint_name=name, timeout=HOUR)


def test_an_asynchronous_endpoint_answers_into_the_run_s_folder_is_woken_and_leaves_no_alarm(account: World) -> None:
    run = account.run(queued, "queued")
    assert run.status == "SUCCEEDED", run.cause
    store = ObjectStore(account.aws.clients.s3)
    runtime = api(account.aws, "sagemaker-runtime")
    for name, body in (("good", b"1"), ("bad", b"bad")):
        store.write(f"s3://lake/requests/{name}.csv", body)
    good, bad = (
        runtime.invoke_endpoint_async(EndpointName="queued", InputLocation=f"s3://lake/requests/{name}.csv")
        for name in ("good", "bad")
    )
    folder = f"s3://runs/Scoring/{run.arn.rsplit(':', 1)[1]}/Endpoint"
    assert str(good["OutputLocation"]).startswith(f"{folder}/answers/")
    assert str(bad["FailureLocation"]).startswith(f"{folder}/failures/")
    until(lambda: store.exists(str(bad["FailureLocation"])))
    assert store.read(str(good["OutputLocation"])) == b"score by first"

    cloudwatch, scaling = api(account.aws, "cloudwatch"), api(account.aws, "application-autoscaling")

    def alarms() -> list[dict[str, object]]:
        return cloudwatch.describe_alarms(AlarmNames=["queued-requests-wait"])["MetricAlarms"]  # type: ignore[return-value]

    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    of_queue = [policy for policy in policies if "/queued/" in policy["ResourceId"]]  # type: ignore[attr-defined]
    assert [policy["PolicyName"] for policy in of_queue] == ["queued-AllTraffic-backlog", "queued-requests-wait"]
    assert [alarm["AlarmActions"] for alarm in alarms()] == [[of_queue[1]["PolicyARN"]]]

    deleted = account.run(gone, "queued")
    assert deleted.status == "SUCCEEDED", deleted.cause
    assert alarms() == []
    assert account.sagemaker.list_models(NameContains="queued-")["Models"] == []
    assert (
        json.dumps(scaling.describe_scalable_targets(ServiceNamespace="sagemaker"), default=str).count("/queued/") == 0
    )


def test_the_deletion_of_an_endpoint_that_is_being_updated_waits_for_it(account: World) -> None:
    assert account.run(plain, "leaving").status == "SUCCEEDED"
    account.gates["last"] = threading.Event()
    update = account.start(plain, "leaving", "last")
    until(lambda: account.status("leaving") == "Updating")
    arn = account.start(gone, "leaving")
    until(
        lambda: (
            "Delete: wait" in str(account.aws.clients.stepfunctions.get_execution_history(executionArn=arn)["events"])
        )
    )
    account.gates["last"].set()
    ended(account.aws, update)
    deleted = ended(account.aws, arn)
    assert deleted.status == "SUCCEEDED", deleted.cause
    with pytest.raises(ClientError, match="Could not find endpoint"):
        account.left("leaving")


def test_an_endpoint_that_is_not_gone_in_time_fails_its_deletion_and_a_redrive_looks_again(account: World) -> None:
    assert account.run(plain, "staying").status == "SUCCEEDED"
    account.gates["never"] = threading.Event()
    update = account.start(plain, "staying", "never")
    until(lambda: account.status("staying") == "Updating")
    run = account.run(gone, "staying", seconds=0.5)
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    assert 'Step "Delete": the endpoint staying is still there.' in run.cause
    account.gates["never"].set()
    ended(account.aws, update)
    again = account.redrive(run.arn)
    assert again.status == "SUCCEEDED", again.cause
