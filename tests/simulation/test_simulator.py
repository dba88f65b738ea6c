"""The simulator keeps AWS's rules about variables, errors, time, iterations and redrives."""

from collections.abc import Mapping, Sequence

import pytest

from tests.core.machines import mapping
from tests.simulation.definition import InvalidMachineError, Scope
from tests.simulation.execution import Status
from tests.simulation.n_shape import call, state, work
from tests.simulation.tasks import Failure
from tests.simulation.world import Execution, Work, World
from zflow_constructs.core.values.templates import Json


def scope(**states: Json) -> dict[str, Json]:
    """Consecutive states, of which each leads to the next one."""
    names = list(states)
    linked: dict[str, Json] = {}
    for name, following in zip(names, [*names[1:], ""], strict=True):
        fields = {key: value for key, value in mapping(states[name]).items() if key not in {"Next", "End"}}
        linked[name] = {**fields, **({"Next": following} if following else {"End": True})}
    return {"StartAt": names[0], "States": linked}


def parallel(*branches: Json, **fields: Json) -> dict[str, Json]:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def passing(output: Json, **assign: Json) -> dict[str, Json]:
    return state("Pass", "", {"Assign": assign, "Output": output})


def iterated(processor: Mapping[str, Json], values: Json, **fields: Json) -> dict[str, Json]:
    inline: Json = {"ProcessorConfig": {"Mode": "INLINE"}, **processor}
    return {"Type": "Map", "Items": values, "ItemProcessor": inline, **fields}


def executed(machine: Mapping[str, Json], world: World | None = None, **given: Json) -> Execution:
    world = world or World()
    execution = world.start(Scope.of(machine), given)
    world.clock.run()
    return execution


def failing(*steps: str, times: int = 1) -> World:
    """A world in which the first attempts of some steps fail."""

    def fails(attempt: Work) -> bool:
        return attempt.step in steps and sum(work.step == attempt.step for work in world.work) <= times

    world = World(fails=fails)
    return world


def attempts(world: World) -> list[tuple[str, float, str]]:
    return sorted((work.step, work.began, work.outcome) for work in world.work)


CONTEXT: Json = {
    "name": "{% $states.context.Execution.Name %}",
    "state": "{% $states.context.State.Name %}",
    "retry": "{% $states.context.State.RetryCount %}",
    "redrive": "{% [$states.context.Execution.RedriveCount] %}",
}


def asking(**fields: Json) -> dict[str, Json]:
    """A piece of work that is told the context object's fields."""
    return {"Type": "Task", "Resource": "arn:run", "Arguments": CONTEXT, "TimeoutSeconds": 60, **fields}


def test_assign_and_output_both_see_the_variables_as_they_were_before() -> None:
    machine = scope(A=passing({}, x=1), B=passing("{% $x %}", x="{% $x + 1 %}"), C=passing("{% [$states.input, $x] %}"))
    assert executed(machine).top.output == [1, 2]


def test_a_branch_reads_the_outer_variables_and_its_own_are_gone_at_the_join() -> None:
    branch = scope(B=passing({}, y="{% $x + 1 %}"), C=passing("{% $y %}"))
    machine = scope(A=passing({}, x=1), P=parallel(branch, branch), D=passing("{% [$states.input, $exists($y)] %}"))
    assert executed(machine).top.output == [2, 2, False]


@pytest.mark.parametrize("inner", [{"A": passing({}, x=2)}, {"P": parallel(scope(A=passing({}, x=2)))}])
def test_a_machine_that_assigns_an_outer_variable_is_refused_wherever_that_is_assigned(inner: dict[str, Json]) -> None:
    machine = scope(P=parallel(scope(**inner)), B=passing({}, x=1))
    with pytest.raises(InvalidMachineError, match=r"^x is assigned in an outer scope too$"):
        Scope.of(machine)


def test_a_catcher_s_variables_belong_to_its_scope_too() -> None:
    catch: Json = [{"ErrorEquals": ["States.ALL"], "Assign": {"x": 1}, "Next": "B"}]
    machine = scope(A=asking(Catch=catch), B=parallel(scope(C=passing({}, x=2))))
    with pytest.raises(InvalidMachineError, match=r"^x is assigned in an outer scope too$"):
        Scope.of(machine)


