"""What a picture is made of: boxes and arrows, each in its place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zflow_constructs.core.picture.picture import Edge, Node
from zflow_constructs.drawing.text import NAME_LINE, NAME_SIZE, NOTE_LINE, NOTE_SIZE, width_of, wrapped

PADDING = 14
_LEAST_WIDTH = 90
_CHARACTERS_OF_A_STEP = 28
_CHARACTERS_OF_A_FRAME = 60
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A step, or a frame around steps.

    Args:
        shape: what it stands for.
        node: the step; for the frame of a group or of the cleanup, one of that name.
        width: its size in pixels.
        height: its size in pixels.
        left: its place. Default: the left border
        top: its place. Default: the upper border
        inside: the name of the loop that it is in. Default: none
    """

    shape: Literal["step", "loop", "group", "cleanup"]
    node: Node
    width: float
    height: float
    left: float = 0
    top: float = 0
    inside: str = ""

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.top + self.height


@dataclass(frozen=True)
class Arrow:
    """An edge as a curve.

    Args:
        edge: the edge.
        curve: its cubic Béziers: where it starts, then three points for each.
    """

    edge: Edge
    curve: tuple[Point, ...]


@dataclass(frozen=True)
class Drawing:
    """Boxes and arrows; frames come before what is in them.

    Args:
        width: how much room they take.
        height: how much room they take.
        boxes: the boxes.
        arrows: the arrows.
    """

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    arrows: tuple[Arrow, ...] = ()

    def moved(self, right: float, down: float) -> "Drawing":
        """All of it in another place.

        Args:
            right: by how much.
            down: by how much.
        """
        return replace(
            self,
            boxes=tuple(replace(box, left=box.left + right, top=box.top + down) for box in self.boxes),
            arrows=tuple(
                replace(arrow, curve=tuple((x + right, y + down) for x, y in arrow.curve)) for arrow in self.arrows
            ),
        )


def lines_of(node: Node) -> list[tuple[str, str]]:
    """What is written below a step's name, in lines that are short enough, each with what it says: `when`, `kind`."""
    most = _CHARACTERS_OF_A_FRAME if node.body else _CHARACTERS_OF_A_STEP
    return [(line, name) for name, note in node.notes.items() for line in wrapped(note, most)]


def text_size(node: Node) -> tuple[float, float]:
    """How much room a step's text takes, with the padding around it."""
    lines = lines_of(node)
    widths = [width_of(node.title, NAME_SIZE), *(width_of(line, NOTE_SIZE) for line, _ in lines)]
    return round(max(*widths, _LEAST_WIDTH)) + 2 * PADDING, NAME_LINE + NOTE_LINE * len(lines) + 18


def framed(drawing: Drawing, shape: Literal["loop", "cleanup"], node: Node) -> Drawing:
    """A drawing in a frame that says what it is.

    Args:
        drawing: the drawing.
        shape: what the frame stands for.
        node: the loop, or a step that is called like the frame.
    """
    text_width, text_height = text_size(node)
    width, height = max(drawing.width + 2 * PADDING, text_width), drawing.height + text_height + PADDING
    inside = drawing.moved((width - drawing.width) / 2, text_height)
    boxes = tuple(replace(box, inside=box.inside or node.name) for box in inside.boxes)
    return replace(inside, width=width, height=height, boxes=(Box(shape, node, width, height), *boxes))


def side_by_side(drawings: Sequence[Drawing], gap: float) -> Drawing:
    """Drawings from left to right, each in the middle of the height.

    Args:
        drawings: the drawings.
        gap: what is left free between two of them.
    """
    height = max(drawing.height for drawing in drawings)
    placed: list[Drawing] = []
    right = 0.0
    for drawing in drawings:
        placed.append(drawing.moved(right, (height - drawing.height) / 2))
        right += drawing.width + gap
    return Drawing(
        right - gap,
        height,
        tuple(box for drawing in placed for box in drawing.boxes),
        tuple(arrow for drawing in placed for arrow in drawing.arrows),
    )
