"""The size of a definition that AWS takes: each message whole, and the last value that is taken."""

import json
from collections.abc import Mapping

import pytest

from zflow_constructs.core.states.limits import check_definition
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Json


def machine(states: Mapping[str, Json]) -> dict[str, Json]:
    return {"StartAt": next(iter(states)), "States": states}


def handing_over(size: int) -> dict[str, Json]:
    """A state whose arguments have so many bytes as JSON."""
    return {"Type": "Task", "Arguments": "x" * (size - 2)}


def refused(check: object, *arguments: object) -> str:
    assert callable(check)
    with pytest.raises(WorkflowError) as raised:
        check("Scoring", *arguments)
    return str(raised.value)


def test_a_state_hands_over_256_kib_at_most_wherever_it_is() -> None:
    check_definition("Scoring", machine({"Train": handing_over(262_144)}))
    too_large = machine({"Train": handing_over(262_145)})
    inside: list[dict[str, Json]] = [
        too_large,
        machine({"All": {"Type": "Parallel", "Branches": [too_large]}}),
        machine({"Each": {"Type": "Map", "ItemProcessor": too_large}}),
    ]
    for definition in inside:
        assert refused(check_definition, definition) == (
            'MlWorkflow "Scoring": state "Train" hands over 262145 bytes, and Step Functions takes 262144. '
            "Put what is large into S3, and hand over where it is."
        )


@pytest.mark.parametrize("character", ["x", "ü"])
def test_a_definition_has_a_mebibyte_at_most_and_the_largest_states_are_named(character: str) -> None:
    """Counted as it is sent: without blanks, in UTF-8."""
    states: dict[str, Json] = {f"S{number}": {"Type": "Pass", "Comment": "x" * 200_000} for number in range(5)}
    around = len(json.dumps(machine({**states, "S2": {"Type": "Pass", "Comment": ""}}), separators=(",", ":")))
    left = 1_048_576 - around
    own = character * (left // len(character.encode()))
    own += "y" * (left - len(own.encode()))
    check_definition("Scoring", machine({**states, "S2": {"Type": "Pass", "Comment": own}}))
    assert refused(check_definition, machine({**states, "S2": {"Type": "Pass", "Comment": f"{own}y"}})) == (
        'MlWorkflow "Scoring": its definition has 1048577 bytes, and Step Functions takes 1048576. The largest '
        f'states: "S2" ({left + 29}), "S0" (200028), "S1" (200028). Move some of its 5 states into a workflow of '
        "their own, and run that as a WorkflowStep."
    )
