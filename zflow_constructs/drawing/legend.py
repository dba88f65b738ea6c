"""What the signs of a picture mean: only of those that are in it."""

from xml.etree import ElementTree as ET

from zflow_constructs.drawing.shapes import Drawing
from zflow_constructs.drawing.text import NOTE_SIZE, width_of

_LINE = 24
_SAMPLE = 30
_GAP = 28
_LEAST_WIDTH = 640


def add_legend(svg: ET.Element, drawing: Drawing, *, left: float, top: float) -> tuple[float, float]:
    """Adds the legend to a picture, in as many rows as it needs.

    Args:
        svg: the picture.
        drawing: what is in it.
        left: where the legend starts.
        top: where it starts.

    Returns:
        Where it ends, to the right and below.
    """
    entries = _entries(drawing)
    x, y, right = left, top, left
    for sign, meaning in entries:
        width = _SAMPLE + 8 + round(width_of(meaning, NOTE_SIZE))
        if x > left and x + width > left + max(drawing.width, _LEAST_WIDTH):
            x, y = left, y + _LINE
        group = ET.SubElement(svg, "g", {"class": f"legend {sign}", "transform": f"translate({x:g} {y:g})"})
        group.append(_sample(sign))
        ET.SubElement(group, "text", {"x": str(_SAMPLE + 8), "y": "14"}).text = meaning
        x += width + _GAP
        right = max(right, x - _GAP)
    return right, y + (_LINE + 8 if entries else 0)


def _entries(drawing: Drawing) -> list[tuple[str, str]]:
    nodes = [box.node for box in drawing.boxes]
    signs = {
        "order": (any(arrow.edge.order_only for arrow in drawing.arrows), "comes after, uses nothing of it"),
        "condition": (
            any(node.when for node in nodes),
            "runs only if this holds; else it and all that need it are skipped",
        ),
        "optional": (any(node.optional for node in nodes), "its failure does not fail the workflow"),
        "loop": (any(box.shape == "loop" for box in drawing.boxes), "runs once for each item"),
    }
    return [(sign, meaning) for sign, (there, meaning) in signs.items() if there]


def _sample(sign: str) -> ET.Element:
    if sign == "order":
        sample = ET.Element("g", {"class": "order"})
        ET.SubElement(sample, "path", {"class": "curve", "d": "M0,10H24"})
        ET.SubElement(sample, "path", {"class": "head", "d": "M30,10l-8,-4v8z"})
        return sample
    if sign == "condition":
        sample = ET.Element("text", {"class": "when", "y": "14"})
        sample.text = "when"
        return sample
    sample = ET.Element("g", {"class": sign})
    for offset in (3, 0) if sign == "loop" else (0,):
        place = {"x": str(2 + offset), "y": str(2 + offset)}
        ET.SubElement(sample, "rect", {"class": "frame", "width": "24", "height": "14", "rx": "4", **place})
    return sample
