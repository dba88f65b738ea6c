"""Databricks steps: what the workspace's Lambda is sent, how the run is watched, and what the cluster may do."""

from collections.abc import Mapping
from typing import Literal

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.asl import rendered_definition
from tests.core.machines import evaluate, mapping, run, valued
from tests.parts import CLUSTER, SPARK_TASK, bucket, count, data, stack, workspace
from tests.templates import ASSETS, LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata, listens
from tests.texts import text_of
from zflow_constructs.core.values.templates import Json
from zflow_constructs.steps.retry import DATABRICKS_LOOK, DATABRICKS_SUBMIT, EXECUTION, LAMBDA

RUNS = "s3://scoringbucket3a58686c/Scoring/"
FUNCTIONS = "arn:aws:lambda:eu-central-1:123456789012:function:"
MACHINES = "arn:aws:states:eu-central-1:123456789012:"
REDRIVE = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
STARTED = (
    "($exists($states.context.Execution.RedriveTime) ? "
    "$states.context.Execution.RedriveTime : $states.context.Execution.StartTime)"
)
RUN: dict[str, Json] = {
    "run_id": "1125899906842624001",
    "url": "https://dbc-a1b2.cloud.databricks.com/jobs/runs/1",
    "state": "SUCCESS",
    "values": {"auc": 0.8},
    "output": "s3://runs/Scoring/monday/output/1125899906842624001.json",
}


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
                overrides={"autotermination_minutes": 20, "aws_attributes": {"availability": "SPOT_WITH_FALLBACK"}},
            ),
            parameters={
                "country": zflow.Parameter("country"),
                "rows": rows.outputs["rows"],
                "share": 0.25,
                "deep": True,
            },
            inputs={
                "applications": zflow.DataLocation.from_bucket(encrypted, "applications/"),
                "prices": zflow.DataLocation.from_bucket(bucket(scope), "prices.csv"),
            },
            outputs=["history", "evaluation"],
            reports={"metrics": "evaluation/metrics.json"},
            libraries=[zflow.DatabricksLibrary.from_pypi("matplotlib==3.10.0")],
            permissions=[zflow.RunPermission.of_group("data-science", "CAN_VIEW")],
            content_type="application/json",
            timeout=Duration.hours(3),
            allow_failures=True,
            retry=zflow.Retry(job_failures=3, interval_seconds=30),
            request_overrides={"queue": {"enabled": True}},
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        evaluate_ = zflow.DatabricksJobStep(
            scope,
            "Evaluate",
            workspace=databricks,
            task=zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"), values=["auc"]),
            cluster=zflow.ServerlessCompute(),
        )
        last = count(
            scope,
            "Last",
            payload={
                "run": self.maximal.run_id,
                "page": self.maximal.run_url,
                "history": self.maximal.outputs["history"].uri,
                "everything": self.maximal.full_output,
                "loss": self.maximal.report("metrics.loss"),
                "auc": evaluate_.values["auc"],
            },
            when=evaluate_.values["auc"] >= 0.75,
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, self.minimal, self.maximal, evaluate_, last], parameters={"country": "de"}
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
        "started": jsonata(STARTED),
        "redrive": jsonata(REDRIVE),
        "step": "Minimal",
        "item": '{% "" %}',
        "timeout_seconds": 86_400,
        "retries": {"transient": 2, "failures": 0, "interval_seconds": 60},
        "allow_failures": False,
        "values": {},
        "call": "submit",
        "request": {
            "tasks": [
                {
                    "task_key": "Minimal",
                    "spark_python_task": {"python_file": f"s3://{ASSETS}/<hash>.py"},
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
        },
    }


def test_every_keyword_of_a_step_is_in_what_is_sent(example: Example) -> None:
    sent = payload(example, "Max Out")
    profile_arn = f"arn:aws:service:eu-central-1:123456789012:{example.made.logical_id(example.profile)}"
    folder = f'"{RUNS}" & $states.context.Execution.Name & "/Max Out'
    assert sent.pop("request") == {
        "tasks": [
            {
                "task_key": "Max_Out",
                "spark_python_task": {
                    "python_file": f"s3://{ASSETS}/<hash>.py",
                    "parameters": [
                        "--country",
                        jsonata("$parameters.country"),
                        "--rows",
                        text_of("$Count_Minimal_in_parallel.Count.rows"),
                        "--share",
                        "0.25",
                        "--deep",
                        "true",
                        "--applications",
                        "s3://encrypted/applications/",
                        "--prices",
                        "s3://lake/prices.csv",
                        "--history",
                        jsonata(f'{folder}/history/"'),
                        "--evaluation",
                        jsonata(f'{folder}/evaluation/"'),
                    ],
                },
                "new_cluster": {
                    "spark_version": "16.4.x-scala2.12",
                    "node_type_id": "m5.xlarge",
                    "num_workers": 4,
                    "aws_attributes": {
                        "instance_profile_arn": profile_arn,
                        "availability": "SPOT_WITH_FALLBACK",
                    },
                    "autotermination_minutes": 20,
                },
                "libraries": [{"pypi": {"package": "matplotlib==3.10.0"}}],
            }
        ],
        "access_control_list": [{"group_name": "data-science", "permission_level": "CAN_VIEW"}],
        "queue": {"enabled": True},
    }
    assert sent == {
        "action": "submit",
        "attempt": 0,
        "execution": jsonata("$states.context.Execution.Id"),
        "started": jsonata(STARTED),
        "redrive": jsonata(REDRIVE),
        "step": "Max Out",
        "item": '{% "" %}',
        "timeout_seconds": 10_800,
        "retries": {"transient": 2, "failures": 3, "interval_seconds": 30},
        "allow_failures": True,
        "values": {},
        "call": "submit",
    }
    assert example.maximal.outputs["history"].content_type == "application/json"


def test_a_step_asks_for_the_values_that_its_notebook_exits_with(example: Example) -> None:
    sent = payload(example, "Evaluate")
    assert sent["values"] == {"auc": "Evaluate"}
    assert sent["request"] == {
        "tasks": [
            {
                "task_key": "Evaluate",
                "notebook_task": {"notebook_path": "/Shared/evaluate", "source": "WORKSPACE"},
            }
        ]
    }


def test_a_run_is_submitted_then_looked_at_until_it_is_done(example: Example) -> None:
    made = example.made
    answer = {
        "step_Minimal_run": jsonata("$states.result.Payload"),
        "step_Minimal": jsonata("$states.result.Payload.run"),
    }
    called = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "TimeoutSeconds": 120,
        "Assign": answer,
        "Output": {},
    }
    function = f"{FUNCTIONS}{made.logical_id(example.workspace.function)}"
    sent = payload(example, "Minimal")
    assert made.state("Minimal") == {
        **called,
        "Arguments": {"FunctionName": function, "Payload": sent},
        "Retry": [retrier.render() for retrier in DATABRICKS_SUBMIT],
        "Next": "Minimal: wait",
    }
    assert made.state("Minimal: wait") == {
        "Type": "Wait",
        "Seconds": jsonata("$step_Minimal_run.wait_seconds"),
        "Output": {},
        "Next": "Minimal: check",
    }
    looking = {
        "action": jsonata('$step_Minimal_run.status = "SUBMIT" ? "submit" : "check"'),
        "attempt": jsonata("$step_Minimal_run.attempt"),
        "run": jsonata("$step_Minimal_run.run"),
    }
    assert made.state("Minimal: check") == {
        **called,
        "Arguments": {"FunctionName": function, "Payload": {**sent, **looking}},
        "Retry": [retrier.render() for retrier in DATABRICKS_LOOK],
        "Next": "Minimal: done?",
    }
    done = made.state("Minimal: done?")
    assert done.pop("Choices") == [
        {"Condition": jsonata('$step_Minimal_run.status = "DONE"'), "Next": "Minimal: results"}
    ]
    assert done == {"Type": "Choice", "Default": "Minimal: wait", "Output": {}}


