"""What the constructs compile to, run: loops, conditions, optional steps, steps at the end, workflows in workflows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pytest

from tests.local.aws.conftest import Ended, ended
from tests.local.constructs_app import synthesized
from tests.waiting import until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine, RunSettings


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    outputs: Mapping[str, str]

    def run(self, workflow: str, **given: object) -> Ended:
        """Run a workflow to its end."""
        return self.ended(self.start(workflow, **given))

    def start(self, workflow: str, **given: object) -> str:
        machine = self.outputs[f"{workflow}Machine"]
        client = self.engine.aws.clients.stepfunctions
        return client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

    def ended(self, arn: str) -> Ended:
        return ended(self.engine.aws, arn)

    def redrive(self, arn: str) -> Ended:
        self.engine.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
        return self.ended(arn)

    def put(self, key: str) -> None:
        self.engine.aws.clients.s3.put_object(Bucket=self.outputs["BucketName"], Key=key, Body=b"")

    def traces(self, prefix: str) -> int:
        """How many calls have left a trace of that name."""
        listed = self.engine.aws.clients.s3.list_objects_v2(Bucket=self.outputs["BucketName"], Prefix=f"{prefix}/")
        return listed["KeyCount"]

    @cached_property
    def finally_(self) -> str:
        """The machine of what runs at the end."""
        machines = self.engine.aws.clients.stepfunctions.list_state_machines()["stateMachines"]
        return next(machine["stateMachineArn"] for machine in machines if "Finally" in machine["name"])

    def at_the_end_of(self, arn: str, *, times: int = 1) -> list[Ended]:
        """What ran at the end of an execution, the first time first."""
        until(lambda: len(self._at_the_end_of(arn)) >= times)
        return [self.ended(each) for each in self._at_the_end_of(arn)]

    def _at_the_end_of(self, arn: str) -> list[str]:
        client = self.engine.aws.clients.stepfunctions
        executions = client.list_executions(stateMachineArn=self.finally_)["executions"]
        given = {
            each["executionArn"]: client.describe_execution(executionArn=each["executionArn"]) for each in executions
        }
        found = [each for each in given.values() if json.loads(each["input"]) == {"execution": arn}]
        return [each["executionArn"] for each in sorted(found, key=lambda each: each["startDate"])]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("constructs")
    workflow = load_workflow(synthesized(folder / "cdk.out"), workflow="Paths")
    with Engine(workflow, RunSettings(folder=folder / "run")) as engine:
        yield Deployed(engine, engine.deploy().outputs)


def item(name: str, *, trace: str = "", needs: str = "") -> Mapping[str, object]:
    """An item with fields: each call for it leaves a trace, and one that needs an object fails without it."""
    return {"name": name, "trace": f"{trace}/{name}" if trace else "", "needs": needs, "sizes": [1] * len(name)}


def entered(execution: Ended) -> list[str]:
    """The names of the states, in the order in which they were entered."""
    return [name for event in execution.history if (name := _name(event, "stateEnteredEventDetails"))]


def ran_again(execution: Ended) -> set[str]:
    """The states that were entered again once they had been left."""
    left: set[str] = set()
    again: set[str] = set()
    for event in execution.history:
        again |= {_name(event, "stateEnteredEventDetails")} & left
        left |= {_name(event, "stateExitedEventDetails")} - {""}
    return again


def _name(event: Mapping[str, object], details: str) -> str:
    found = event.get(details, {})
    assert isinstance(found, Mapping)
    return str(found.get("name", ""))


def message(cause: str) -> object:
    """The message of a function that raised."""
    return json.loads(cause)["errorMessage"]


@pytest.mark.parametrize("loop", ["Inline", "Serial", "Distributed", "Tolerant"])
@pytest.mark.parametrize("names", [["de", "f", "pl"], ["de"], []])
def test_a_loop_gives_lists_in_the_order_of_its_items(deployed: Deployed, loop: str, names: list[str]) -> None:
    items = [item(name) for name in names]
    execution = deployed.run(loop, items=items)
    sizes = [[1] * len(name) for name in names]
    assert (execution.cause, execution.output) == (
        "",
        {
            "names": names,
            "factors": [2] * len(names),
            "sizes": sizes,
            "results": [
                {"item": item, "name": name, "factor": 2, "sizes": size}
                for item, name, size in zip(items, names, sizes, strict=True)
            ],
        },
    )


def test_a_loop_in_a_loop_gives_a_list_of_lists_which_another_loop_takes(deployed: Deployed) -> None:
    execution = deployed.run("Loops")
    names = [["a", "b"], ["c"], []]
    given = [{"item": 1}, {"item": [2, 3]}]
    assert (execution.cause, execution.output) == ("", {"names": names, "again": names, "given": given})


@pytest.mark.parametrize("loop", ["Inline", "Distributed"])
def test_a_list_that_is_longer_than_said_fails_the_loop_before_its_first_turn(deployed: Deployed, loop: str) -> None:
    execution = deployed.run(loop, items=[item(name) for name in "abcde"])
    assert (execution.status, execution.error) == ("FAILED", "States.QueryEvaluationError")
    assert execution.cause.endswith(f'Step "{loop} Loop": items has more than the 4 entries that it may have: 5'), (
        execution.cause
    )
    assert entered(execution) == [f"{loop} Extract", f"{loop} Loop"]


def test_one_failed_turn_fails_the_loop_and_a_redrive_runs_it_alone(deployed: Deployed) -> None:
    items = [item("a", trace="serial"), item("b", trace="serial", needs="late"), item("c", trace="serial")]
    failed = deployed.run("Serial", items=items)
    assert (failed.status, failed.error, message(failed.cause)) == ("FAILED", "ValueError", "late is missing")
    assert [deployed.traces(f"serial/{name}") for name in "abc"] == [1, 1, 0]

    deployed.put("late")
    execution = deployed.redrive(failed.arn)
    assert isinstance(execution.output, Mapping), execution.cause
    assert execution.output["names"] == ["a", "b", "c"]
    assert [deployed.traces(f"serial/{name}") for name in "abc"] == [1, 2, 1]


def test_tolerated_failures_leave_the_results_of_the_others(deployed: Deployed) -> None:
    items = [item("a"), item("b", needs="never"), item("c")]
    execution = deployed.run("Tolerant", items=items)
    assert (execution.cause, execution.output) == (
        "",
        {
            "names": ["a", "c"],
            "factors": [2, 2],
            "sizes": [[1], [1]],
            "results": [
                {"item": item, "name": item["name"], "factor": 2, "sizes": [1]} for item in (items[0], items[2])
            ],
        },
    )


def test_more_failures_than_are_tolerated_fail_the_loop_and_a_redrive_runs_these_turns_alone(
    deployed: Deployed,
) -> None:
    items = [item("a", trace="tolerant"), *(item(name, trace="tolerant", needs="later") for name in "bc")]
    failed = deployed.run("Tolerant", items=items)
    assert (failed.status, failed.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")

    deployed.put("later")
    execution = deployed.redrive(failed.arn)
    assert isinstance(execution.output, Mapping), execution.cause
    assert execution.output["names"] == ["a", "b", "c"]
    assert [deployed.traces(f"tolerant/{name}") for name in "abc"] == [1, 2, 2]


def test_all_steps_run_where_every_condition_holds(deployed: Deployed) -> None:
    execution = deployed.run("Paths")
    assert (execution.cause, execution.output) == (
        "",
        {"signed": 10, "published": 10, "tidied": True, "plotted": 1, "guessed": None, "reported": 1},
    )


def test_what_needs_a_skipped_step_of_a_group_is_skipped_and_what_only_comes_after_is_not(deployed: Deployed) -> None:
    execution = deployed.run("Paths", rows=9)
    assert (execution.cause, execution.output) == (
        "",
        {"signed": None, "published": None, "tidied": True, "plotted": 1, "guessed": None, "reported": 1},
    )
    assert {"Audit Sign", "Publish"}.isdisjoint(entered(execution))


def test_an_optional_step_that_fails_leads_to_the_other_path_where_both_meet_again(deployed: Deployed) -> None:
    execution = deployed.run("Paths", needs="nothing")
    assert (execution.cause, execution.output) == (
        "",
        {"signed": 10, "published": 10, "tidied": True, "plotted": None, "guessed": 0, "reported": 0},
    )
    assert {"Drift", "Drift: failed"} <= set(entered(execution))
    assert "Plot" not in entered(execution)


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({}, {"C": "a", "D": "a"}),
        ({"a": False}, {"C": None, "D": "b"}),
        ({"b": False}, {"C": "a", "D": "a"}),
        ({"a": False, "b": False}, {"C": None, "D": None}),
    ],
)
def test_whom_a_skipped_step_would_have_woken_goes_on_without_it(
    deployed: Deployed, given: Mapping[str, object], output: object
) -> None:
    execution = deployed.run("Meeting", **given)
    assert (execution.cause, execution.output) == ("", output)
    assert [name for name in entered(execution) if " waits for " in name] == ["D waits for A"]


@pytest.mark.parametrize("failing", ["a", "b"])
def test_a_redrive_beside_a_rendezvous_runs_nothing_again_that_had_succeeded(deployed: Deployed, failing: str) -> None:
    failed = deployed.run("Meeting", **{f"{failing}_needs": f"meeting-{failing}"})
    assert (failed.status, failed.error, message(failed.cause)) == (
        "FAILED",
        "ValueError",
        f"meeting-{failing} is missing",
    )

    deployed.put(f"meeting-{failing}")
    execution = deployed.redrive(failed.arn)
    assert (execution.cause, execution.output) == ("", {"C": "a", "D": "a"})
    assert entered(execution).count(failing.upper()) == 2
    assert ran_again(execution) == set()


def outcome_of(execution: Ended, *, country: str = "de") -> Mapping[str, object]:
    """What the steps at the end are told of an execution."""
    console = "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/"
    return {
        "status": execution.status,
        "error": execution.error,
        "cause": execution.cause,
        "execution": execution.arn,
        "name": execution.arn.rsplit(":", 1)[1],
        "url": console + execution.arn,
        "country": country,
    }


def test_steps_at_the_end_are_told_of_a_success_and_read_the_run_s_parameters(deployed: Deployed) -> None:
    execution = deployed.run("Ending", country="fr")
    (last,) = deployed.at_the_end_of(execution.arn)
    assert (execution.status, execution.output) == ("SUCCEEDED", {"Work": {"needs": ""}, "Long": None})
    assert last.output == {"Tell": outcome_of(execution, country="fr"), "Stop": None}


def test_steps_at_the_end_are_told_of_a_failure_and_again_after_a_redrive(deployed: Deployed) -> None:
    failed = deployed.run("Ending", needs="work")
    (last,) = deployed.at_the_end_of(failed.arn)
    assert (failed.error, message(failed.cause)) == ("ValueError", "work is missing")
    assert last.output == {"Tell": outcome_of(failed), "Stop": {"stopped": True}}

    deployed.put("work")
    execution = deployed.redrive(failed.arn)
    _, again = deployed.at_the_end_of(failed.arn, times=2)
    assert execution.status == "SUCCEEDED"
    assert again.output == {"Tell": outcome_of(execution), "Stop": None}


def test_steps_at_the_end_are_told_who_stopped_the_run(deployed: Deployed) -> None:
    arn = deployed.start("Ending", long=True)
    deployed.engine.aws.clients.stepfunctions.stop_execution(executionArn=arn, error="Budget", cause="it is spent")
    execution = deployed.ended(arn)
    (last,) = deployed.at_the_end_of(arn)
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Budget", "it is spent")
    assert last.output == {"Tell": outcome_of(execution), "Stop": {"stopped": True}}


def test_a_run_with_wrong_parameters_ends_before_its_first_step_and_what_runs_at_its_end_has_the_defaults(
    deployed: Deployed,
) -> None:
    execution = deployed.run("Ending", country="dee", long=1)
    (last,) = deployed.at_the_end_of(execution.arn)
    assert (execution.status, execution.error) == ("FAILED", "Zflow.InvalidParameters")
    assert execution.cause == (
        'MlWorkflow "Ending" can\'t run with this input: "country" is "dee", and must be one of "de", "fr"; '
        '"long" is 1, and must be true or false.'
    )
    assert last.output == {"Tell": outcome_of(execution, country="de"), "Stop": {"stopped": True}}


def test_a_workflow_in_a_workflow_hands_on_its_outputs(deployed: Deployed) -> None:
    execution = deployed.run("Parent", factor=0.5)
    assert isinstance(execution.output, Mapping), execution.cause
    child = deployed.ended(str(execution.output["Use"]["execution"]))
    assert execution.output == {"Use": {"value": 0.5, "sizes": [1, 2], "execution": child.arn}}
    assert child.output == {"value": 0.5, "sizes": [1, 2]}


def test_a_workflow_in_a_workflow_that_fails_is_named_with_its_error_and_runs_anew_in_a_redrive(
    deployed: Deployed,
) -> None:
    failed = deployed.run("Parent", needs="child")
    cause = json.loads(failed.cause)
    child = deployed.ended(cause["ExecutionArn"])
    assert (failed.status, failed.error) == ("FAILED", "States.TaskFailed")
    assert (cause["Status"], cause["Error"], cause["Cause"]) == (child.status, child.error, child.cause)
    assert (child.error, message(child.cause)) == ("ValueError", "child is missing")

    deployed.put("child")
    execution = deployed.redrive(failed.arn)
    assert isinstance(execution.output, Mapping), execution.cause
    assert execution.output["Use"]["execution"] != child.arn
    assert ran_again(execution) == set()


def test_a_workflow_in_a_workflow_refuses_a_parameter_that_is_only_known_at_run_time(deployed: Deployed) -> None:
    failed = deployed.run("Parent", factor=-1)
    cause = json.loads(failed.cause)
    assert (cause["Error"], cause["Cause"]) == (
        "Zflow.InvalidParameters",
        'MlWorkflow "Child" can\'t run with this input: "factor" is -1, and must be a number from 0.',
    )