def test_a_state_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidMachineError, match=r"^There is no state B$"):
        Scope.of({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"Type": "Task", "HeartbeatSeconds": 1, "End": True}, "A: {'HeartbeatSeconds'} of a Task is not simulated"),
        ({"Type": "Pass"}, "A: Next or End"),
    ],
)
def test_what_is_not_simulated_is_refused(fields: dict[str, Json], refused: str) -> None:
    with pytest.raises(AssertionError) as raised:
        Scope.of({"StartAt": "A", "States": {"A": fields}})
    assert str(raised.value).startswith(refused)


def test_a_state_without_output_hands_on_its_result_or_its_input() -> None:
    machine = scope(
        A={"Type": "Pass"},
        B={"Type": "Wait", "Seconds": 4},
        C=parallel(scope(D={"Type": "Pass"}), scope(E={"Type": "Pass"})),
    )
    world = World()
    assert executed(machine, world, x=1).top.output == [{"x": 1}, {"x": 1}]
    assert world.clock.now == 4


def test_the_first_rule_that_holds_decides_with_an_assignment_and_an_output_of_its_own() -> None:
    rules: Json = [
        {"Condition": "{% $states.input.x > 2 %}", "Next": "Big"},
        {"Condition": "{% $states.input.x > 1 %}", "Next": "Middle", "Assign": {"y": 5}, "Output": "ruled"},
    ]
    machine: dict[str, Json] = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Choices": rules, "Default": "Small", "Output": "default"},
            "Big": {"Type": "Succeed"},
            "Middle": passing("{% [$states.input, $y] %}"),
            "Small": {"Type": "Succeed"},
        },
    }
    assert [executed(machine, x=x).top.output for x in (1, 2, 3)] == ["default", ["ruled", 5], {"x": 3}]


def test_a_choice_without_a_rule_that_holds_or_a_default_fails() -> None:
    choice: Json = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "A"}]}
    assert executed({"StartAt": "A", "States": {"A": choice}}).top.failure == Failure("States.NoChoiceMatched")


def test_a_fail_state_says_why() -> None:
    fail: Json = {"Type": "Fail", "Error": "Mine", "Cause": "{% $states.input.why %}"}
    assert executed({"StartAt": "A", "States": {"A": fail}}, why="so").top.failure == Failure("Mine", "so")


def test_each_attempt_is_told_how_many_there_were_and_waits_longer() -> None:
    retry: Json = [
        {"ErrorEquals": ["Other"], "MaxAttempts": 9},
        {"ErrorEquals": ["Work.Failed"], "IntervalSeconds": 4, "MaxAttempts": 3, "MaxDelaySeconds": 10},
    ]
    world = failing("A", times=3)
    assert executed(scope(A=asking(Retry=retry)), world).status is Status.SUCCEEDED
    assert [(each.began, each.arguments["retry"]) for each in world.work] == [(0, 0), (5, 1), (14, 2), (25, 3)]


def test_what_is_retried_too_often_is_caught() -> None:
    retry: Json = [{"ErrorEquals": ["Work.Failed"], "MaxAttempts": 1}]
    catch: Json = [
        {"ErrorEquals": ["Other"], "Next": "C"},
        {"ErrorEquals": ["States.ALL"], "Assign": {"why": "{% $states.errorOutput.Error %}"}, "Next": "B"},
    ]
    machine = scope(A=asking(Retry=retry, Catch=catch), B=passing("{% $why %}"), C=passing("not here"))
    states = dict(mapping(machine["States"]))
    states["B"] = {**mapping(states["B"]), "Next": "D"}
    states["D"] = {"Type": "Succeed"}
    assert executed({**machine, "States": states}, failing("A", times=2)).top.output == "Work.Failed"


@pytest.mark.parametrize(
    ("error", "names", "caught"),
    [
        ("Mine", ["States.ALL"], True),
        ("Mine", ["States.TaskFailed"], True),
        ("States.Timeout", ["States.ALL"], True),
        ("States.Timeout", ["States.Timeout"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.Runtime", ["States.ALL"], False),
        ("States.DataLimitExceeded", ["States.ALL", "States.TaskFailed"], False),
        ("Mine", ["Other"], False),
    ],
)
def test_a_wildcard_takes_the_errors_that_it_takes_on_aws(error: str, names: list[Json], *, caught: bool) -> None:
    branch: Json = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": error}}}
    catch: Json = [{"ErrorEquals": names, "Next": "B"}]
    execution = executed(scope(A=parallel(branch, Catch=catch), B=passing("caught")))
    assert (execution.status is Status.SUCCEEDED) is caught


@pytest.mark.parametrize("field", ["Arguments", "Output", "Assign"])
def test_an_expression_without_a_value_is_an_error_that_can_be_caught(field: str) -> None:
    catch: Json = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}]
    missing: Json = {"x": "{% $states.input.nothing %}"}
    assert executed(scope(A=asking(Catch=catch, **{field: missing}), B=passing("caught"))).top.output == "caught"


