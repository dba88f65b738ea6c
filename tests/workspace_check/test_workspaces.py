"""What an assembly's workflows submit, and to which workspaces."""

from collections.abc import Mapping
from typing import cast

import pytest

from tests.workspace_check.assemblies import FUNCTION, SECRET, function, machine, submit
from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.needs import Kind, free_clusters, needs, work, written
from zflow_constructs.workspace_check.workspaces import Submission, Workspace, workspaces

HOST = "https://dbc-a1b2.cloud.databricks.com"
RUN: Mapping[str, object] = {"tasks": [{"task_key": "Extract", "existing_cluster_id": "c-1"}]}


def stack(resources: Mapping[str, object], *, name: str = "Demo", **more: object) -> Stack:
    return Stack(name, template=cast("Mapping[str, Json]", {"Resources": resources, **more}))


def submission(request: object) -> Submission:
    return Submission("Extract", "Demo", cast("Mapping[str, Json]", request))


def test_a_workspace_is_a_function_with_a_host_and_what_machines_submit_to_it() -> None:
    inner = {"Type": "Map", "ItemProcessor": {"States": {"Load": submit("Load", RUN)}}, "End": True}
    states = {
        "Both": {"Type": "Parallel", "Branches": [{"States": {"Extract": submit("Extract", RUN)}}], "Next": "All"},
        "All": inner,
        "Other": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"Payload": {}}},
    }
    other = {"Type": "AWS::Lambda::Function", "Properties": {}}
    found = workspaces([stack({"Function": function(HOST), "Other": other, "Machine": machine(states)})])
    run = cast("Mapping[str, Json]", RUN)
    assert found == [
        Workspace(
            name="Databricks",
            host=HOST,
            auth="oauth-m2m",
            stack="Demo",
            secret=cast("Json", SECRET),
            role={"Fn::GetAtt": ["FunctionRole", "Arn"]},
            submissions=[Submission("Extract", "Demo", run), Submission("Load", "Demo", run)],
        )
    ]


def test_a_step_that_submits_and_looks_is_taken_once() -> None:
    states = {"Extract": submit("Extract", RUN), "Extract: check": submit("Extract", RUN)}
    (found,) = workspaces([stack({"Function": function(HOST), "Machine": machine(states)})])
    assert [each.step for each in found.submissions] == ["Extract"]


def test_a_workspace_of_another_stack_is_found_by_its_export() -> None:
    outputs = {"Out": {"Value": FUNCTION, "Export": {"Name": "Platform:Function"}}}
    unused = function("https://dbc-unused.cloud.databricks.com")
    platform = stack({"Function": function(HOST), "Unused": unused}, name="Platform", Outputs=outputs)
    states = {"Extract": submit("Extract", RUN, to={"Fn::ImportValue": "Platform:Function"})}
    (found,) = workspaces([stack({"Machine": machine(states)}), platform])
    assert (found.host, found.stack, [each.step for each in found.submissions]) == (HOST, "Platform", ["Extract"])


def test_a_resource_of_a_state_may_have_a_partition() -> None:
    state = {
        **submit("Extract", RUN),
        "Resource": {"Fn::Join": ["", ["arn:", {"Ref": "P"}, ":states:::lambda:invoke"]]},
    }
    (found,) = workspaces([stack({"Function": function(HOST), "Machine": machine({"Extract": state})})])
    assert [each.step for each in found.submissions] == ["Extract"]