def test_a_call_that_was_throttled_or_lost_is_made_again_and_a_look_at_a_run_more_patiently(example: Example) -> None:
    lost = {
        "ErrorEquals": ["States.Timeout", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"],
        "IntervalSeconds": 10,
        "JitterStrategy": "FULL",
    }
    throttled = {
        "ErrorEquals": ["Databricks.Throttled"],
        "IntervalSeconds": 10,
        "JitterStrategy": "FULL",
    }
    assert example.made.state("Minimal")["Retry"] == [
        LAMBDA.render(),
        lost,
        {**throttled, "MaxAttempts": 8, "MaxDelaySeconds": 120},
    ]
    assert example.made.state("Minimal: check")["Retry"] == [
        LAMBDA.render(),
        lost,
        {**throttled, "MaxAttempts": 30, "MaxDelaySeconds": 300},
    ]


@pytest.mark.parametrize(("status", "done"), [("DONE", True), ("WAIT", False), ("SUBMIT", False)])
def test_a_run_is_done_when_the_lambda_says_so(example: Example, status: str, *, done: bool) -> None:
    (rule,) = entries(example.made.state("Max Out: done?")["Choices"])
    assert evaluate(inside(rule["Condition"]), {"step_Max_Out_run": {"status": status}}) is done


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (
            {"status": "WAIT", "wait_seconds": 10, "attempt": 1, "run": RUN},
            {"action": "check", "attempt": 1, "run": RUN},
        ),
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
    variables: dict[str, object] = {"step_Max_Out_run": answer}
    assert {name: evaluate(inside(looking[name]), variables) for name in sent} == sent


@pytest.mark.parametrize(
    ("execution", "redrive", "started"),
    [
        ({"StartTime": "2026-11-23T03:00:04Z"}, 0, "2026-11-23T03:00:04Z"),
        (
            {"StartTime": "2026-11-23T03:00:04Z", "RedriveCount": 2, "RedriveTime": "2026-11-24T09:00:00Z"},
            2,
            "2026-11-24T09:00:00Z",
        ),
    ],
    ids=["first", "redriven"],
)
def test_the_lambda_learns_how_often_the_execution_was_redriven_and_when(
    example: Example, execution: dict[str, Json], redrive: int, started: str
) -> None:
    sent = payload(example, "Max Out")
    variables: dict[str, object] = {"states": {"context": {"Execution": execution}}}
    assert evaluate(inside(sent["redrive"]), variables) == redrive
    assert evaluate(inside(sent["started"]), variables) == started


def test_later_steps_read_the_run_its_values_its_report_and_where_its_outputs_are(example: Example) -> None:
    read = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    result = {**RUN, "reports": {"metrics.loss": 0.25}}
    joined = {"Max_Out": result, "Evaluate": RUN}
    execution: dict[str, object] = {"states": {"context": {"Execution": {"Name": "monday"}}}}
    # The steps ran in branches: what comes out of them is in a variable of the compiler's.
    variables: dict[str, object] = {**execution, **joined, "Count_Evaluate_in_parallel": joined}
    assert valued(dict(read), variables) == {
        "run": "1125899906842624001",
        "page": "https://dbc-a1b2.cloud.databricks.com/jobs/runs/1",
        "history": f"{RUNS}monday/Max Out/history/",
        "everything": "s3://runs/Scoring/monday/output/1125899906842624001.json",
        "loss": 0.25,
        "auc": 0.8,
    }


def test_a_report_is_read_when_the_run_is_done_and_the_rest_of_the_result_is_kept(example: Example) -> None:
    (done,) = entries(example.made.state("Max Out: done?")["Choices"])
    assert done["Next"] == "Max Out: report metrics"
    reading = example.made.state("Max Out: report metrics")
    context: dict[str, Json] = {"Execution": {"Name": "monday"}}
    assert valued(reading["Arguments"], {"states": {"context": context}}) == {
        "Bucket": "scoringbucket3a58686c",
        "Key": "Scoring/monday/Max Out/evaluation/metrics.json",
    }
    read: dict[str, object] = {
        "step_Max_Out": {**RUN, "submitted_at": "2026-11-23T03:00:05Z"},
        "states": {"result": {"Body": '{"loss": 0.25, "rows": 7}'}},
    }
    assert valued(reading["Assign"], read) == {"step_Max_Out": {**RUN, "reports": {"metrics.loss": 0.25}}}


def test_the_cluster_reads_its_script_and_inputs_and_writes_its_outputs(example: Example) -> None:
    assert example.made.statements(example.cluster_role) == [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.py"),
        allow("s3:GetObject", "arn:aws:s3:::encrypted/applications/*"),
        allow("s3:GetObject", "arn:aws:s3:::encrypted/applications"),
        lists("encrypted"),
        allow("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/lake"),
        allow("s3:GetObject", "arn:aws:s3:::lake/prices.csv*"),
        lists("lake"),
        *written("Max Out", "history"),
        lists("scoringbucket3a58686c"),
        *written("Max Out", "evaluation"),
    ]


def test_the_state_machine_may_call_the_workspaces_lambda_and_read_the_report_alone(example: Example) -> None:
    calls = allow("lambda:InvokeFunction", f"{FUNCTIONS}{example.made.logical_id(example.workspace.function)}")
    reads = allow("s3:GetObject", "arn:aws:s3:::scoringbucket3a58686c/Scoring/*/Max Out/evaluation/metrics.json")
    assert example.made.statements(example.workflow.role)[1:] == [calls, reads, *LOGGED_AND_TRACED]


def test_the_role_of_a_cluster_that_is_there_is_granted_the_steps_data_where_it_is_told() -> None:
    scope = stack()
    role = iam.Role(scope, "Shared", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    told = zflow.ExistingCluster("0923-164208-meows279", role=role)
    assert granted(scope, role, told) == [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.py"),
        allow("s3:GetObject", "arn:aws:s3:::lake/applications/*"),
        allow("s3:GetObject", "arn:aws:s3:::lake/applications"),
        lists("lake"),
        *written("Extract", "history"),
        lists("scoringbucket3a58686c"),
    ]


@pytest.mark.parametrize("when", ["early", "late"])
def test_a_role_that_no_cluster_names_is_granted_the_steps_data_by_name_before_or_after_its_workflow_is_made(
    when: Literal["early", "late"],
) -> None:
    scope = stack()
    role = iam.Role(scope, "UnityCatalog", assumed_by=iam.AccountPrincipal("414351767826"))
    untold = zflow.ExistingCluster("0923-164208-meows279")
    assert granted(scope, role, untold, by_name=when) == [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.py"),
        allow("s3:GetObject", "arn:aws:s3:::lake/applications/*"),
        allow("s3:GetObject", "arn:aws:s3:::lake/applications"),
        lists("lake"),
        *written("Extract", "history"),
        lists("scoringbucket3a58686c"),
    ]


def test_a_cluster_with_a_way_of_its_own_to_s3_is_granted_nothing() -> None:
    scope = stack()
    role = iam.Role(scope, "Nobody", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    assert granted(scope, role, zflow.ExistingCluster("0923-164208-meows279")) == []


def granted(
    scope: Stack, role: iam.Role, cluster: zflow.ExistingCluster, *, by_name: Literal["", "early", "late"] = ""
) -> list[object]:
    """What the role may do when a step on the cluster, and perhaps a grant by name, are deployed."""
    step = zflow.DatabricksJobStep(
        scope,
        "Extract",
        workspace=workspace(scope),
        task=SPARK_TASK,
        cluster=cluster,
        inputs={"applications": data(scope)},
        outputs=["history"],
    )
    if by_name == "early":
        step.grant_data(role)
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    if by_name == "late":
        step.grant_data(role)
    return list(Synthesized.of(scope).statements(role))


def lists(bucket: str) -> dict[str, Json]:
    return allow(["s3:ListBucket", "s3:GetBucketLocation"], f"arn:aws:s3:::{bucket}")


def written(step: str, output: str) -> list[dict[str, Json]]:
    actions = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ]
    folder = f"arn:aws:s3:::scoringbucket3a58686c/Scoring/*/{step}/{output}"
    return [allow(actions, f"{folder}/*"), allow(actions, folder)]


def entries(value: Json) -> list[Mapping[str, Json]]:
    """The value, which is a list of objects."""
    assert isinstance(value, list)
    return [mapping(entry) for entry in value]


class Watched:
    """A step whose runs may take weeks, watched in executions of a machine of the workspace's own."""

    def __init__(self) -> None:
        scope = stack()
        self.workspace = workspace(scope)
        self.step = zflow.DatabricksJobStep(
            scope,
            "Backfill",
            workspace=self.workspace,
            task=SPARK_TASK,
            cluster=CLUSTER,
            timeout=Duration.days(21),
            separate_history=True,
        )
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[self.step], timeout=Duration.days(28))
        self.made = Synthesized.of(scope)
        self.watcher = self.made.logical_id(self.workspace.watcher)
        self.definition = rendered_definition(self.made.template, self.made.logical_id(self.workflow.state_machine))
        self.watching = rendered_definition(self.made.template, self.watcher)

    def state(self, name: str) -> dict[str, Json]:
        return dict(mapping(mapping(self.definition["States"])[name]))

    def watching_state(self, name: str) -> dict[str, Json]:
        return dict(mapping(mapping(self.watching["States"])[name]))


@pytest.fixture(scope="module")
def watched() -> Watched:
    return Watched()


def test_a_run_of_weeks_is_submitted_here_and_watched_elsewhere(watched: Watched) -> None:
    function = f"{FUNCTIONS}{watched.made.logical_id(watched.workspace.function)}"
    submit = watched.state("Backfill")
    event = dict(mapping(mapping(submit["Arguments"])["Payload"]))
    assert (event.pop("action"), event.pop("attempt")) == ("submit", 0)
    assert event["timeout_seconds"] == 21 * 86_400
    called = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "TimeoutSeconds": 120,
        "Assign": {
            "step_Backfill_run": jsonata("$states.result.Payload"),
            "step_Backfill": jsonata("$states.result.Payload.run"),
        },
        "Output": {},
    }
    assert submit == {
        **called,
        "Arguments": {"FunctionName": function, "Payload": {"action": "submit", "attempt": 0, **event}},
        "Retry": [retrier.render() for retrier in DATABRICKS_SUBMIT],
        "Next": "Backfill: watch",
    }
    assert watched.state("Backfill: watch") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {
            "StateMachineArn": f"{MACHINES}stateMachine:{watched.watcher}",
            "Input": {"event": event, "answer": jsonata("$step_Backfill_run")},
        },
        "TimeoutSeconds": 3 * 86_400 + 120,
        "Assign": {
            "step_Backfill_run": jsonata("$states.result.Output"),
            "step_Backfill": jsonata("$states.result.Output.run"),
        },
        "Output": {},
        "Retry": [EXECUTION.render()],
        "Next": "Backfill: done?",
    }
    looking = {
        "action": jsonata('$step_Backfill_run.status = "SUBMIT" ? "submit" : "check"'),
        "attempt": jsonata("$step_Backfill_run.attempt"),
        "run": jsonata("$step_Backfill_run.run"),
    }
    assert watched.state("Backfill: check") == {
        **called,
        "Arguments": {"FunctionName": function, "Payload": {**looking, **event}},
        "Retry": [retrier.render() for retrier in DATABRICKS_LOOK],
        "Next": "Backfill: done?",
    }


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("DONE", "Backfill: results"),
        ("WAIT", "Backfill: watch"),
        ("SUBMIT", "Backfill: watch"),
        ("LOOK", "Backfill: check"),
    ],
    ids=["done", "its history was full", "a new attempt was due just then", "a look of the watcher's raised an error"],
)
def test_another_execution_goes_on_watching_until_the_run_is_done_or_a_look_raised(
    watched: Watched, status: str, then: str
) -> None:
    state = watched.state("Backfill: done?")
    chosen = [
        rule["Next"]
        for rule in entries(state["Choices"])
        if evaluate(inside(rule["Condition"]), {"step_Backfill_run": {"status": status}})
    ]
    assert [*chosen, state["Default"]][0] == then


