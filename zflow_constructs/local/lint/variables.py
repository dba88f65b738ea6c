"""Rules about variables: where they live, and that each has a value when it is read.

A variable lives in the scope whose states assign it, and is read there and in the scopes inside; it is gone at the
join. What a state assigns is there from the next state on.
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from collections.abc import Iterator, Mapping

from zflow_constructs.core.values.errors import did_you_mean
from zflow_constructs.local.lint.expressions import expressions
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.jsonata import FUNCTIONS, read
from zflow_constructs.local.lint.machine import Machine, Scope, State

_LONGEST_NAME = 80


def _variable_name(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        for name in sorted(state.assigned):
            if name == "states":
                yield Problem(state.name, "it assigns $states, which is Step Functions' own.", "Rename the variable.")
            elif not name.isidentifier() or len(name) > _LONGEST_NAME:
                yield Problem(
                    state.name,
                    f'it assigns "{name}", which is no name of a variable.',
                    f"Use letters, digits and underscores, {_LONGEST_NAME} at most, no digit first.",
                )


def _shadowed_function(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        for name in sorted(state.assigned & FUNCTIONS):
            yield Problem(
                state.name,
                f"it assigns ${name}, and the function ${name} is gone where that lives.",
                "Rename the variable.",
            )


def _shadowed_variable(machine: Machine) -> Iterator[Problem]:
    yield from _shadowed(machine.top, {})


def _shadowed(scope: Scope, outer: Mapping[str, str]) -> Iterator[Problem]:
    visible = {} if scope.isolated else outer
    for state in scope.states.values():
        for name in sorted(state.assigned & visible.keys()):
            yield Problem(
                state.name,
                f'it assigns ${name}, which "{visible[name]}" assigns in an outer scope.',
                "Rename one of the two.",
            )
    here = {name: state.name for state in scope.states.values() for name in state.assigned}
    for inner in (inner for scopes in scope.inner.values() for inner in scopes):
        yield from _shadowed(inner, {**here, **visible})


def _undefined_variable(machine: Machine) -> Iterator[Problem]:
    yield from _undefined(machine.top, frozenset(), {})


def _undefined(scope: Scope, before: frozenset[str], outer: Mapping[str, str]) -> Iterator[Problem]:
    """The reads in a scope and those inside that may find no value.

    Args:
        scope: the scope.
        before: the variables that surely have a value when it starts.
        outer: every variable of the scopes around it, with the state that assigns it.
    """
    visible = {**outer, **{name: state.name for state in scope.states.values() for name in state.assigned}}
    defined = _defined(scope, before)
    for state in scope.states.values():
        known = defined.get(state.name, frozenset(visible))  # A state that is never reached reads nothing.
        for expression in expressions(state):
            reading = expression.reading
            unassigned = (reading.variables | reading.tested) - visible.keys() - FUNCTIONS
            for name in sorted(unassigned):
                yield _never_assigned(state, expression.place, name, scope, visible)
            for name in sorted((reading.variables & visible.keys()) - known):
                yield _not_always_assigned(state, expression.place, name, visible[name])
        for inner in scope.inner[state.name]:
            yield from _undefined(inner, frozenset(), {}) if inner.isolated else _undefined(inner, known, visible)


def _defined(scope: Scope, before: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """For each state that can be reached, the variables that surely have a value when it starts."""
    defined = {scope.start: before} if scope.start in scope.states else {}
    ahead = list(defined)
    while ahead:
        name = ahead.pop()
        for edge in scope.states[name].edges:
            if edge.target in scope.states:
                coming = defined[name] | edge.assigned | _proven(edge.condition)
                meeting = defined.get(edge.target, coming) & coming
                if meeting != defined.get(edge.target):
                    defined[edge.target] = meeting
                    ahead.append(edge.target)
    return defined


def _proven(condition: str) -> frozenset[str]:
    return read(condition[2:-2]).proven if condition.startswith("{%") else frozenset()


def _never_assigned(state: State, place: str, name: str, scope: Scope, visible: Mapping[str, str]) -> Problem:
    inside = [
        (holder, inner)
        for holder, scopes in scope.inner.items()
        for scope_inside in scopes
        for inner in scope_inside.all()
        if name in inner.assigned
    ]
    if inside:
        holder, inner = inside[0]
        return Problem(
            state.name,
            f'{place} reads ${name}, which only lives inside "{holder}" ({inner.label}).',
            f'Let the branch output it, and assign it in "{holder}" from $states.result.',
        )
    return Problem(
        state.name,
        f"{place} reads ${name}, which no state assigns where it could be read.{did_you_mean(name, visible)}",
        "Assign it before.",
    )


def _not_always_assigned(state: State, place: str, name: str, assigning: str) -> Problem:
    if assigning == state.name:
        return Problem(
            state.name,
            f"{place} reads ${name}, which this state itself assigns.",
            "Its value is there from the next state on.",
        )
    return Problem(
        state.name,
        f'{place} reads ${name}, which is not assigned on every path to here, though "{assigning}" assigns it.',
        f"Assign it on every path, or ask $exists(${name}).",
    )


VARIABLE_RULES: Mapping[str, Rule] = {
    "variable-name": _variable_name,
    "shadowed-function": _shadowed_function,
    "shadowed-variable": _shadowed_variable,
    "undefined-variable": _undefined_variable,
}
"""Where variables live, and that they have a value."""
