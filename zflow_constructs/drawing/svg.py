"""A picture as SVG, light or dark as the reader's screen is."""

from pathlib import Path
from xml.etree import ElementTree as ET

from zflow_constructs.core.picture.picture import Node, Picture
from zflow_constructs.drawing.layout import lay_out
from zflow_constructs.drawing.legend import add_legend
from zflow_constructs.drawing.shapes import PADDING, Arrow, Box, lines_of
from zflow_constructs.drawing.text import NAME_LINE, NOTE_LINE

_MARGIN = 20
_HEAD = 8
_FAMILIES = ("sagemaker", "databricks", "lambda")


def to_svg(picture: Picture) -> str:
    """A picture as an SVG document of its own.

    Args:
        picture: the picture.

    Example:
        `<svg ... class="zflow"><title>Scoring</title>...<g class="step sagemaker" data-name="Train">...</g></svg>`
    """
    drawing = lay_out(picture).moved(_MARGIN, _MARGIN)
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "zflow", "role": "img"})
    ET.SubElement(svg, "title").text = picture.name
    ET.SubElement(svg, "style").text = Path(__file__).with_name("picture.css").read_text(encoding="utf-8")
    ET.SubElement(svg, "rect", {"class": "paper", "width": "100%", "height": "100%", "rx": "8"})
    for box in drawing.boxes:
        if box.shape != "step":
            _add_box(svg, box)
    for arrow in drawing.arrows:
        _add_arrow(svg, arrow)
    for box in drawing.boxes:
        if box.shape == "step":
            _add_box(svg, box)
    right, bottom = add_legend(svg, drawing, left=_MARGIN, top=drawing.height + 2 * _MARGIN)
    width, height = number(max(drawing.width + _MARGIN, right) + _MARGIN), number(bottom)
    svg.attrib |= {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    return ET.tostring(svg, encoding="unicode") + "\n"


def _add_box(svg: ET.Element, box: Box) -> None:
    node = box.node
    family = node.kind.partition(" ")[0].lower()
    kinds = [box.shape, family if family in _FAMILIES else "", "optional" if node.optional else ""]
    group = ET.SubElement(svg, "g", {"class": " ".join(kind for kind in kinds if kind)})
    if box.shape in {"step", "loop"}:
        group.attrib |= {"data-name": node.name, "data-inside": box.inside, "tabindex": "0"}
        ET.SubElement(group, "title").text = details(node)
    if box.shape == "loop":
        _add_rectangle(group, box, "frame", offset=4)
    _add_rectangle(group, box, "card" if box.shape == "step" else "frame")
    if box.shape == "step":
        place = {"x": number(box.left), "y": number(box.top + 9), "width": "3.5", "height": number(box.height - 18)}
        ET.SubElement(group, "rect", {"class": "accent", "rx": "1.7", **place})
    baseline = box.top + 9 + 0.72 * NAME_LINE
    _add_text(group, "name", node.title, box.left + PADDING, baseline)
    for line, kind in lines_of(node):
        baseline += NOTE_LINE
        _add_text(group, kind, line, box.left + PADDING, baseline)


def _add_rectangle(group: ET.Element, box: Box, kind: str, *, offset: float = 0) -> None:
    place = {"x": number(box.left + offset), "y": number(box.top + offset)}
    size = {"width": number(box.width), "height": number(box.height)}
    ET.SubElement(group, "rect", {"class": kind, "rx": "8", **place, **size})


def _add_text(group: ET.Element, kind: str, text: str, x: float, y: float) -> None:
    ET.SubElement(group, "text", {"class": kind, "x": number(x), "y": number(y)}).text = text


def _add_arrow(svg: ET.Element, arrow: Arrow) -> None:
    edge = arrow.edge
    kind = "arrow order" if edge.order_only else "arrow"
    group = ET.SubElement(svg, "g", {"class": kind, "data-source": edge.source, "data-target": edge.target})
    start, *others = (f"{number(x)},{number(y)}" for x, y in arrow.curve)
    ET.SubElement(group, "path", {"class": "curve", "d": f"M{start}C{' '.join(others)}"})
    x, y = arrow.curve[-1]
    head = f"M{number(x)},{number(y)}l-{_HEAD},-{_HEAD / 2:g}v{_HEAD}z"
    ET.SubElement(group, "path", {"class": "head", "d": head})


def details(node: Node) -> str:
    """All that is known of a step, line by line."""
    uses, after = f"uses {', '.join(node.needs)}", f"after {', '.join(node.after)}"
    lines = [node.name, *node.notes.values(), uses if node.needs else "", after if node.after else ""]
    return "\n".join(line for line in lines if line)


def number(value: float) -> str:
    """A number of pixels, as short as it can be written."""
    return f"{round(value, 1):g}"
