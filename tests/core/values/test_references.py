"""What expressions refer to: results, parameters, a run's folder, names of jobs."""

import hashlib
import re

import pytest

from tests.core.machines import CONTEXT, evaluate, mapping
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.references import (
    JobName,
    Parameter,
    Ran,
    RedriveCount,
    RunLocation,
    StepOutput,
    Variable,
)
from zflow_constructs.core.values.templates import Json, Scope

SCOPE = Scope(
    results={"App/Train": "$Train", "App/Audit": "$Audit_Report_in_parallel.Audit"},
    run_location='"s3://lake/Scoring/" & $states.context.Execution.Name',
    workflow="RiskScoring",
)
IN_CONTEXT: dict[str, object] = {"states": {"context": CONTEXT}}


def context(**changes: Json) -> dict[str, object]:
    """`$states` of a state in an execution, with some of its context changed."""
    return {"states": {"context": {key: {**mapping(value), **changes} for key, value in CONTEXT.items()}}}


def test_a_result_reads_as_the_variable_it_has_where_it_is_read() -> None:
    assert StepOutput("App/Train", "Train").render(SCOPE) == "$Train"
    assert StepOutput("App/Train", "Train", ("a", "b")).render(SCOPE) == "$Train.a.b"
    assert StepOutput("App/Audit", "Audit", ("ok",)).render(SCOPE) == "$Audit_Report_in_parallel.Audit.ok"


@pytest.mark.parametrize(
    "name",
    [
        "auc",
        "_1",
        "validation:auc",
        "a b",
        "a.b",
        "1st",
        "ümlaut",
        "",
        "$x",
        '"',
        "true",
        "false",
        "null",
        "and",
        "or",
        "in",
    ],
)
def test_a_field_of_any_name_is_found(name: str) -> None:
    output = StepOutput("App/Train", "Train", ("metrics", name))
    assert evaluate(output.render(SCOPE), {"Train": {"metrics": {name: 0.8, "other": 1}}}) == 0.8
    assert evaluate((output >= 0.75).render(SCOPE), {"Train": {"metrics": {name: 0.8}}}) is True
    assert evaluate(Parameter(name).render(SCOPE), {"parameters": {name: "x", "other": 1}}) == "x"


def test_a_field_with_a_backtick_is_refused_as_jsonata_has_no_escape_for_it() -> None:
    with pytest.raises(WorkflowError) as error:
        StepOutput("App/Train", "Train", ("a`b",)).render(SCOPE)
    assert str(error.value) == 'The field "a`b" has a backtick in its name, which JSONata can\'t read. Rename it.'


@pytest.mark.parametrize("value", [[], [1], [1, 2], [[1]], {}, 0, "", False, None])
def test_a_field_keeps_its_value_whatever_it_is(value: Json) -> None:
    assert evaluate(StepOutput("App/Train", "Train", ("x",)).render(SCOPE), {"Train": {"x": value}}) == value


@pytest.mark.parametrize(
    ("variable", "jsonata", "value"),
    [
        (Variable("job"), "$job", {"a b": [10, {"c": 20}]}),
        (Variable("job")["a b"], "$job.`a b`", [10, {"c": 20}]),
        (Variable("job")["a b"][0], "$job.`a b`[0]", 10),
        (Variable("job")["a b"][1]["c"], "$job.`a b`[1].c", 20),
        (Variable("job")["a b"][-1]["c"] + "!", '$job.`a b`[-1].c & "!"', "20!"),
    ],
)
def test_a_variable_reads_as_its_path(variable: Expression, jsonata: str, value: Json) -> None:
    assert variable.render(SCOPE) == jsonata
    assert evaluate(jsonata, {"job": {"a b": [10, {"c": 20}]}}) == value


def test_a_run_location_is_the_runs_own_folder() -> None:
    location = RunLocation("App/Extract", "Extract", "Extract/history")
    assert location.render(SCOPE) == '"s3://lake/Scoring/" & $states.context.Execution.Name & "/Extract/history/"'
    assert evaluate(location.render(SCOPE), IN_CONTEXT) == "s3://lake/Scoring/monday/Extract/history/"
    one = location + "part-0.csv"
    assert evaluate(one.render(SCOPE), IN_CONTEXT) == "s3://lake/Scoring/monday/Extract/history/part-0.csv"


@pytest.mark.parametrize(("result", "ran"), [({}, True), ({"x": None}, True), (None, False)])
def test_a_step_ran_unless_its_result_is_null(result: Json, ran: bool) -> None:  # noqa: FBT001
    assert evaluate(Ran("App/Train", "Train").render(SCOPE), {"Train": result}) is ran
    joined = {"Audit_Report_in_parallel": {"Audit": result}}
    assert evaluate(Ran("App/Audit", "Audit").render(SCOPE), joined) is ran


def test_a_job_name_has_a_readable_prefix_and_a_hash_of_the_attempt() -> None:
    name = JobName("Train the model")
    attempt = f"{mapping(CONTEXT['Execution'])['Id']}/Train/0"
    digest = hashlib.sha256(attempt.encode()).hexdigest()[:20]
    assert evaluate(name.render(SCOPE), IN_CONTEXT) == f"riskscoring-train-the-model-{digest}"


@pytest.mark.parametrize("changed", [{"Id": "another"}, {"Name": "Predict"}, {"RetryCount": 1}, {"RedriveCount": 1}])
def test_each_execution_state_retry_and_redrive_names_its_job_anew(changed: dict[str, Json]) -> None:
    name = JobName("Train").render(SCOPE)
    assert evaluate(name, context(**changed)) != evaluate(name, IN_CONTEXT)
    assert evaluate(name, context(**changed)) == evaluate(name, context(**changed))


def test_the_first_run_has_a_redrive_count_of_zero_whether_or_not_aws_says_so() -> None:
    redrives = RedriveCount().render(SCOPE)
    assert evaluate(redrives, IN_CONTEXT) == 0
    assert evaluate(redrives, context(RedriveCount=0)) == 0
    assert evaluate(redrives, context(RedriveCount=3)) == 3


def test_a_redrive_count_stays_whole_inside_other_expressions() -> None:
    count = "$states.context.Execution.RedriveCount"
    assert (RedriveCount() > 1).render(SCOPE) == f"($exists({count}) ? {count} : 0) > 1"
    assert evaluate((RedriveCount() > 1).render(SCOPE), context(RedriveCount=3)) is True
    assert evaluate((RedriveCount() > 1).render(SCOPE), IN_CONTEXT) is False


@pytest.mark.parametrize("max_length", [32, 63])
@pytest.mark.parametrize("step", ["A", "Train", "a_b c--d", "Score " * 8, "x" * 50])
@pytest.mark.parametrize("workflow", ["W", "Risk_Scoring", "w" * 40])
def test_every_job_name_is_valid_for_its_api(step: str, workflow: str, max_length: int) -> None:
    name = JobName(step, max_length)
    value = evaluate(name.render(Scope(workflow=workflow)), IN_CONTEXT)
    assert isinstance(value, str)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", value)
    assert len(value) <= max_length
    assert value.startswith(name.prefix(workflow))


def test_references_say_what_they_are_in_messages() -> None:
    assert repr(StepOutput("App/Train", "Train", ("metrics", "auc"))) == 'The output "metrics.auc" of step "Train"'
    assert repr(Parameter("country")) == 'The run parameter "country"'
    assert repr(RunLocation("App/E", "E", "E/history")) == 'The output location "E/history" of step "E"'
    assert repr(RedriveCount()) == "The number of redrives"
    assert repr(JobName("Train")) == 'The job name of step "Train"'
