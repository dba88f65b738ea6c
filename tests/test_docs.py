"""Every code block of the README and the docs does what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack

import zflow_constructs as zflow
from tests.parts import count, function, train
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.local.containers.script import decode_hyperparameters
from zflow_constructs.local.containers.training_folder import script_arguments

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n(.*)", re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [code for found, code in BLOCK.findall(text) if found == language]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's own workflow, in a folder of its own, run by the README's own commands."""
    folder = tmp_path_factory.mktemp("tutorial")
    for code in blocks(README, "python"):
        match = FILE.fullmatch(code)
        assert match, "a block of Python in the README is a file of the tutorial"
        (folder / match[1]).parent.mkdir(exist_ok=True)
        (folder / match[1]).write_text(match[2], encoding="utf-8")
    (commands,) = [code for code in blocks(README, "sh") if "zflow local run" in code]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = f"set -e\n{commands.replace('zflow local run cdk.out', 'zflow local run cdk.out --run-folder run')}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_workflow_of_the_readme_runs(tutorial: Path) -> None:
    run = json.loads((tutorial / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["status"] == "SUCCEEDED"
    assert run["input"] == {"inverse_penalty": 0.1}
    assert {step["id"]: step["status"] for step in run["steps"]} == {
        "Train": "succeeded",
        "Predict": "succeeded",
        "Endpoint": "succeeded",
    }


def test_the_mistake_of_the_readme_is_told_in_these_words() -> None:
    (shown,) = blocks(README, "text")
    step = train(Stack(App(), "Docs"))
    with pytest.raises(zflow.WorkflowError) as raised:
        step.metric("validation:acu")
    assert " ".join(shown.split()) == str(raised.value)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: str(page.name))
def test_the_python_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    stack = Stack(App(), "Docs")
    names = {
        "zflow": zflow,
        "stack": stack,
        "customers": zflow.DataLocation.from_asset(stack, "Customers", "examples/risk_scoring/data/german_credit.csv"),
        "function": function(stack, "DocsFunction"),
        "workflow": zflow.MlWorkflow(stack, "Workflow", steps=[count(stack, "Count")]),
    }
    for code in blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile(code, str(page), "exec"), names)


def test_the_script_on_values_gets_what_its_page_says() -> None:
    (script,) = blocks((ROOT / "docs" / "values.md").read_text(encoding="utf-8"), "py")
    options: dict[str, Template] = {"rows": 100, "drop": None}
    handed: dict[str, Template] = {
        "version": "1.10",
        "max-depth": 5,
        "layers": [64, 32],
        "options": options,
        "seed": None,
    }
    decoded = decode_hyperparameters(
        {name: str(text) for name, text in as_texts('Step "Train"', "hyperparameters", handed, decoded=True).items()}
    )
    shown = script + "print(json.dumps([vars(arguments), same, layers]))"
    done = subprocess.run(
        [sys.executable, "-c", shown, *script_arguments(decoded)],
        env={**os.environ, "SM_HPS": json.dumps(decoded)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    arguments, same, layers = json.loads(done.stdout)
    assert arguments == {"version": "1.10", "max_depth": 5, "layers": [64, 32], "options": options}
    assert same == {"version": "1.10", "max-depth": 5, "layers": "[64,32]", "options": '{"rows":100,"drop":null}'}
    assert layers == [64, 32]


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]), ids=lambda page: page.name
)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
