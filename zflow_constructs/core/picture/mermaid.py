"""A picture as Mermaid, which GitHub, GitLab and most wikis draw.

https://mermaid.js.org/syntax/flowchart.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.core.picture.picture import CLEANUP, Group, Node, Picture, edges_of, grouped

_INDENT = "    "
# The ids of steps have no hyphen.
_CLEANUP_ID = "at-last"
# Words that Mermaid does not take for a name.
_RESERVED = ("call", "class", "click", "default", "end", "flowchart", "graph", "href", "style", "subgraph")
_ESCAPED = str.maketrans({"&": "#amp;", "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})


def to_mermaid(picture: Picture) -> str:
    """A picture as a Mermaid flowchart: a box around a loop or a group, a dashed arrow where nothing is handed over.

    Args:
        picture: the picture.

    Example:
        >>> endpoint = Node("Endpoint", needs=("Train",), when="auc >= 0.75")
        >>> print(to_mermaid(Picture("Scoring", (Node("Train", kind="SageMaker training"), endpoint))))
        flowchart LR
            Train("Train<br/>SageMaker training")
            Endpoint("Endpoint<br/>when auc ≥ 0.75")
            Train --> Endpoint
    """
    nodes = [*_all(picture.steps), *_all(picture.cleanup)]
    ids = {node.name: _id(node.name) for node in nodes}
    lines = ["flowchart LR", *_scope(picture.steps, ids)]
    if picture.cleanup:
        lines += _box(_CLEANUP_ID, CLEANUP, _scope(picture.cleanup, ids))
        # Links that are not drawn keep it to the right.
        followed = {edge.source for edge in edges_of(picture.steps)}
        last = [ids[node.name] for node in picture.steps if node.name not in followed]
        lines += [f"{_INDENT}{id} ~~~ {_CLEANUP_ID}" for id in last]
    if optional := [ids[node.name] for node in nodes if node.optional]:
        lines += [f"{_INDENT}classDef optional stroke-dasharray: 5 4", f"{_INDENT}class {','.join(optional)} optional"]
    return "\n".join(lines)


def _scope(nodes: Sequence[Node], ids: Mapping[str, str]) -> list[str]:
    """The steps of the workflow, or of a loop's body, and their edges."""
    arrows = [
        f"{_INDENT}{ids[edge.source]} {'-.->' if edge.order_only else '-->'} {ids[edge.target]}"
        for edge in edges_of(nodes)
    ]
    return [*_members(grouped(nodes), ids), *arrows]


def _members(members: Sequence[Node | Group], ids: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for member in members:
        match member:
            case Group(path, inside):
                lines += _box(f"group-{_id(' '.join(path))}", path[-1], _members(inside, ids))
            case Node(body=()):
                lines.append(f'{_INDENT}{ids[member.name]}("{_label(member)}")')
            case _:
                lines += _box(ids[member.name], _label(member), _scope(member.body, ids))
    return lines


def _box(id: str, label: str, inside: Sequence[str]) -> list[str]:
    # Without a direction of its own, a box that nothing enters is drawn crosswise.
    lines = [f'subgraph {id}["{label}"]', f"{_INDENT}direction LR", *inside, "end"]
    return [f"{_INDENT}{line}" for line in lines]


def _label(node: Node) -> str:
    return "<br/>".join(text.translate(_ESCAPED) for text in (node.title, *node.notes.values()))


def _id(name: str) -> str:
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if plain.lower() in _RESERVED else plain


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.body)
