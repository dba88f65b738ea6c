"""Pictures as a page of HTML."""

import re
import subprocess
import sys
from pathlib import Path

from tests.core.picture.test_picture import EVERYTHING
from tests.drawing.pictures import DIAMOND
from zflow_constructs.core.picture.picture import Node, Picture
from zflow_constructs.drawing.page import to_html
from zflow_constructs.drawing.svg import to_svg


def test_the_page_holds_the_picture_and_says_what_it_is() -> None:
    page = to_html(DIAMOND)
    assert to_svg(DIAMOND).strip() in page
    assert "<title>Diamond</title>" in page
    assert "<h1>Diamond</h1>\n<p>4 steps, from left to right." in page
    assert "<p>1 step, from left to right." in to_html(Picture("One", (Node("A"),)))


def test_the_page_needs_nothing_from_elsewhere_and_may_load_nothing() -> None:
    page = to_html(EVERYTHING)
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert re.findall(r"\w+://[^\"]*", page) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"\b(?:src|href|action)=|@import|url\(|\bimport\b|fetch\(", page) == []


def test_the_page_is_dark_where_the_screen_is() -> None:
    assert to_html(DIAMOND).count("@media (prefers-color-scheme: dark)") == 2


def test_the_name_of_a_workflow_is_no_markup() -> None:
    assert "<h1>&lt;b&gt; &amp; $title</h1>" in to_html(Picture("<b> & $title", (Node("A"),)))


def test_the_script_of_the_page_is_well_formed(tmp_path: Path) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", to_html(EVERYTHING), re.DOTALL)
    file = tmp_path / "page.js"
    file.write_text(script, encoding="utf-8")
    node = Path(sys.executable).with_name("node")
    subprocess.run([node if node.exists() else "node", "--check", file], check=True)