def test_the_watcher_waits_and_looks_and_answers(watched: Watched) -> None:
    function = f"{FUNCTIONS}{watched.made.logical_id(watched.workspace.function)}"
    assert watched.watching["TimeoutSeconds"] == 3 * 86_400
    assert watched.watching["QueryLanguage"] == "JSONata"
    assert watched.watching["StartAt"] == "Watch"
    assert watched.watching["States"] == {
        "Watch": {
            "Type": "Pass",
            "Assign": {
                "event": jsonata("$states.input.event"),
                "answer": jsonata("$states.input.answer"),
                "looks": 0,
                "until": jsonata("$millis() + 172800000"),
            },
            "Output": {},
            "Next": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": jsonata("$answer.wait_seconds"), "Output": {}, "Next": "Look"},
        "Look": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": function,
                "Payload": jsonata(
                    '$merge([$event, {"action": $answer.status = "SUBMIT" ? "submit" : "check", '
                    '"attempt": $answer.attempt, "run": $answer.run}])'
                ),
            },
            "TimeoutSeconds": 120,
            "Assign": {"answer": jsonata("$states.result.Payload"), "looks": jsonata("$looks + 1")},
            "Output": {},
            "Retry": [retrier.render() for retrier in DATABRICKS_LOOK],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"answer": jsonata('$merge([$answer, {"status": "LOOK"}])')},
                    "Next": "Answer",
                }
            ],
            "Next": "Done?",
        },
        "Done?": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata('$answer.status = "DONE" or $looks >= 1500 or $millis() > $until'),
                    "Next": "Answer",
                }
            ],
            "Default": "Wait",
            "Output": {},
        },
        "Answer": {"Type": "Pass", "Output": jsonata("$answer"), "End": True},
    }


