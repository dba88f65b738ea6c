"""Where everything in a picture lies: Graphviz's layered layout, from left to right.

A column holds what can start at the same time, if all steps took equally long. A loop's steps are laid out by
themselves first, and the loop takes its place among the others as one box. https://graphviz.org/docs/layouts/dot/
"""

from collections.abc import Mapping, Sequence

from pygraphviz import AGraph

from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.picture.picture import CLEANUP, Edge, Group, Node, Picture, edges_of, grouped
from zflow_constructs.drawing.shapes import PADDING, Arrow, Box, Drawing, Point, framed, side_by_side, text_size

_GAP = 46
_GROUP_NAME_HEIGHT = 20
_INCH = 72


def lay_out(picture: Picture) -> Drawing:
    """A picture with everything in its place.

    Args:
        picture: the picture.
    """
    drawings = [_scope(picture.steps)]
    if picture.cleanup:
        drawings.append(framed(_scope(picture.cleanup), "cleanup", Node(CLEANUP)))
    return side_by_side(drawings, _GAP)


def _scope(nodes: Sequence[Node]) -> Drawing:
    """The steps of the workflow, or of a loop's body."""
    edges = edges_of(nodes)
    columns = _columns(nodes, edges)
    parts = {node.name: _part(node, column) for column in columns for node in column}
    graph = AGraph(directed=True, rankdir="LR", ranksep=_GAP / _INCH, nodesep=0.3, mclimit=8, newrank="true")
    graph.node_attr.update(shape="box", fixedsize="true", label="")
    graph.edge_attr.update(tailport="e", headport="w", arrowhead="none")
    groups: list[tuple[AGraph, Group]] = []
    _add(grouped(nodes), graph, parts, groups)
    for column in columns:
        graph.add_subgraph([node.name for node in column], rank="same")
    for edge in edges:
        graph.add_edge(edge.source, edge.target)
    graph.layout("dot")
    return _drawing(graph, groups, parts, edges)


def _columns(nodes: Sequence[Node], edges: Sequence[Edge]) -> list[list[Node]]:
    """The steps by how many others come before them, one after the other."""
    needs = {node.name: [edge.source for edge in edges if edge.target == node.name] for node in nodes}
    depth: dict[str, int] = {}
    for name in topological_order(needs):
        depth[name] = max((depth[need] + 1 for need in needs[name]), default=0)
    return [[node for node in nodes if depth[node.name] == column] for column in range(max(depth.values()) + 1)]


def _part(node: Node, column: Sequence[Node]) -> Drawing:
    """A step, as wide as the others of its column, or a loop with its steps."""
    if node.body:
        return framed(_scope(node.body), "loop", node)
    width = max(text_size(each)[0] for each in column if not each.body)
    _, height = text_size(node)
    return Drawing(width, height, (Box("step", node, width, height),))


def _add(
    members: Sequence[Node | Group], graph: AGraph, parts: Mapping[str, Drawing], groups: list[tuple[AGraph, Group]]
) -> None:
    """Adds steps and groups; a group is a cluster with room for its name."""
    for member in members:
        if isinstance(member, Group):
            width, _ = text_size(Node(member.path[-1]))
            size = f'WIDTH="{width}" HEIGHT="{_GROUP_NAME_HEIGHT}"'
            room = f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" {size}><TR><TD></TD></TR></TABLE>>'
            cluster = graph.add_subgraph(name=f"cluster{len(groups)}", label=room, margin=PADDING)
            groups.append((cluster, member))
            _add(member.members, cluster, parts, groups)
        else:
            part = parts[member.name]
            graph.add_node(member.name, width=part.width / _INCH, height=part.height / _INCH)


def _drawing(
    graph: AGraph, groups: Sequence[tuple[AGraph, Group]], parts: Mapping[str, Drawing], edges: Sequence[Edge]
) -> Drawing:
    """All of it where Graphviz has placed it."""
    _, _, width, height = _numbers(graph.graph_attr["bb"])
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    for cluster, group in groups:
        left, bottom, right, top = _numbers(cluster.graph_attr["bb"])
        boxes.append(Box("group", Node(group.path[-1]), right - left, top - bottom, left, height - top))
    for name, part in parts.items():
        x, y = _numbers(graph.get_node(name).attr["pos"])
        placed = part.moved(x - part.width / 2, height - y - part.height / 2)
        boxes += placed.boxes
        arrows += placed.arrows
    for edge in edges:
        pos = graph.get_edge(edge.source, edge.target).attr["pos"]
        arrows.append(Arrow(edge, tuple(_point(point, height) for point in pos.split())))
    return Drawing(width, height, tuple(boxes), tuple(arrows))


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _point(text: str, height: float) -> Point:
    """A point of Graphviz's, whose axis points up."""
    x, y = _numbers(text)
    return x, height - y
