"""The order of steps: what was declared, and nothing that depends on chance."""

import pytest

from tests.core.ordering.random_orders import Needs
from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.values.errors import WorkflowError


def test_the_order_of_declaration_decides_only_what_the_needs_leave_open() -> None:
    assert topological_order({"d": ["c"], "b": [], "a": [], "c": []}) == ["c", "b", "a", "d"]


@pytest.mark.parametrize(
    ("needs", "circle"),
    [
        ({"Train": ["Train"]}, "Train -> Train"),
        ({"Train": ["Predict"], "Predict": ["Train"]}, "Train -> Predict -> Train"),
        ({"App/A": ["App/C"], "App/B": ["App/A"], "App/C": ["App/B"], "App/D": ["App/C"]}, "A -> B -> C -> A"),
    ],
)
def test_a_circle_is_named_in_the_order_in_which_its_steps_would_run(needs: Needs, circle: str) -> None:
    with pytest.raises(WorkflowError) as error:
        topological_order(needs)
    assert str(error.value) == (
        f"The steps need each other in a circle: {circle}. Remove one of these needs: an output that is used, or an "
        "after=."
    )