EVENT: dict[str, Json] = {"execution": "arn:...:monday", "step": "Backfill", "request": {"tasks": []}}
WAITING: dict[str, Json] = {"status": "WAIT", "wait_seconds": 60, "attempt": 0, "run": RUN}
DUE: dict[str, Json] = {"status": "SUBMIT", "wait_seconds": 60, "attempt": 1, "run": RUN}


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (WAITING, {**EVENT, "action": "check", "attempt": 0, "run": RUN}),
        (DUE, {**EVENT, "action": "submit", "attempt": 1, "run": RUN}),
    ],
    ids=["it goes on", "a new attempt is due"],
)
def test_the_watcher_sends_what_the_step_would_send_and_answers_what_it_was_answered(
    watched: Watched, answer: dict[str, Json], sent: dict[str, Json]
) -> None:
    done: dict[str, Json] = {"status": "DONE", "wait_seconds": 0, "attempt": 1, "run": {**RUN, "attempt": 1}}
    execution = run(watched.watching, lambda _, __: {"Payload": done}, {"event": EVENT, "answer": answer})
    assert mapping(execution.arguments["Look"])["Payload"] == sent
    assert execution.output == done


@pytest.mark.parametrize(
    ("status", "looks", "hours", "ends"),
    [("DONE", 1, 1, True), ("WAIT", 1499, 47, False), ("WAIT", 1500, 47, True), ("WAIT", 1, 49, True)],
    ids=["the run is done", "it goes on", "its history is full", "it has watched for two days"],
)
def test_the_watcher_ends_in_time(watched: Watched, status: str, looks: int, hours: int, *, ends: bool) -> None:
    until = evaluate("$millis()", {})
    assert isinstance(until, int | float)
    variables: dict[str, object] = {
        "answer": {"status": status},
        "looks": looks,
        "until": until + (48 - hours) * 3_600_000,
    }
    (rule,) = entries(watched.watching_state("Done?")["Choices"])
    assert evaluate(inside(rule["Condition"]), variables) is ends


