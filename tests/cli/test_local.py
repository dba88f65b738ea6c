"""The `zflow local` command, as a user's shell runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.local.assemblies import call, write_assembly
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.cli.main import main
from zflow_constructs.cli.parameters import execution_input
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.parameters import RunParameter, Value

ZFLOW = [sys.executable, "-c", "from zflow_constructs.cli.main import main; main()"]


def zflow(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*ZFLOW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)


def processes_in(folder: Path) -> list[str]:
    """The commands of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder.resolve()):
                found.append((process / "cmdline").read_text(encoding="utf-8").replace("\0", " "))
        except OSError:
            continue
    return found


def sleeps(folder: Path) -> bool:
    """Whether the step of a run sleeps."""
    return any("handling sleep" in log.read_text(encoding="utf-8") for log in folder.glob("functions/*/log.txt"))


def test_a_run_that_succeeds_says_each_step_on_a_line_and_exits_with_0(tmp_path: Path) -> None:
    count = call({"n": "{% $states.input.n %}"}, Next="More")
    assembly = write_assembly(tmp_path, {"Count": count, "More": call({"n": "{% $states.input.n %}"}, End=True)})
    folder, file = tmp_path / "run", tmp_path / "input.json"
    file.write_text('{"n": 1, "country": "de"}', encoding="utf-8")
    options = ["--stack", "Demo", "--input-file", file, "--param", "n=40", "--run-folder", folder]
    ended = zflow("local", "run", assembly, *options)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1] == "Count: running"
    assert lines[2].startswith("Count: succeeded after ")
    assert lines[-1] == f"Everything is in {folder}"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["output"], record["input"]) == ({"n": 42}, {"n": 40, "country": "de"})
    assert processes_in(tmp_path) == []


def test_a_run_that_fails_says_the_step_the_reason_and_the_log_first_and_exits_with_1(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Bad": call({"do": "raise"}, End=True)})
    ended = zflow("local", "run", assembly, "--run-folder", tmp_path / "run")
    assert ended.returncode == 1, ended.stderr
    report = ended.stdout.splitlines()[3:]
    assert report[:2] == ["Bad failed: ValueError", "asked to fail"]
    assert report[2].startswith(f"Its log, {tmp_path}/run/functions/")
    assert "  handling raise" in report
    assert "The workflow ended FAILED" in report
    assert processes_in(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stack", "Damo"], "has no stack 'Damo', but: Demo. Did you mean 'Demo'?"),
        (["--param", "country"], "--param 'country' is not NAME=VALUE"),
        (
            ["--param", "contry=de"],
            'these parameters: it has no "contry", only "country", "year". Did you mean "country"?',
        ),
        (["--spark", "fast"], "'fast' is not one of"),
        (["--input-file", "missing.json"], "does not exist"),
    ],
)
def test_bad_usage_is_said_and_exits_with_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    metadata = declaring(country="de", year=2025)
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata=metadata)
    ended = CliRunner().invoke(main, ["local", "run", str(assembly), *arguments])
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())


def declaring(**parameters: RunParameter | Value) -> dict[str, object]:
    """The metadata of a state machine."""
    return {"zflow:parameters": RunParameters.of("Demo", parameters).metadata()}


def declared(**parameters: RunParameter | Value) -> Mapping[str, RunParameter]:
    return RunParameters.of("Demo", parameters).declared


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        ("de", "1", "1"),
        (2025, "2026", 2026),
        (0.5, "1e-3", 0.001),
        (RunParameter.integer(), "3", 3),
        (RunParameter.boolean(), "true", True),
        (RunParameter.date(), "2026-11-24", "2026-11-24"),
        (RunParameter.one_of(1, 2), "2", 2),
        (RunParameter.strings(), "de,fr", ["de", "fr"]),
        (RunParameter.strings(), '["a,b"]', ["a,b"]),
        (RunParameter.strings(), "", []),
        (RunParameter.numbers(), "1,2.5", [1, 2.5]),
        (RunParameter.numbers(), "[1]", [1]),
        (RunParameter.numbers(), "", []),
    ],
)
def test_a_parameter_is_read_as_its_type_says(parameter: RunParameter | Value, text: str, value: object) -> None:
    assert execution_input(declared(p=parameter), [f"p={text}"], {}) == {"p": value}


def test_a_parameter_overrides_the_file_s() -> None:
    known = declared(country="de", year=2025, flag=False)
    given = execution_input(known, ["country=1", "year=2026"], {"year": 2024, "flag": True})
    assert given == {"country": "1", "year": 2026, "flag": True}


def test_wrong_and_missing_parameters_are_all_told_before_anything_starts(tmp_path: Path) -> None:
    metadata = declaring(
        country=RunParameter.one_of("de", "fr"),
        depths=RunParameter.numbers(default=[3]),
        dry=False,
        day=RunParameter.date(),
    )
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata=metadata)
    arguments = ["--param", "country=it", "--param", "depths=1,x", "--param", "dry=yes"]
    ended = CliRunner().invoke(main, ["local", "run", str(assembly), *arguments])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == (
        'Error: The workflow can\'t run with these parameters: "country" is "it", and must be one of "de", "fr"; '
        '"depths" is "1,x", and must be a list of numbers; "dry" is "yes", and must be true or false; '
        '"day" is missing, and must be a date such as 2026-11-24.\n'
    )


def test_a_workflow_that_declares_nothing_takes_any_parameter() -> None:
    assert execution_input({}, ["n=1", "text=a b", "list=[1, 2]"], {}) == {"n": 1, "text": "a b", "list": [1, 2]}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """In the background of a shell, pytest ignores SIGINT, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_everything_records_it_and_exits_with_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    assembly = write_assembly(tmp_path, {"Sleep": call({"do": "sleep"}, End=True)})
    folder = tmp_path / "run"
    command = [*ZFLOW, "local", "run", str(assembly), "--run-folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: process.poll() is not None or sleeps(folder))
    assert process.poll() is None
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
    assert (process.returncode, errors.strip()) == (130, "Interrupted; everything is stopped.")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["status"], record["steps"][0]["status"]) == ("ABORTED", "aborted")
    assert list((folder / "objects").rglob("notes/ABORTED.json"))
    assert processes_in(tmp_path) == []


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Sleep": call({"do": "sleep"}, End=True)})
    folder = tmp_path / "run"
    process = subprocess.Popen([*ZFLOW, "local", "run", str(assembly), "--run-folder", str(folder)])
    until(lambda: sleeps(folder))
    process.kill()
    process.wait()
    until(lambda: not processes_in(tmp_path))
