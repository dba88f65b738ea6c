"""The `zflow local` command, as a user's shell runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.local.assemblies import call, write_assembly
from zflow_constructs.cli.main import main

ZFLOW = [sys.executable, "-c", "from zflow_constructs.cli.main import main; main()"]


def zflow(*arguments: object, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    command = [*ZFLOW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


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


def test_a_run_that_succeeds_says_each_step_on_a_line_and_exits_with_0(tmp_path: Path) -> None:
    count = call({"n": "{% $states.input.n %}"}, Next="More")
    assembly = write_assembly(tmp_path, {"Count": count, "More": call({"n": "{% $states.input.n %}"}, End=True)})
    folder = tmp_path / "run"
    ended = zflow("local", "run", assembly, "--stack", "Demo", "--param", "n=40", "--run-folder", folder)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1] == "Count: running"
    assert lines[2].startswith("Count: succeeded after ")
    assert lines[-1] == f"Everything is in {folder}"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["output"], record["input"]) == ({"n": 42}, {"n": 40})
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
            "The workflow has no parameter 'contry', but: country, year. Did you mean 'country'?",
        ),
        (["--spark", "fast"], "'fast' is not one of"),
        (["--input-file", "missing.json"], "does not exist"),
    ],
)
def test_bad_usage_is_said_and_exits_with_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    metadata = {"zflow:parameters": {"country": "de", "year": 2025}}
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata=metadata)
    ended = CliRunner().invoke(main, ["local", "run", str(assembly), *arguments])
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())


def test_parameters_are_read_as_their_defaults_are_and_override_those_of_the_file(tmp_path: Path) -> None:
    metadata = {"zflow:parameters": {"country": "de", "year": 2025, "flag": False}}
    say = {"Type": "Pass", "Output": "{% $states.input %}", "Next": "Call"}
    assembly = write_assembly(tmp_path, {"Say": say, "Call": call({}, End=True)}, metadata=metadata)
    file = tmp_path / "input.json"
    file.write_text('{"year": 2024, "flag": true}', encoding="utf-8")
    folder = tmp_path / "run"
    ended = zflow(
        "local",
        "run",
        assembly,
        "--input-file",
        file,
        "--param",
        "country=1",
        "--param",
        "year=2026",
        "--run-folder",
        folder,
    )
    assert ended.returncode == 0, ended.stderr
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["input"] == {"country": "1", "year": 2026, "flag": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_everything_records_it_and_exits_with_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    assembly = write_assembly(tmp_path, {"Sleep": call({"do": "sleep"}, End=True)})
    folder = tmp_path / "run"
    command = [*ZFLOW, "local", "run", str(assembly), "--run-folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while not any("handling sleep" in log.read_text(encoding="utf-8") for log in folder.glob("functions/*/log.txt")):
        assert time.monotonic() < limit
        assert process.poll() is None
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (130, "Interrupted; everything is stopped.")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["status"], record["steps"][0]["status"]) == ("ABORTED", "aborted")
    assert list((folder / "objects").rglob("notes/ABORTED.json"))
    assert processes_in(tmp_path) == []


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Sleep": call({"do": "sleep"}, End=True)})
    folder = tmp_path / "run"
    process = subprocess.Popen([*ZFLOW, "local", "run", str(assembly), "--run-folder", str(folder)])
    limit = time.monotonic() + 60
    while not any("handling sleep" in log.read_text(encoding="utf-8") for log in folder.glob("functions/*/log.txt")):
        assert time.monotonic() < limit
        time.sleep(0.1)
    process.kill()
    process.wait()
    while processes_in(tmp_path):
        assert time.monotonic() < limit
        time.sleep(0.1)
