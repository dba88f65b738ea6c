"""Where the boxes and arrows of a picture lie."""

from itertools import combinations

import pytest

from tests.drawing.pictures import DIAMOND, GROUPS, LOOP, random_picture
from zflow_constructs.core.picture.picture import Node, Picture
from zflow_constructs.drawing.layout import lay_out
from zflow_constructs.drawing.shapes import PADDING, Box, Drawing, lines_of
from zflow_constructs.drawing.text import NAME_SIZE, NOTE_SIZE, width_of

PICTURES = [DIAMOND, LOOP, GROUPS, *(random_picture(seed) for seed in range(40))]
EVERY_PICTURE = pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)


def boxes(drawing: Drawing, *shapes: str) -> dict[str, Box]:
    return {box.node.name: box for box in drawing.boxes if box.shape in shapes}


def apart(one: Box, other: Box) -> bool:
    return one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top


def within(one: Box, other: Box) -> bool:
    return other.left <= one.left and one.right <= other.right and other.top <= one.top and one.bottom <= other.bottom


@EVERY_PICTURE
def test_no_two_steps_overlap_and_all_are_in_the_picture(picture: Picture) -> None:
    drawing = lay_out(picture)
    paper = Box("group", Node("Paper"), drawing.width, drawing.height)
    assert [box for box in drawing.boxes if not within(box, paper)] == []
    for one, other in combinations(boxes(drawing, "step").values(), 2):
        assert apart(one, other), f"{one.node.name} overlaps {other.node.name}"


@EVERY_PICTURE
def test_a_loop_and_a_group_hold_their_own_steps_alone(picture: Picture) -> None:
    drawing = lay_out(picture)
    steps, loops = boxes(drawing, "step"), boxes(drawing, "loop")
    groups = {box.node.name: box for box in drawing.boxes if box.shape == "group"}
    for node in picture.steps:
        box = steps.get(node.name) or loops[node.name]
        for name, frame in groups.items():
            assert within(box, frame) if name in node.group else apart(box, frame), f"{node.name} and {name}"
        for inner in node.body:
            assert within(steps[inner.name], loops[node.name])
            assert steps[inner.name].inside == node.name


@EVERY_PICTURE
def test_an_arrow_leads_from_the_right_of_a_box_to_the_left_of_another(picture: Picture) -> None:
    drawing = lay_out(picture)
    all_boxes = boxes(drawing, "step", "loop")
    for arrow in drawing.arrows:
        source, target = all_boxes[arrow.edge.source], all_boxes[arrow.edge.target]
        assert arrow.curve[0] == pytest.approx((source.right, source.top + source.height / 2), abs=1)
        assert arrow.curve[-1] == pytest.approx((target.left, target.top + target.height / 2), abs=1)
        assert source.right < target.left
        assert len(arrow.curve) % 3 == 1


@EVERY_PICTURE
def test_a_step_is_as_large_as_its_text(picture: Picture) -> None:
    for box in boxes(lay_out(picture), "step", "loop").values():
        widths = [width_of(box.node.title, NAME_SIZE), *(width_of(line, NOTE_SIZE) for line, _ in lines_of(box.node))]
        assert box.width >= max(widths) + PADDING


def test_what_can_start_at_the_same_time_is_in_one_column() -> None:
    drawn = boxes(lay_out(DIAMOND), "step")
    assert drawn["Train"].left == drawn["Audit"].left
    assert drawn["Train"].width == drawn["Audit"].width
    assert drawn["Extract"].right < drawn["Train"].left < drawn["Train"].right < drawn["Endpoint"].left


def test_a_step_is_not_moved_to_where_its_output_is_used() -> None:
    drawn = boxes(lay_out(GROUPS), "step")
    assert drawn["Audit"].left == pytest.approx(drawn["Prepare Features Fit"].left, abs=1)


def test_the_steps_at_the_end_are_apart_from_the_others() -> None:
    drawing = lay_out(LOOP)
    (frame,) = boxes(drawing, "cleanup").values()
    steps = boxes(drawing, "step")
    assert steps["Collect"].right < frame.left
    assert within(steps["Tear down"], frame)
    assert within(steps["Tell"], frame)
