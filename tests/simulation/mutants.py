"""Machines with one mistake each: what a compiler might get wrong about a rendezvous.

A mutant takes the states of one scope, and returns them with its mistake, wherever that can be made.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tests.core.machines import mapping
from tests.simulation.definition import items
from tests.simulation.rewriting import StateFields, States, marks, waits
from zflow_constructs.core.values.templates import Json

_TIMEOUT = "States.Timeout"
Mutant: TypeAlias = Callable[[States], States]


def _each(
    concerns: Callable[[StateFields], bool], change: Callable[[StateFields], StateFields], states: States
) -> States:
    return {name: change(state) if concerns(state) else state for name, state in states.items()}


def _calls(state: StateFields) -> bool:
    return "aws-sdk" in str(state.get("Resource"))


def _reads(state: StateFields) -> bool:
    return str(state.get("Resource")).endswith("dynamodb:getItem")


def _wakes(state: StateFields) -> bool:
    return state.get("Items") == "{% $states.input %}"


def _sends(state: StateFields) -> bool:
    return str(state.get("Resource")).endswith("sfn:sendTaskSuccess")


def _without(fields: Mapping[str, Json], *names: str) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if name not in names}


def _way(state: StateFields) -> dict[str, Json]:
    return {name: state[name] for name in ("Next", "End") if name in state}


def _leading(state: StateFields, way: StateFields) -> StateFields:
    """A state that goes where another goes."""
    return {**_without(state, "Next", "End"), **_way(way)}


def _asking(state: StateFields, **arguments: Json) -> StateFields:
    return {**state, "Arguments": {**mapping(state["Arguments"]), **arguments}}


def _skipping(state: StateFields) -> StateFields:
    """A state that does nothing and goes where another goes."""
    return {"Type": "Pass", "Output": state["Output"], **_way(state)}


def keyed(key: str, states: States) -> States:
    """Calls that find their item under another key."""

    def change(state: StateFields) -> StateFields:
        return _asking(state, Key={**mapping(mapping(state["Arguments"])["Key"]), "run": {"S": key}})

    return _each(lambda state: _calls(state) and not _sends(state), change, states)


def waits_for_nothing(states: States) -> States:
    return _each(waits, _skipping, states)


def wakes_nobody(states: States) -> States:
    return _each(_wakes, _skipping, states)


def does_not_look_who_waits(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        return {**state, "Arguments": _without(mapping(state["Arguments"]), "ReturnValues")}

    return _each(marks, change, states)


def wakes_one_waiter_alone(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        tokens = str(state["Output"])
        return {**state, "Output": tokens.split(",", maxsplit=1)[0].rstrip(" %}]") + "]] %}"}

    return _each(marks, change, states)


def waits_unconditionally(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        return {**state, "Arguments": _without(mapping(state["Arguments"]), "ConditionExpression")}

    return _each(waits, change, states)


def waits_unless_it_waited_before(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        (waiter,) = re.findall(r"waiter\d+", str(mapping(state["Arguments"])["UpdateExpression"]))
        return _asking(state, ConditionExpression=f"attribute_not_exists({waiter})")

    return _each(waits, change, states)


def fails_where_it_need_not_wait(states: States) -> States:
    return _each(waits, lambda state: _without(state, "Catch"), states)


def does_not_look_again(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        return {**state, "Retry": _retrying(state, lambda error: error not in {_TIMEOUT, "States.ALL"})}

    return _each(waits, change, states)


def _retrying(state: StateFields, wanted: Callable[[Json], bool]) -> list[Json]:
    """A state's retriers, for the errors that are wanted alone."""
    retriers = [mapping(each) for each in items(state.get("Retry", []))]
    errors = [[error for error in items(each["ErrorEquals"]) if wanted(error)] for each in retriers]
    return [{**each, "ErrorEquals": names} for each, names in zip(retriers, errors, strict=True) if names]


