from tests.runtime.databricks.conftest import EXECUTION, Json, Step, run_of
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import FAILED, FIRST_RUN_ID, ends, goes_on
from zflow_constructs.local.databricks.scripted_workspace import Workspace


def metrics(step: Step) -> Json:
    """The metrics of the last invocation, by the rules of the embedded metric format."""
    told = step.told("metrics")
    line = told[-1]
    directives = line["_aws"]
    assert isinstance(directives, dict)
    assert directives["Timestamp"] == int(step.clock.now() * 1000)
    named: Json = {}
    for directive in directives["CloudWatchMetrics"]:
        assert directive["Namespace"] == "zflow/Databricks"
        for dimensions in directive["Dimensions"]:
            assert all(isinstance(line[name], str) for name in dimensions)
        for metric in directive["Metrics"]:
            assert metric["Unit"] == ("Seconds" if metric["Name"] == "WaitSeconds" else "Count")
            named[metric["Name"]] = (line[metric["Name"]], directive["Dimensions"])
    return named


def plain(step: Step) -> Json:
    """The metrics of the last invocation that aren't told by their error."""
    found: Json = {}
    for name, told in metrics(step).items():
        assert isinstance(told, tuple)
        value, dimensions = told
        if dimensions == [["Workspace"]]:
            found[name] = value
    return found


def test_an_invocation_tells_its_metrics_in_one_line(step: Step) -> None:
    run = step.submitted()
    assert plain(step) == {"Submissions": 1, "WaitSeconds": 10}
    assert step.told("metrics")[0]["Workspace"] == "Risk"

    step.invoke(step.look(run))
    assert plain(step)["Looks"] == 1

    step.clock.sleep(60)
    step.invoke(step.look(run))
    assert plain(step) == {"Looks": 1}
    assert len(step.told("metrics")) == 3


def test_calls_that_are_tried_again_are_counted(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].extend([answers(503)] * 3)

    step.submitted()

    assert plain(step)["Retries"] == 3


def test_cancellations_are_counted(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 2)
    step.submitted()
    step.step = "Report"
    step.submitted()

    step.invoke(step.stop())

    assert plain(step) == {"Cancellations": 2}


def test_a_failure_is_counted_by_its_name_and_in_all(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(FAILED))

    step.failure()

    assert metrics(step)["Failures"] == (1, [["Workspace"], ["Workspace", "Error"]])
    assert step.told("metrics")[-1]["Error"] == "Databricks.RunFailed"
    assert plain(step) == {"Looks": 1}


def test_a_new_attempt_is_no_failure(step: Step, workspace: Workspace) -> None:
    step.retries = {"transient": 0, "failures": 1, "interval_seconds": 60}
    workspace.scripts.append(ends(FAILED, after=0))
    run = step.submitted()

    step.invoke(step.look(run))

    assert metrics(step) == {"Looks": (1, [["Workspace"]]), "WaitSeconds": (60, [["Workspace"]])}


def test_an_invocation_with_nothing_to_tell_tells_nothing(step: Step) -> None:
    step.invoke(step.stop())

    assert not step.told("metrics")


def test_every_line_of_the_log_has_the_ids(step: Step, workspace: Workspace) -> None:
    step.item = "2/0"
    workspace.scripts.append(ends(FAILED, after=0))
    run = run_of(step.invoke(step.submission(attempt=3)))
    step.fails(step.look(run))

    lines = step.lines()
    assert {line["execution"] for line in lines} == {EXECUTION}
    assert {line["step"] for line in lines} == {"Extract"}
    assert {line["item"] for line in lines} == {"2/0"}
    assert {line["attempt"] for line in lines} == {3}
    assert {line["run_id"] for line in lines} == {str(FIRST_RUN_ID)}
    assert [line["message"] for line in lines] == ["submitted", "answered", "metrics", "looked", "failed", "metrics"]
