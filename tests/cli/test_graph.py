"""The `zflow graph` command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.drawing.pictures import DIAMOND
from tests.local.assemblies import call, write_assembly
from zflow_constructs.cli.main import main
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.drawing.page import to_html
from zflow_constructs.drawing.svg import to_svg


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An assembly in the current folder, whose workflow is the diamond."""
    monkeypatch.chdir(tmp_path)
    return write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata={"zflow:graph": DIAMOND.to_json()})


def zflow(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("assembly")
def test_the_workflow_is_drawn_as_a_page_and_the_file_is_named() -> None:
    assert zflow("graph") == "Diamond.html\n"
    assert Path("Diamond.html").read_text(encoding="utf-8") == to_html(DIAMOND)


def test_the_workflow_is_drawn_in_the_format_and_to_the_file_that_is_asked_for(assembly: Path) -> None:
    assert (
        zflow("graph", str(assembly), "--stack", "Demo", "--workflow", "Machine", "--format", "svg") == "Diamond.svg\n"
    )
    assert Path("Diamond.svg").read_text(encoding="utf-8") == to_svg(DIAMOND)
    assert zflow("graph", "--format", "mermaid", "--output", "picture.txt") == "picture.txt\n"
    assert Path("picture.txt").read_text(encoding="utf-8") == to_mermaid(DIAMOND) + "\n"
    assert zflow("graph", "--format", "mermaid", "--output", "-") == to_mermaid(DIAMOND) + "\n"


def test_a_workflow_whose_images_are_not_built_yet_is_drawn(assembly: Path) -> None:
    (assembly / "Demo.assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"x": {}}}), encoding="utf-8")
    assert zflow("graph") == "Diamond.html\n"


@pytest.mark.usefixtures("assembly")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stack", "Damo"], "Error: cdk.out has no stack 'Damo', but: Demo. Did you mean 'Demo'?"),
        (["--workflow", "Mashine"], "The stack Demo has no workflow 'Mashine', but: Machine. Did you mean 'Machine'?"),
        (["--format", "png"], "Invalid value for '--format': 'png' is not one of 'html', 'svg', 'mermaid'."),
        (["nowhere"], "Invalid value for '[ASSEMBLY]': Directory 'nowhere' does not exist."),
    ],
)
def test_bad_usage_is_said_and_exits_with_2(arguments: list[str], message: str) -> None:
    ended = CliRunner().invoke(main, ["graph", *arguments])
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())


def test_a_state_machine_that_does_not_say_what_to_draw_is_refused(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["graph", str(write_assembly(tmp_path, {"Call": call({}, End=True)}))])
    assert ended.exit_code == 2
    assert ended.stderr == (
        "Error: The state machine Machine of the stack Demo doesn't say what to draw: it was made by an older "
        "zflow_constructs, or by something else. Synthesize it again.\n"
    )


@pytest.mark.usefixtures("assembly")
def test_what_is_missing_to_draw_is_said_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("zflow_constructs.drawing.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    ended = CliRunner().invoke(main, ["graph"])
    assert ended.exit_code == 2
    assert ended.stderr == (
        "Error: `zflow graph` needs 'pygraphviz', which the extra `graph` brings: "
        "pip install 'zflow-constructs[graph]'\n"
    )
    assert zflow("graph", "--format", "mermaid") == "Diamond.mmd\n"


def test_the_command_starts_without_the_engine_and_the_layout() -> None:
    script = "import sys, zflow_constructs.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    started = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(started.stdout.split())
    assert "click" in loaded
    assert loaded & {"aws_cdk", "boto3", "jsii", "moto", "pygraphviz", "rich"} == set()
