"""The plan of a workflow: its steps nested into sequences and parallel branches, and the needs that no nest expresses.

Branches join, so they can only express a series-parallel order: one without an N (a before c and d, b before d alone).
Any other order loses some of its direct needs: each becomes a rendezvous, at which one branch waits for another. The
nest never has an order that the needs don't, so each step still starts as soon as all it needs is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zflow_constructs.core.ordering.graph import Branches, Nested, Series
from zflow_constructs.core.ordering.orders import Order, connected, members, order_of
from zflow_constructs.core.ordering.placing import beside


@dataclass(frozen=True)
class Plan:
    """How steps run in the order of their needs.

    Args:
        nested: the steps, nested into sequences and parallel branches.
        rendezvous: the direct needs that the nest does not express: (step that is needed, step that waits).
    """

    nested: Nested
    rendezvous: tuple[tuple[str, str], ...]


def plan(needs: Mapping[str, Sequence[str]]) -> Plan:
    """The steps nested so that few direct needs are left over for a rendezvous: none, if the order has no N.

    Args:
        needs: for each step, the steps that come before it. At least one step.

    Raises:
        WorkflowError: the steps need each other in a circle.

    Example:
        >>> plan({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
        Plan(nested=Series(parts=('a', Branches(parts=('b', 'c')), 'd')), rendezvous=())
    """
    order = order_of(needs)
    planning = _Planning(order)
    nested = planning.nested((1 << len(order.steps)) - 1)
    return Plan(nested, tuple((order.steps[need], order.steps[step]) for step, need in sorted(planning.rendezvous)))


class _Planning:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._near = order.neighbours()
        self.rendezvous: list[tuple[int, int]] = []

    def nested(self, steps: int) -> Nested:
        """Some steps, in sequence wherever their order allows it, with a direct need or without: that is free."""
        if steps.bit_count() == 1:
            return self._order.steps[steps.bit_length() - 1]
        sequence = self._order.sequence(steps)
        if len(sequence) > 1:
            return Series(tuple(map(self.nested, sequence)))
        parallel = self._parallel(steps)
        for part in parallel:
            for step in members(part):
                self.rendezvous += ((step, need) for need in members(self._order.needs[step] & steps & ~part))
        return Branches(tuple(map(self.nested, parallel)))

    def _parallel(self, steps: int) -> list[int]:
        """The parts of some steps that run beside each other, each a single step or a sequence."""
        parts: list[int] = []
        for part in connected(steps, self._near):
            if part.bit_count() == 1 or len(self._order.sequence(part)) > 1:
                parts.append(part)
            else:
                for step, others in beside(self._order, part).items():
                    self._near[step] &= ~others
                parts += self._parallel(part)
        return sorted(parts, key=lambda part: part & -part)
