"""Small steps to compile, and an interpreter of the machines they become.

The interpreter knows of Amazon States Language what the compiler emits, with AWS's rules about variables: a branch
reads those of the scopes around it, may assign none of them, and its own are gone at the join.
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jsonata import Jsonata as Query
from jsonata.utils import Utils

from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import State, Task
from zflow_constructs.core.states.fragment import Fragment, StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template
from zflow_constructs.local.aws.jsonata_numbers import javascript_numbers, whole_number

javascript_numbers()

NULL = Utils.NULL_VALUE
_QUERY = re.compile(r"\{%(.*)%\}", re.DOTALL)
_VARIABLE = re.compile(r"\$(\w+)")
CONTEXT: dict[str, Json] = {
    "Execution": {
        "Id": "arn:aws:states:eu-central-1:123456789012:execution:Scoring:monday",
        "Name": "monday",
        "StartTime": "2026-11-23T03:00:04.125Z",
    },
    "State": {"Name": "Train", "RetryCount": 0},
}


class QueryEvaluationError(Exception):
    """States.QueryEvaluationError: the expression has no value, or fails."""


class ExecutionFailedError(Exception):
    """A Fail state: its error and its cause."""


@lru_cache(maxsize=8192)
def _parsed(expression: str) -> Query:
    query = Query(expression)
    query.set_output_convert_nulls(False)
    query.register_lambda("hash", lambda data, _algorithm: hashlib.sha256(data.encode()).hexdigest())
    query.register_lambda("parse", lambda text: _with_null(json.loads(text, parse_int=whole_number)))
    query.register_lambda("uuid", lambda: str(uuid.uuid4()))
    return query


@lru_cache(maxsize=8192)
def _mentioned(expression: str) -> frozenset[str]:
    return frozenset(_VARIABLE.findall(expression))


def evaluate(expression: str, variables: Mapping[str, object]) -> Json:
    """What an expression means.

    Args:
        expression: JSONata, without `{% %}`.
        variables: by name, without `$`; `states` among them.
    """
    # To bind a variable is to copy it: only those that the expression names.
    bound = {name: _with_null(variables[name]) for name in _mentioned(expression) if name in variables}
    try:
        value = _parsed(expression).evaluate(None, bound)
    except Exception as error:
        raise QueryEvaluationError(f"{expression}: {error}") from error
    if value is None:
        raise QueryEvaluationError(f"{expression} is undefined")
    return _plain(value)


def _with_null(value: object) -> object:
    match value:
        case None:
            return NULL
        case Mapping():
            return {key: _with_null(item) for key, item in value.items()}
        case list() | tuple():
            return [_with_null(item) for item in value]
        case _:
            return value


def _plain(value: object) -> Json:
    match value:
        case Utils.NullValue():
            return None
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str() | int() | float():
            return value
        case _:
            raise QueryEvaluationError(f"{value!r} is no JSON")


def step(
    name: str,
    *,
    uses: Sequence[str] = (),
    after: Sequence[str] = (),
    when: Condition | None = None,
) -> StepNode:
    """A step of one task: it is given the `value` of each step that it uses, and has a `value` itself."""
    arguments: dict[str, Template] = {used: value_of(used) for used in uses}
    task = Task("arn:run", arguments, 60, assign={name: {"value": Jsonata("$states.result.value")}})
    return of_states(name, {name: task}, after=after, when=when)


def of_states(
    name: str, states: Mapping[str, State], *, after: Sequence[str] = (), when: Condition | None = None
) -> StepNode:
    """A step of several states."""
    return StepNode(name, name, Fragment(states, result=name), tuple(after), when)


def value_of(name: str) -> StepOutput:
    """The output `value` of a step."""
    return StepOutput(name, name, ("value",))


def compiled(*steps: StepNode, start: Mapping[str, State] | None = None) -> dict[str, Json]:
    """The machine of the steps, without its legend."""
    machine = compile_workflow(
        steps, start=start or {}, scope=Scope(), version="1.0", timeout_seconds=3600, table=lambda: "Rendezvous"
    )
    return {name: value for name, value in machine.items() if name != "Comment"}


@dataclass
class Run:
    """One execution of a machine.

    Args:
        result: what a task answers, by the name of its state and its arguments.
        input: the execution's input.
    """

    result: Callable[[str, Json], Json]
    input: Json = None
    arguments: dict[str, Json] = field(default_factory=dict)
    output: Json = None

    @property
    def ran(self) -> set[str]:
        """The tasks that were called."""
        return set(self.arguments)

    def scope(self, scope: Mapping[str, Json], given: Json, outer: Mapping[str, object], taken: frozenset[str]) -> Json:
        """Runs the top level or a branch.

        Args:
            scope: `StartAt` and `States`.
            given: the input of its first state.
            outer: the variables of the scopes around it.
            taken: the names of all variables that those scopes assign anywhere.

        Returns:
            The output of the last state.
        """
        states = mapping(scope["States"])
        assigned = frozenset(assigned_in(states))
        assert not assigned & taken, f"{assigned & taken} is assigned in an outer scope too"
        variables: dict[str, object] = {}
        name: str | None = str(scope["StartAt"])
        while name is not None:
            given, name = self._state(name, mapping(states[name]), given, (outer, variables), taken | assigned)
        return given

    def _state(
        self,
        name: str,
        state: Mapping[str, Json],
        given: Json,
        scopes: tuple[Mapping[str, object], dict[str, object]],
        taken: frozenset[str],
    ) -> tuple[Json, str | None]:
        outer, own = scopes
        execution = {**mapping(CONTEXT["Execution"]), "Input": self.input}
        context = {**CONTEXT, "Execution": execution, "State": {"Name": name, "RetryCount": 0}}
        states: dict[str, object] = {"input": given, "context": context}
        visible = {**outer, **own}

        def here(template: Json) -> Json:
            return valued(template, {**visible, "states": states})

        chosen, assigning = state.get("Next"), state
        match state["Type"]:
            case "Task":
                arguments = here(state["Arguments"])
                assert name not in self.arguments, f"{name} runs twice"
                self.arguments[name] = arguments
                states["result"] = self.result(name, arguments)
            case "Parallel":
                branches = state["Branches"]
                assert isinstance(branches, list)
                given = here(state.get("Arguments", given))
                joined: list[Json] = [self.scope(mapping(branch), given, visible, taken) for branch in branches]
                states["result"] = _payload(joined)
            case "Choice":
                rules = state["Choices"]
                assert isinstance(rules, list)
                otherwise = {**state, "Next": state["Default"]}
                assigning = next((rule for rule in rules if here(rule["Condition"]) is True), otherwise)
                chosen = assigning["Next"]
            case "Wait":
                assert isinstance(here(state["Seconds"]), int)
            case "Fail":
                raise ExecutionFailedError(str(state["Error"]), str(here(state["Cause"])))
            case kind:
                assert kind == "Pass", f"{name} is a {kind}"
        # Assign and Output both see the variables as they were before.
        assigned, output = here(assigning.get("Assign", {})), _payload(here(state["Output"]))
        own |= mapping(assigned)
        assert (chosen is None) == (state.get("End") is True)
        return output, None if chosen is None else str(chosen)


def run(machine: Mapping[str, Json], result: Callable[[str, Json], Json] | None = None, given: Json = None) -> Run:
    """Executes a machine.

    Args:
        machine: the machine.
        result: what a task answers. Default: a `value` that spells the task's name and its arguments
        given: the execution's input. Default: {}
    """
    execution = Run(result or spelled, {} if given is None else given)
    execution.output = execution.scope(machine, execution.input, {}, frozenset())
    return execution


def _payload(value: Json) -> Json:
    """A value that a state outputs or is given."""
    assert len(json.dumps(value, ensure_ascii=False).encode()) <= 262_144, "States.DataLimitExceeded"
    return value


def spelled(name: str, arguments: Json) -> Json:
    """`Train(Extract(), Audit())`: who was called with what."""
    return {"value": f"{name}({', '.join(str(value) for value in mapping(arguments).values())})", "unread": "x" * 9}


def assigned_in(states: Mapping[str, Json]) -> Iterator[str]:
    """The variables that the states of one scope assign."""
    for state in states.values():
        rules = mapping(state).get("Choices", [])
        assert isinstance(rules, list)
        for assigning in (state, *rules):
            yield from mapping(mapping(assigning).get("Assign", {}))


def state_names(scope: Mapping[str, Json]) -> Iterator[str]:
    """The names of all states, those in branches included."""
    for name, state in mapping(scope["States"]).items():
        yield name
        branches = mapping(state).get("Branches", [])
        assert isinstance(branches, list)
        for branch in branches:
            yield from state_names(mapping(branch))


def mapping(value: Json) -> Mapping[str, Json]:
    """The value, which is an object."""
    assert isinstance(value, Mapping), value
    return value


def valued(template: Json, variables: Mapping[str, object]) -> Json:
    """A template with the values of its expressions."""
    match template:
        case str() if query := _QUERY.fullmatch(template):
            return evaluate(query[1].strip(), variables)
        case Mapping():
            return {name: valued(value, variables) for name, value in template.items()}
        case list():
            return [valued(value, variables) for value in template]
        case _:
            return template