def goes_on_when_a_wait_takes_too_long(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        return {
            **does_not_look_again({"": state})[""],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": state["Next"]}],
        }

    return _each(waits, change, states)


def shares_one_attribute_among_waiters(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        if marks(state):
            return {**state, "Output": "{% [$states.result.Attributes.waiter.S] %}"}
        update = str(mapping(state["Arguments"])["UpdateExpression"])
        return _asking(state, UpdateExpression=re.sub(r"waiter\d+", "waiter", update))

    return _each(lambda state: marks(state) or waits(state), change, states)


def waits_for_another_step(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        return _asking(state, Key={**mapping(mapping(state["Arguments"])["Key"]), "step": {"S": "another"}})

    return _each(waits, change, states)


def fails_on_a_stale_token(states: States) -> States:
    return _each(lambda state: _wakes(state) or _sends(state), lambda state: _without(state, "Catch"), states)


def does_not_retry_calls(states: States) -> States:
    return _each(_calls, lambda state: {**state, "Retry": _retrying(state, lambda error: error == _TIMEOUT)}, states)


def reads_what_was_there_before(states: States) -> States:
    return _each(_reads, lambda state: _asking(state, ConsistentRead=False), states)


def stores_no_value(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        values = mapping(mapping(state["Arguments"])["ExpressionAttributeValues"])
        return _asking(state, ExpressionAttributeValues={**values, ":d": {"S": "{% $now() %}"}})

    return _each(marks, change, states)


def stores_the_value_after_waking(states: States) -> States:
    mutated: States = {}
    for name, state in stores_no_value(states).items():
        mutated[name] = state
        if _wakes(state):
            mark = next(each for each in states.values() if marks(each) and each["Next"] == name)
            mutated[name] = _leading(state, {"Next": f"{name}, then the value"})
            mutated[f"{name}, then the value"] = {**_leading(mark, state), "Output": state["Output"]}
    return mutated


def marks_before_the_step(states: States) -> States:
    """Puts a mark and the waking that follows it before their step, if that is one state."""
    mutated: States = {}
    for name, state in states.items():
        mark = states.get(f"{name} is done", {})
        if not (marks(mark) and state.get("Next") == f"{name} is done"):
            mutated.setdefault(name, state)
            continue
        wake = str(mark["Next"])
        stored = {
            **mapping(mapping(mark["Arguments"])["ExpressionAttributeValues"]),
            ":d": {"S": '{"v": {"value": 0}}'},
        }
        mutated = {each: _redirected(before, name, f"{name} is done") for each, before in mutated.items()}
        mutated[f"{name} is done"] = _asking(mark, ExpressionAttributeValues=stored)
        mutated[wake] = {**_leading(states[wake], {"Next": name}), "Output": {}}
        mutated[name] = {**_leading(state, states[wake]), "Output": _own(state, states[wake])}
    return mutated


def _own(state: StateFields, last: StateFields) -> Json:
    """What the last state of a branch outputs, with what the state itself assigns written out."""
    assigned = mapping(state.get("Assign", {}))
    return {name: assigned.get(name, value) for name, value in mapping(last["Output"]).items()}


def _redirected(state: StateFields, target: str, instead: str) -> StateFields:
    def redirected(value: Json) -> Json:
        match value:
            case Mapping():
                return _redirected(value, target, instead)
            case list():
                return [redirected(item) for item in value]
            case _:
                return value

    return {
        name: instead if name in {"Next", "Default"} and value == target else redirected(value)
        for name, value in state.items()
    }


def skips_the_mark_with_the_step(states: States) -> States:
    def change(state: StateFields) -> StateFields:
        mark = states[str(state["Next"])]
        return _leading(state, states[str(mark["Next"])])

    skipped = {name: state for name, state in states.items() if name.endswith(": skipped")}
    return states | _each(lambda state: marks(states.get(str(state.get("Next")), {})), change, skipped)


def keys_by_the_execution_s_name(states: States) -> States:
    return keyed("{% $states.context.Execution.Name %}", states)


def keys_each_call_anew(states: States) -> States:
    return keyed("{% $uuid() %}", states)


def keys_anew_after_a_redrive(states: States) -> States:
    return keyed("{% $run_key.S & $string([$states.context.Execution.RedriveCount]) %}", states)


def _meet(state: StateFields) -> bool:
    return state["Type"] == "Parallel" and ".waitForTaskToken" in str(state)


def retries_a_parallel(states: States) -> States:
    retry: Json = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    return _each(_meet, lambda state: {**state, "Retry": retry}, states)


def catches_a_parallel(states: States) -> States:
    """Ends well after a failure."""
    mutated: States = {}
    for name, state in states.items():
        mutated[name] = state
        if _meet(state):
            caught = f"{name} failed"
            mutated[name] = {**state, "Catch": [{"ErrorEquals": ["States.ALL"], "Output": {}, "Next": caught}]}
            mutated[caught] = {"Type": "Pass", "Output": {}, "End": True}
    return mutated


def assigns_the_key_again_in_a_branch(states: States) -> States:
    return _each(waits, lambda state: {**state, "Assign": {"run_key": {"S": "again"}}}, states)
