"""What a workflow's picture shows: the graph as it was declared, not the machinery that it compiles to.

The graph travels in the template, as JSON in the state machine's metadata, so that it can be drawn without the app.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.picture.wording import with_signs
from zflow_constructs.core.values.templates import Json

GRAPH_METADATA = "zflow:graph"
"""The metadata of the state machine that holds the picture: `zflow graph` reads it."""
MACHINERY_METADATA = "zflow:machinery"
"""The metadata of a state machine that is no workflow, but works for workflows: what it does."""
CLEANUP = "at the end, succeeded or failed"
"""What stands over the steps that run at the workflow's end."""


@dataclass(frozen=True)
class Node:
    """A step, as it is drawn.

    Args:
        name: its name, which no other step of the picture has.
        kind: what it is, such as `SageMaker training`. Default: not said
        needs: the names of the steps whose outputs it uses. Default: none
        after: the names of the steps that it comes after, though it uses nothing of theirs. Default: none
        when: its condition in words, such as `validation:auc >= 0.75`. Default: it always runs
        optional: whether the workflow goes on when it fails. Default: no
        group: the names of the groups that it is in, from the outside in. Default: none
        each: of a loop, what it repeats its steps for, such as `country in countries`. Default: it is no loop
        body: of a loop, the steps that it repeats. Default: it is no loop
    """

    name: str
    kind: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    when: str = ""
    optional: bool = False
    group: tuple[str, ...] = ()
    each: str = ""
    body: tuple["Node", ...] = ()

    @property
    def title(self) -> str:
        """Its name inside its groups, whose names are the beginning of its own."""
        return self.name.removeprefix(" ".join((*self.group, "")))

    @property
    def notes(self) -> dict[str, str]:
        """What is written below its name: `{"kind": "SageMaker endpoint", "when": "when auc ≥ 0.75"}`."""
        notes = {
            "kind": ", ".join(word for word in (self.kind, "optional" if self.optional else "") if word),
            "each": self.each and f"for each {self.each}",
            "when": self.when and f"when {with_signs(self.when)}",
        }
        return {name: note for name, note in notes.items() if note}

    def to_json(self) -> dict[str, Json]:
        """The step as JSON: `{"name": "Endpoint", "needs": ["Train"], "when": "auc >= 0.75"}`, defaults left out."""
        fields: dict[str, Json] = {
            "kind": self.kind,
            "needs": list(self.needs),
            "after": list(self.after),
            "when": self.when,
            "optional": self.optional,
            "group": list(self.group),
            "each": self.each,
            "body": [node.to_json() for node in self.body],
        }
        return {"name": self.name, **{name: value for name, value in fields.items() if value}}

    @staticmethod
    def from_json(fields: Mapping[str, Json]) -> "Node":
        """The step that `to_json` made this of."""
        return Node(
            name=str(fields["name"]),
            kind=str(fields.get("kind", "")),
            needs=_texts(fields.get("needs", [])),
            after=_texts(fields.get("after", [])),
            when=str(fields.get("when", "")),
            optional=bool(fields.get("optional", False)),
            group=_texts(fields.get("group", [])),
            each=str(fields.get("each", "")),
            body=_nodes(fields.get("body", [])),
        )


@dataclass(frozen=True)
class Picture:
    """A workflow, as it is drawn.

    Args:
        name: the workflow's name.
        steps: its steps, in the order of their declaration.
        cleanup: the steps that run at its end, whether it succeeded or failed. Default: none

    Example:
        `Picture("Scoring", (Node("Train", kind="SageMaker training"), Node("Endpoint", needs=("Train",))))`
    """

    name: str
    steps: tuple[Node, ...]
    cleanup: tuple[Node, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The picture as JSON: `{"name": "Scoring", "steps": [{"name": "Train"}, ...]}`."""
        return {
            "name": self.name,
            "steps": [node.to_json() for node in self.steps],
            **({"cleanup": [node.to_json() for node in self.cleanup]} if self.cleanup else {}),
        }

    @staticmethod
    def from_json(fields: Mapping[str, Json]) -> "Picture":
        """The picture that `to_json` made this of."""
        return Picture(str(fields["name"]), _nodes(fields["steps"]), _nodes(fields.get("cleanup", [])))


@dataclass(frozen=True)
class Edge:
    """That one step comes before another.

    Args:
        source: the name of the step that comes first.
        target: the name of the step that comes after it.
        order_only: whether nothing is handed over: the one just waits for the other's end.
    """

    source: str
    target: str
    order_only: bool


@dataclass(frozen=True)
class Group:
    """Steps that are drawn in a box of their own.

    Args:
        path: the group's name, after those of the groups that it is in.
        members: its steps, and the groups in it.
    """

    path: tuple[str, ...]
    members: tuple["Node | Group", ...]


def grouped(nodes: Sequence[Node], path: tuple[str, ...] = ()) -> tuple[Node | Group, ...]:
    """The steps of a group, those of the groups in it gathered.

    Args:
        nodes: the steps.
        path: the group that they are in. Default: none
    """
    members: dict[str, list[Node]] = {}
    for node in nodes:
        inner = node.group[len(path) :]
        members.setdefault(f"group {inner[0]}" if inner else f"step {node.name}", []).append(node)
    return tuple(
        Group(inside, grouped(each, inside)) if (inside := each[0].group[: len(path) + 1]) > path else each[0]
        for each in members.values()
    )


def edges_of(nodes: Sequence[Node]) -> tuple[Edge, ...]:
    """The edges between some steps, those left out that others imply; so are those from steps outside.

    Args:
        nodes: all steps of a workflow, or of a loop's body.

    Example:
        >>> edges_of([Node("a"), Node("b", needs=("a",)), Node("c", needs=("a",), after=("b",))])
        (Edge(source='a', target='b', order_only=False), Edge(source='b', target='c', order_only=True))
    """
    names = {node.name for node in nodes}
    direct = {
        node.name: [name for name in dict.fromkeys((*node.needs, *node.after)) if name in names] for node in nodes
    }
    before: dict[str, set[str]] = {}
    for name in topological_order(direct):
        before[name] = {*direct[name], *(earlier for need in direct[name] for earlier in before[need])}
    return tuple(
        Edge(need, node.name, order_only=need not in node.needs)
        for node in nodes
        for need in direct[node.name]
        if not any(need in before[other] for other in direct[node.name])
    )


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(each) for each in _list(value))


def _nodes(value: Json) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for each in _list(value):
        if not isinstance(each, Mapping):
            raise TypeError(f"{each!r} is no step")
        nodes.append(Node.from_json(each))
    return tuple(nodes)


def _list(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