def test_a_watcher_whose_look_raised_says_so_and_keeps_the_run(watched: Watched) -> None:
    (catch,) = entries(watched.watching_state("Look")["Catch"])
    assert evaluate(inside(mapping(catch["Assign"])["answer"]), {"answer": WAITING}) == {**WAITING, "status": "LOOK"}


def test_the_watcher_may_call_the_lambda_and_the_workflow_start_and_stop_the_watcher(watched: Watched) -> None:
    made = watched.made
    calls = allow("lambda:InvokeFunction", f"{FUNCTIONS}{made.logical_id(watched.workspace.function)}")
    (watcher,) = [policy for policy in made.resources("AWS::IAM::Policy") if "Watcher" in str(policy["PolicyName"])]
    assert mapping(watcher["PolicyDocument"])["Statement"] == [calls, *LOGGED_AND_TRACED]
    executions = f"arn:aws:states:eu-central-1:111122223333:execution:{watched.watcher}-Name:*"
    assert made.statements(watched.workflow.role) == [
        calls,
        allow("states:StartExecution", f"{MACHINES}stateMachine:{watched.watcher}"),
        allow(["states:DescribeExecution", "states:StopExecution"], executions),
        listens("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        *LOGGED_AND_TRACED,
    ]


def test_a_run_of_weeks_takes_little_room_in_the_history_of_its_workflow(watched: Watched) -> None:
    assert watched.step.looks == 21 // 2 + 1


@pytest.mark.parametrize("max_concurrency", [2, 50], ids=["a loop", "a loop whose iterations are executions"])
def test_the_watcher_is_told_the_turn_of_a_loop_and_the_execution_that_was_started(max_concurrency: int) -> None:
    scope = stack()
    step = zflow.DatabricksJobStep(
        scope,
        "Backfill",
        workspace=workspace(scope),
        task=SPARK_TASK,
        cluster=CLUSTER,
        parameters={"country": zflow.Item("country")},
        separate_history=True,
    )
    loop = zflow.ForEach(
        scope, "Each", item="country", items=["de", "fr"], steps=[step], max_concurrency=max_concurrency
    )
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=[loop])
    made = Synthesized.of(scope)
    definition = rendered_definition(made.template, made.logical_id(workflow.state_machine))
    processor = mapping(mapping(mapping(definition["States"])["Each"])["ItemProcessor"])
    watch = mapping(mapping(processor["States"])["Backfill: watch"])
    event = mapping(mapping(mapping(watch["Arguments"])["Input"])["event"])
    variables: dict[str, object] = {
        "Each_item": {"index": 1, "value": "fr", "outer": {"execution": "arn:...:monday"}},
        "states": {"context": {"Execution": {"Id": "arn:...:monday"}}},
    }
    assert evaluate(inside(event["item"]), variables) == "1"
    assert evaluate(inside(event["execution"]), variables) == "arn:...:monday"
    (task,) = entries(mapping(event["request"])["tasks"])
    assert valued(mapping(task["spark_python_task"])["parameters"], variables) == ["--country", "fr"]
