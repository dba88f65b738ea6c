"""The `zflow permissions` command."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.local.assemblies import call, write_assembly
from zflow_constructs.cli.main import main

PAGE = "## What the roles of Demo may do\n\n### Role\n"


@pytest.fixture(autouse=True)
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An assembly in the current folder, with one role."""
    monkeypatch.chdir(tmp_path)
    write_assembly(tmp_path, {"Call": call({}, End=True)})


def zflow(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["permissions", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_is_written_and_its_file_is_named() -> None:
    assert zflow() == "Demo.permissions.md\n"
    assert Path("Demo.permissions.md").read_text(encoding="utf-8").startswith(PAGE)


def test_the_page_is_written_to_the_file_that_is_asked_for_or_printed() -> None:
    assert zflow("cdk.out", "--stack", "Demo", "--output", "review.md") == "review.md\n"
    assert zflow("--output", "-") == Path("review.md").read_text(encoding="utf-8")


def test_a_stack_that_is_not_there_is_said_and_exits_with_2() -> None:
    ended = CliRunner().invoke(main, ["permissions", "--stack", "Damo"])
    assert ended.exit_code == 2
    assert ended.stderr == "Error: cdk.out has no stack 'Damo', but: Demo. Did you mean 'Demo'?\n"
