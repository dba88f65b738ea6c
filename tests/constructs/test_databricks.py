"""Databricks steps: what is submitted, how the run is watched, and what the cluster may do."""

import pytest
from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.constructs.parts import CLUSTER, SPARK_TASK, bucket, count, stack, workspace
from tests.constructs.templates import ASSETS, LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata
from tests.core.machines import evaluate, mapping
from zflow_constructs.core.templates import Json
from zflow_constructs.retry import LAMBDA

RUNS = "s3://scoringbucket3a58686c/Scoring/"
CONTEXT: dict[str, Json] = {"Execution": {"Id": "arn:aws:states:eu-central-1:111122223333:execution:Scoring:monday"}}


class Example:
    """A Databricks step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        self.workspace = databricks = workspace(scope)
        rows = count(scope, "Count")
        key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/lake")
        encrypted = s3.Bucket.from_bucket_attributes(scope, "Encrypted", bucket_name="encrypted", encryption_key=key)
        self.cluster_role = iam.Role(scope, "ClusterRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        self.profile = iam.InstanceProfile(scope, "Profile", role=self.cluster_role)
        self.minimal = zflow.DatabricksJobStep(scope, "Minimal", workspace=databricks, task=SPARK_TASK, cluster=CLUSTER)
        self.maximal = zflow.DatabricksJobStep(
            scope,
            "Max Out",
            workspace=databricks,
            task=SPARK_TASK,
            cluster=zflow.JobCluster(
                spark_version="16.4.x-scala2.12",
                node_type="m5.xlarge",
                num_workers=4,
                instance_profile=self.profile,
                spark_conf={"spark.sql.shuffle.partitions": "8"},
                overrides={"autotermination_minutes": 20, "aws_attributes": {"availability": "SPOT_WITH_FALLBACK"}},
            ),
            parameters={"country": zflow.Parameter("country"), "rows": rows.outputs["rows"], "share": 0.25},
            inputs={
                "applications": zflow.DataLocation.from_bucket(encrypted, "applications/"),
                "prices": zflow.DataLocation.from_bucket(bucket(scope), "prices.csv"),
            },
            outputs=["history", "holdout"],
            libraries=["matplotlib==3.10.0", "pandas"],
            content_type="application/json",
            timeout=Duration.hours(3),
            request_overrides={"max_retries": 0},
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        last = count(
            scope,
            "Last",
            payload={
                "run": self.maximal.run_id,
                "page": self.maximal.run_url,
                "history": self.maximal.outputs["history"].uri,
            },
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, self.minimal, self.maximal, last], parameters={"country": "de"}
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def payload(example: Example, state: str) -> dict[str, Json]:
    return dict(mapping(mapping(example.made.state(state)["Arguments"])["Payload"]))


def test_a_minimal_step_submits_a_script_on_a_single_node_cluster_for_a_day_at_most(example: Example) -> None:
    assert payload(example, "Minimal") == {
        "action": "submit",
        "attempt": 0,
        "execution": jsonata("$states.context.Execution.Id"),
        "step": "Minimal",
        "item": '{% "" %}',
        "redrive": jsonata(
            "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
        ),
        "max_attempts": 3,
        "request": {
            "tasks": [
                {
                    "task_key": "Minimal",
                    "spark_python_task": {"python_file": f"s3://{ASSETS}/<hash>.py", "parameters": []},
                    "new_cluster": {
                        "spark_version": "16.4.x-scala2.12",
                        "node_type_id": "m5.xlarge",
                        "num_workers": 0,
                        "spark_conf": {
                            "spark.databricks.cluster.profile": "singleNode",
                            "spark.master": "local[*]",
                        },
                        "custom_tags": {"ResourceClass": "SingleNode"},
                    },
                }
            ],
            "timeout_seconds": 86_400,
        },
    }


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    request = mapping(payload(example, "Max Out")["request"])
    profile_arn = f"arn:aws:service:eu-central-1:123456789012:{example.made.logical_id(example.profile)}"
    folder = f'"{RUNS}" & $states.context.Execution.Name & "/Max Out'
    assert request == {
        "tasks": [
            {
                "task_key": "Max_Out",
                "spark_python_task": {
                    "python_file": f"s3://{ASSETS}/<hash>.py",
                    "parameters": [
                        "--country",
                        jsonata("$string($parameters.country)"),
                        "--rows",
                        jsonata("$string($Count_Minimal_in_parallel.Count.rows)"),
                        "--share",
                        "0.25",
                        "--applications",
                        "s3://encrypted/applications/",
                        "--prices",
                        "s3://lake/prices.csv",
                        "--history",
                        jsonata(f'{folder}/history/"'),
                        "--holdout",
                        jsonata(f'{folder}/holdout/"'),
                    ],
                },
                "new_cluster": {
                    "spark_version": "16.4.x-scala2.12",
                    "node_type_id": "m5.xlarge",
                    "num_workers": 4,
                    "spark_conf": {"spark.sql.shuffle.partitions": "8"},
                    "aws_attributes": {
                        "instance_profile_arn": profile_arn,
                        "availability": "SPOT_WITH_FALLBACK",
                    },
                    "autotermination_minutes": 20,
                },
                "libraries": [{"pypi": {"package": "matplotlib==3.10.0"}}, {"pypi": {"package": "pandas"}}],
                "max_retries": 0,
            }
        ],
        "timeout_seconds": 10_800,
    }
    assert example.maximal.outputs["history"].content_type == "application/json"


def test_a_run_is_submitted_then_looked_at_until_it_is_done(example: Example) -> None:
    made = example.made
    assert made.state("Max Out")["Next"] == "Max Out: wait"
    assert made.state("Max Out: wait") == {
        "Type": "Wait",
        "Seconds": jsonata("$Max_Out_run.wait_seconds"),
        "Output": {},
        "Next": "Max Out: check",
    }
    assert made.state("Max Out: check")["Next"] == "Max Out: done?"
    done = made.state("Max Out: done?")
    assert done["Default"] == "Max Out: wait"
    (rule,) = done["Choices"] if isinstance(done["Choices"], list) else []
    for status, holds in (("DONE", True), ("WAIT", False), ("SUBMIT", False)):
        assert evaluate(inside(rule["Condition"]), {"Max_Out_run": {"status": status}}) is holds
    for name in ("Max Out", "Max Out: check"):
        state = made.state(name)
        assert state["Resource"] == "arn:aws:states:::lambda:invoke"
        assert state["TimeoutSeconds"] == 120
        assert state["Retry"] == [
            LAMBDA.render(),
            {
                "ErrorEquals": ["Databricks.Throttled"],
                "IntervalSeconds": 10,
                "MaxAttempts": 8,
                "BackoffRate": 2,
                "MaxDelaySeconds": 120,
                "JitterStrategy": "FULL",
            },
        ]
        assert state["Assign"] == {
            "Max_Out_run": jsonata("$states.result.Payload"),
            "Max_Out": jsonata("$states.result.Payload.run"),
        }


RUN: dict[str, Json] = {"run_id": "1125899906842624001", "url": "https://dbc-a1b2.cloud.databricks.com/jobs/runs/1"}


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ({"status": "WAIT", "wait_seconds": 10, "run": RUN}, {"action": "check", "attempt": 0, "run": RUN}),
        (
            {"status": "SUBMIT", "wait_seconds": 60, "attempt": 2, "run": RUN},
            {"action": "submit", "attempt": 2, "run": RUN},
        ),
    ],
    ids=["it goes on", "a new attempt is due"],
)
def test_a_look_checks_the_run_or_submits_the_attempt_that_is_due(
    example: Example, answer: dict[str, Json], sent: dict[str, Json]
) -> None:
    looking = payload(example, "Max Out: check")
    variables: dict[str, object] = {"Max_Out_run": answer}
    assert {name: evaluate(inside(looking[name]), variables) for name in sent} == sent


@pytest.mark.parametrize(("execution", "redrive"), [({}, 0), ({"RedriveCount": 2}, 2)], ids=["first", "redriven"])
def test_the_lambda_learns_how_often_the_execution_was_redriven(
    example: Example, execution: dict[str, Json], redrive: int
) -> None:
    sent = inside(payload(example, "Max Out")["redrive"])
    assert evaluate(sent, {"states": {"context": {"Execution": execution}}}) == redrive


def test_later_steps_read_the_run_and_where_its_outputs_are(example: Example) -> None:
    read = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    variables: dict[str, object] = {"Max_Out": RUN, "states": {"context": {"Execution": {"Name": "monday"}}}}
    assert evaluate(inside(read["run"]), variables) == "1125899906842624001"
    assert evaluate(inside(read["page"]), variables) == "https://dbc-a1b2.cloud.databricks.com/jobs/runs/1"
    assert evaluate(inside(read["history"]), variables) == f"{RUNS}monday/Max Out/history/"


def test_the_cluster_reads_its_script_and_inputs_and_writes_its_outputs(example: Example) -> None:
    def lists(bucket: str) -> dict[str, Json]:
        return allow(["s3:ListBucket", "s3:GetBucketLocation"], f"arn:aws:s3:::{bucket}")

    def written(name: str) -> list[dict[str, Json]]:
        actions = [
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
        ]
        folder = f"arn:aws:s3:::scoringbucket3a58686c/Scoring/*/Max Out/{name}"
        return [allow(actions, f"{folder}/*"), allow(actions, folder)]

    assert example.made.statements(example.cluster_role) == [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.py"),
        allow("s3:GetObject", "arn:aws:s3:::encrypted/applications/*"),
        allow("s3:GetObject", "arn:aws:s3:::encrypted/applications"),
        lists("encrypted"),
        allow("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/lake"),
        allow("s3:GetObject", "arn:aws:s3:::lake/prices.csv*"),
        lists("lake"),
        *written("history"),
        lists("scoringbucket3a58686c"),
        *written("holdout"),
    ]


def test_the_state_machine_may_call_the_workspaces_lambda_alone(example: Example) -> None:
    function = example.made.logical_id(example.workspace.function)
    calls = allow("lambda:InvokeFunction", f"arn:aws:lambda:eu-central-1:123456789012:function:{function}")
    assert example.made.statements(example.workflow.role)[1:] == [calls, *LOGGED_AND_TRACED]


def test_a_name_of_a_cluster_field_that_has_no_keyword_is_laid_over_the_request() -> None:
    cluster = zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", overrides={"num_workers": None, "policy_id": "abc"})
    assert set(cluster.render()) == {"spark_version", "node_type_id", "spark_conf", "custom_tags", "policy_id"}