def test_a_task_that_takes_too_long_times_out() -> None:
    world = World(duration=lambda _: 61)
    assert executed(scope(A=asking()), world).top.failure.error == "States.Timeout"
    assert attempts(world) == [("A", 0, "stopped")]


def test_a_branch_that_fails_aborts_the_others_and_a_redrive_goes_on_in_those_that_did_not_succeed() -> None:
    machine = scope(
        P=parallel(
            scope(Fast=work("Fast")),
            scope(Fails=passing({}, kept=7), Bad=asking()),
            scope(First=work("First"), Slow=work("Slow")),
        ),
        After=passing("{% $states.input %}"),
    )
    world = failing("Bad")
    world.duration = lambda work: {"Fast": 1, "Bad": 2, "First": 1, "Slow": 5}[work.step]
    execution = executed(machine, world)
    assert execution.top.failure == Failure("Work.Failed")
    execution.redrive()
    world.clock.run()
    assert execution.status is Status.SUCCEEDED
    assert attempts(world) == [
        ("Bad", 0, "failed"),
        ("Bad", 2, "succeeded"),
        ("Fast", 0, "succeeded"),
        ("First", 0, "succeeded"),
        ("Slow", 1, "stopped"),
        ("Slow", 2, "succeeded"),
    ]


def test_a_redrive_keeps_the_variables_counts_itself_and_begins_the_retries_anew() -> None:
    retry: Json = [{"ErrorEquals": ["Work.Failed"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    world = failing("A", times=3)
    execution = executed(
        scope(Key=passing({}, key="{% $uuid() %}"), A=asking(Retry=retry), B=passing("{% $key %}")), world
    )
    key = execution.top._own["key"]
    execution.redrive()
    world.clock.run()
    told = [(each.arguments["retry"], each.arguments["redrive"]) for each in world.work]
    assert told == [(0, []), (1, []), (0, [1]), (1, [1])]
    assert execution.top.output == key


def test_a_map_runs_its_states_for_each_item_with_what_is_selected() -> None:
    selected: Json = {"i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value & $x %}"}
    processor = scope(B=passing("{% $string($states.input.i) & $states.input.v %}"))
    machine = scope(A=passing({}, x="!"), M=iterated(processor, ["a", "b"], ItemSelector=selected))
    assert executed(machine).top.output == ["0a!", "1b!"]


def test_a_map_over_nothing_is_done_at_once() -> None:
    assert executed(scope(M=iterated(scope(A=work("A")), []))).top.output == []


@pytest.mark.parametrize(("limit", "seconds"), [({}, 3), ({"MaxConcurrency": 10}, 10), ({"MaxConcurrency": 100}, 3)])
def test_so_many_iterations_run_at_once_as_may_and_never_more_than_forty(limit: dict[str, Json], seconds: int) -> None:
    world = World()
    executed(scope(M=iterated(scope(A=work("A")), list(range(100)), **limit)), world)
    assert world.clock.now == seconds


def test_a_redrive_of_a_map_goes_on_in_the_iterations_that_did_not_succeed() -> None:
    world = World(fails=lambda attempt: attempt.iteration == (1,) and world.clock.now < 2)
    machine = scope(M=iterated(scope(A=work("A")), [10, 20, 30, 40], MaxConcurrency=2))
    execution = executed(machine, world)
    execution.redrive()
    world.clock.run()
    execution.redrive()
    world.clock.run()
    assert execution.status is Status.SUCCEEDED
    assert execution.redrives == 2
    ran: Sequence[tuple[int, ...]] = sorted(each.iteration for each in world.work if each.outcome == "succeeded")
    assert ran == [(0,), (1,), (2,), (3,)]


def test_different_seeds_order_what_happens_at_the_same_moment_differently() -> None:
    orders = set()
    for seed in range(20):
        world = World(seed=seed)
        executed(scope(P=parallel(scope(A=work("A")), scope(B=work("B")))), world)
        orders.add(tuple(each.step for each in world.work))
    assert orders == {("A", "B"), ("B", "A")}


def test_a_call_of_an_unknown_service_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"aws-sdk:s3:putObject is not simulated"):
        executed(scope(A=call("s3:putObject", "", {}, {})))
