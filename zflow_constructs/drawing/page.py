"""A picture as a page of HTML that needs nothing else: no network, no other file."""

from html import escape
from pathlib import Path
from string import Template

from zflow_constructs.core.picture.picture import Picture
from zflow_constructs.drawing.svg import to_svg


def to_html(picture: Picture) -> str:
    """A picture as a page: hovering over a step says all about it, a click shows what comes before and after it.

    Args:
        picture: the picture.
    """
    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    count = len(picture.steps) + len(picture.cleanup)
    steps = "1 step" if count == 1 else f"{count} steps"
    return page.substitute(title=escape(picture.name), steps=steps, picture=to_svg(picture).strip())
