"""Rules about branches that meet at a table: one waits with a task token for what another one does.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from collections.abc import Iterator, Mapping

from zflow_constructs.local.lint.expressions import expressions
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.machine import Machine, Scope, State, entries, fields, text

_REFUSED = {"DynamoDb.ConditionalCheckFailedException", "States.ALL", "States.TaskFailed"}


def _waits(state: State) -> bool:
    return state.resource.endswith(".waitForTaskToken")


def _marks(state: State) -> bool:
    """Whether a state tells another branch that it is done."""
    arguments = fields(state.definition.get("Arguments"))
    names = fields(arguments.get("ExpressionAttributeNames"))
    return state.resource.endswith(":aws-sdk:dynamodb:updateItem") and "done" in names.values()


def _retried_rendezvous(machine: Machine) -> Iterator[Problem]:
    for scope in machine.scopes:
        for state in scope.states.values():
            handled = [field for field in ("Retry", "Catch") if state.definition.get(field)]
            within = [inside for inner in scope.inner[state.name] for inside in inner.all()]
            meeting = _meeting_others(within)
            if handled and meeting is not None:
                does = "waits for a task token" if _waits(meeting) else "marks that it is done"
                yield Problem(
                    state.name,
                    f'it has a {" and a ".join(handled)}, and "{meeting.name}" inside {does}.',
                    "Handle errors in the states inside: what the first attempt left at the table stays there.",
                )


def _meeting_others(scopes: list[Scope]) -> State | None:
    """A state that meets one outside of these scopes: under a key that is not made anew whenever they are entered."""
    made = {name for scope in scopes for name in scope.assigned}
    for scope in scopes:
        for state in scope.states.values():
            key = {
                name
                for expression in expressions(state)
                if expression.place.startswith("Arguments.Key.")
                for name in expression.reading.variables
            }
            if (_waits(state) or _marks(state)) and not (key and key <= made):
                return state
    return None


def _lost_wake_up(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        arguments = fields(state.definition.get("Arguments"))
        if not _waits(state) or "attribute_not_exists" not in text(arguments.get("ConditionExpression")):
            continue
        if not _REFUSED & _errors(state, "Catch"):
            yield Problem(
                state.name,
                "it fails if what it waits for is done already.",
                "Catch DynamoDb.ConditionalCheckFailedException, and go on.",
            )
        if "States.Timeout" not in _errors(state, "Retry"):
            yield Problem(
                state.name,
                "it waits in vain if what should wake it is lost.",
                "Retry States.Timeout: the next attempt looks whether it is done.",
            )


def _errors(state: State, field: str) -> set[str]:
    handlers = [fields(handler) for handler in entries(state.definition.get(field))]
    return {text(error) for handler in handlers for error in entries(handler.get("ErrorEquals"))}


RENDEZVOUS_RULES: Mapping[str, Rule] = {
    "retried-rendezvous": _retried_rendezvous,
    "lost-wake-up": _lost_wake_up,
}
"""Branches that meet."""
