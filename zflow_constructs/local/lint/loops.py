"""Rules about Map states, inline and distributed.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from zflow_constructs.local.lint.expressions import expressions
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.machine import Machine, Scope, State, fields, text

_DISTRIBUTED_FIELDS = (
    "ItemBatcher",
    "ItemReader",
    "Label",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
)
_LONGEST_LABEL = 40
_LABEL = re.compile(r"[^\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]+")
_MOST_AT_ONCE = 40


def _mode(state: State) -> Mapping[str, object]:
    return fields(fields(state.definition.get("ItemProcessor")).get("ProcessorConfig"))


def _map_mode(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        if state.type != "Map":
            continue
        if _mode(state).get("Mode") == "DISTRIBUTED":
            if _mode(state).get("ExecutionType") not in {"STANDARD", "EXPRESS"}:
                yield Problem(
                    state.name,
                    "it is a Distributed Map without an ExecutionType.",
                    'Set "ExecutionType": "STANDARD" in its ProcessorConfig.',
                )
            continue
        for field in _DISTRIBUTED_FIELDS:
            if field in state.definition:
                yield Problem(
                    state.name,
                    f"it has {field}, which only a Distributed Map has.",
                    'Remove it, or set "Mode": "DISTRIBUTED" in its ProcessorConfig.',
                )
        concurrency = state.definition.get("MaxConcurrency", 0)
        if isinstance(concurrency, int) and concurrency > _MOST_AT_ONCE:
            yield Problem(
                state.name,
                f"its MaxConcurrency is {concurrency}, and an inline Map runs {_MOST_AT_ONCE} items at once.",
                f"Give {_MOST_AT_ONCE} at most, or make it a Distributed Map.",
            )


def _map_label(machine: Machine) -> Iterator[Problem]:
    labels = [(state.name, text(state.definition["Label"])) for state in machine.states if "Label" in state.definition]
    used = Counter(label for _, label in labels)
    for name, label in labels:
        if not _LABEL.fullmatch(label) or len(label) > _LONGEST_LABEL:
            yield Problem(
                name,
                f"its Label is {label!r}.",
                f'Give {_LONGEST_LABEL} characters at most, without spaces and none of ?*<>{{}}[]:;,\\|^~$#%&`".',
            )
        if used[label] > 1:
            yield Problem(name, f"another Map has its Label, {label!r}.", "Label each Map differently.")


def _map_context(machine: Machine) -> Iterator[Problem]:
    yield from _misplaced_items(machine.top, within=False)


def _misplaced_items(scope: Scope, *, within: bool) -> Iterator[Problem]:
    """The reads of `$states.context.Map` where there is none.

    Args:
        scope: the scope.
        within: whether it is in an inline Map.
    """
    for state in scope.states.values():
        for expression in expressions(state):
            there = within or (state.type == "Map" and expression.block == "ItemSelector")
            if not there and any(path[:2] == ("context", "Map") for path in expression.reading.states):
                yield Problem(
                    state.name,
                    f"{expression.place} reads $states.context.Map, which is not there.",
                    "Only an ItemSelector, and the states in an inline Map, have it.",
                )
        for inner in scope.inner[state.name]:
            yield from _misplaced_items(inner, within=not inner.isolated and (within or state.type == "Map"))


LOOP_RULES: Mapping[str, Rule] = {
    "map-mode": _map_mode,
    "map-label": _map_label,
    "map-context": _map_context,
}
"""Map states."""
