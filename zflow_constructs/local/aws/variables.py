"""The scopes of workflow variables, as Step Functions checks them when a machine is created.

See https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#workflow-variable-scope
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from zflow_constructs.local.aws.errors import ApiError

Definition = Mapping[str, object]


def check_scopes(definition: Definition, *, outer: AbstractSet[str] = frozenset()) -> None:
    """Refuse a machine that assigns, in a Parallel or Map state, a variable which an outer scope assigns too.

    moto takes such a machine.

    Args:
        definition: A machine, or a branch of one, in the Amazon States Language.
        outer: The variables that the scopes around it assign. Default: none.

    Raises:
        ApiError: `InvalidDefinition`, naming the state and the variable.
    """
    states = _mapping(definition["States"])
    own: set[str] = set()
    for name, state in states.items():
        for variable in assigned(_mapping(state)):
            if variable in outer:
                raise ApiError(
                    "InvalidDefinition",
                    f"SCHEMA_VALIDATION_FAILED: the variable ${variable}, which the state {name!r} assigns, "
                    "is assigned in an outer scope too; give it another name",
                )
            own.add(variable)
    for state in states.values():
        for branch in branches(_mapping(state)):
            check_scopes(branch, outer=outer | own)


def assigned(state: Definition) -> Iterator[str]:
    """The variables that a state assigns: itself, in a Catch, or in a Choice's rule.

    Args:
        state: The state.
    """
    for place in (state, *_list(state.get("Catch", [])), *_list(state.get("Choices", []))):
        yield from _mapping(_mapping(place).get("Assign", {}))


def branches(state: Definition) -> Iterator[Definition]:
    """The machines within a state: a Parallel's branches, a Map's item processor.

    Args:
        state: The state.
    """
    yield from (_mapping(branch) for branch in _list(state.get("Branches", [])))
    for processor in ("ItemProcessor", "Iterator"):
        if processor in state:
            yield _mapping(state[processor])


def _mapping(value: object) -> Definition:
    assert isinstance(value, Mapping)
    return value


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
