"""The example run by `zflow local run`, as a user's shell runs it, and what such a run leaves behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import boto3

from tests.asl import ROOT
from tests.examples.risk_scoring.pipeline import FEATURES, Row, as_csv, rows
from tests.waiting import LIMIT_SECONDS

ZFLOW = [sys.executable, "-c", "from zflow_constructs.cli.main import main; main()"]


class StepRecord(TypedDict):
    id: str
    status: str
    started: str | None
    ended: str | None
    seconds: float
    error: str
    cause: str
    jobs: list[str]
    logs: list[str]
    states: list[Mapping[str, str]]


class Record(TypedDict):
    status: str
    input: Mapping[str, object]
    output: Mapping[str, object] | None
    endpoints: list[str]
    undelivered: list[str]
    steps: list[StepRecord]


@dataclass(frozen=True)
class LocalRun:
    """A run that has ended."""

    folder: Path
    exit_code: int
    printed: str
    errors: str
    left_running: list[str]

    @property
    def record(self) -> Record:
        record: Record = json.loads((self.folder / "run.json").read_text())
        return record

    @property
    def statuses(self) -> dict[str, str]:
        return {step["id"]: step["status"] for step in self.record["steps"]}

    def step(self, name: str) -> StepRecord:
        (found,) = [step for step in self.record["steps"] if step["id"] == name]
        return found

    def objects(self, place: str) -> Path:
        """A folder of the run's bucket, such as `Extract/holdout`."""
        (found,) = (self.folder / "objects").glob(f"*/RiskScoring/*/{place}")
        return found

    @property
    def holdout(self) -> dict[str, Row]:
        """The features of each hold-out application, by its id."""
        return {row[FEATURES]: row[:FEATURES] for row in rows(self.objects("Extract/holdout"))}

    @property
    def predictions(self) -> dict[str, tuple[int, float]]:
        """The outcome and the batch's probability of each hold-out application, by its id."""
        return {row[0]: (int(row[1]), float(row[2])) for row in rows(self.objects("Predict"))}

    @property
    def metrics(self) -> Mapping[str, float]:
        metrics: Mapping[str, float] = json.loads((self.objects("Report/report") / "metrics.json").read_text())
        return metrics


def run_locally(assembly: Path, folder: Path, *options: str, stack: str = "RiskScoring") -> LocalRun:
    """Run the workflow to its end."""
    command = [*ZFLOW, "local", "run", str(assembly), "--stack", stack, "--run-folder", str(folder), *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    return LocalRun(folder, ended.returncode, ended.stdout, ended.stderr, processes_of(folder))


@dataclass(frozen=True)
class Served:
    """A run whose endpoint was asked before it was interrupted."""

    run: LocalRun
    alone: Mapping[str, float]
    together: Mapping[str, float]


def run_and_ask(assembly: Path, folder: Path, *options: str, alone: int) -> Served:
    """Run the workflow with `--serve`, ask the endpoint, and interrupt it by Ctrl-C.

    Args:
        assembly: the cloud assembly.
        folder: the run folder.
        options: of `zflow local run`.
        alone: how many hold-out applications are sent one by one; all of them are sent in one request too.
    """
    command = [*ZFLOW, "local", "run", str(assembly), "--stack", "RiskScoring", "--run-folder", str(folder)]
    command += ["--serve", *options]
    printed, errors = folder.with_suffix(".out"), folder.with_suffix(".err")
    with printed.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        try:
            url = _endpoint_url(process, printed, errors)
            holdout = LocalRun(folder, 0, "", "", []).holdout
            first = list(holdout)[:alone]
            singly = {number: _ask(url, [holdout[number]])[0] for number in first}
            together = dict(zip(holdout, _ask(url, list(holdout.values())), strict=True))
            process.send_signal(signal.SIGINT)
            exit_code = process.wait(timeout=LIMIT_SECONDS)
        finally:
            process.kill()
            process.wait()
    ended = LocalRun(folder, exit_code, printed.read_text(), errors.read_text(), processes_of(folder))
    return Served(ended, singly, together)


def _endpoint_url(process: subprocess.Popen[bytes], printed: Path, errors: Path) -> str:
    """Where the run says that its endpoint can be called."""
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        if said := re.search(r"AWS_ENDPOINT_URL=(\S+)", printed.read_text()):
            return said[1]
        assert process.poll() is None, printed.read_text() + errors.read_text()
        time.sleep(0.2)
    raise AssertionError(f"No endpoint after {LIMIT_SECONDS} seconds:\n{printed.read_text()}")


def _ask(url: str, applications: list[Row]) -> list[float]:
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    body = as_csv(applications).encode()
    answer = client.invoke_endpoint(EndpointName="risk-scoring", ContentType="text/csv", Body=body)
    scores = answer["Body"].read().decode().split()
    client.close()
    return [float(score) for score in scores]


def processes_of(folder: Path) -> list[str]:
    """The processes that work in a folder, or were told of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in told or (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