def test_all_that_a_request_names_is_needed_but_for_the_users_own_fields() -> None:
    cluster = {
        "policy_id": "p-1",
        "spark_version": "16.4.x-scala2.12",
        "node_type_id": "m5.xlarge",
        "driver_node_type_id": "m5.large",
        "instance_pool_id": "pool-1",
        "driver_instance_pool_id": "pool-2",
        "aws_attributes": {"instance_profile_arn": {"Fn::GetAtt": ["Profile", "Arn"]}},
        "spark_conf": {"job_id": "own"},
        "custom_tags": {"pipeline_id": "own"},
    }
    tasks = [
        {"new_cluster": cluster, "notebook_task": {"base_parameters": {"job_id": "own"}, "warehouse_id": "w-1"}},
        {"existing_cluster_id": "c-1", "sql_task": {"parameters": {"job_id": "own"}}},
        {"pipeline_task": {"pipeline_id": "l-1"}},
        {"for_each_task": {"task": {"run_job_task": {"job_id": "42", "job_parameters": {"job_id": "own"}}}}},
    ]
    found = needs([submission({"tasks": tasks})])
    assert {(need.kind, str(need.value)) for need in found} == {
        (Kind.POLICY, "p-1"),
        (Kind.RUNTIME, "16.4.x-scala2.12"),
        (Kind.NODE_TYPE, "m5.xlarge"),
        (Kind.NODE_TYPE, "m5.large"),
        (Kind.POOL, "pool-1"),
        (Kind.POOL, "pool-2"),
        (Kind.PROFILE, "{'Fn::GetAtt': ['Profile', 'Arn']}"),
        (Kind.WAREHOUSE, "w-1"),
        (Kind.CLUSTER, "c-1"),
        (Kind.PIPELINE, "l-1"),
        (Kind.JOB, "42"),
    }


def test_a_job_that_is_run_now_is_needed() -> None:
    (need,) = needs([submission({"job_id": "42", "job_parameters": {"policy_id": "own"}})])
    assert (need.kind, need.value) == (Kind.JOB, "42")


def test_a_new_cluster_without_a_policy_needs_a_permission() -> None:
    free = {"tasks": [{"new_cluster": {"num_workers": 1}}]}
    governed = {"tasks": [{"new_cluster": {"policy_id": "p-1"}}]}
    assert free_clusters([submission(free), submission(governed)]) == ["Extract"]


def test_a_task_reads_scripts_packages_and_what_starts_its_cluster_and_writes_its_logs_elsewhere() -> None:
    task = {
        "spark_python_task": {"python_file": "s3://lake/a.py", "parameters": ["--n", "1"]},
        "libraries": [{"whl": "s3://lake/b.whl"}, {"jar": "s3://lake/c.jar"}, {"pypi": {"package": "d"}}],
        "new_cluster": {
            "aws_attributes": {"instance_profile_arn": "arn:p"},
            "init_scripts": [{"s3": {"destination": "s3://lake/e.sh", "region": "eu-central-1"}}],
            "cluster_log_conf": {"s3": {"destination": "s3://logs"}},
        },
    }
    environments = [{"environment_key": "E", "spec": {"dependencies": ["s3://lake/f.whl", "pandas"]}}]
    first, second = work([submission({"tasks": [task], "environments": environments})])
    assert (first.profile, first.parameters) == ("arn:p", ["--n", "1"])
    assert set(map(str, first.files)) == {"s3://lake/a.py", "s3://lake/b.whl", "s3://lake/c.jar", "s3://lake/e.sh"}
    assert (second.profile, second.files) == (None, ["s3://lake/f.whl", "pandas"])


@pytest.mark.parametrize(
    ("parameter", "place"),
    [
        ('{% "s3://lake/Risk/" & $name & "/Extract/history/" %}', "s3://lake/Risk/zflow-check/Extract/history/"),
        (
            '{% "s3://lake/Risk/" & $states.context.Execution.Name & "/Extract/" & $country & "/out/" %}',
            "s3://lake/Risk/zflow-check/Extract/zflow-check/out/",
        ),
        ('{% "s3://lake/Risk/" & $name & "/Prepare/output/" %}', None),
        ("{% $parameters.place %}", None),
        ("s3://lake/Extract/", None),
    ],
)
def test_a_step_writes_where_a_parameter_has_its_own_folder(parameter: str, place: str | None) -> None:
    assert written("Extract", parameter) == place
