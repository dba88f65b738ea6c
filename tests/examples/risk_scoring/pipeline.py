"""The example's scripts, run one after the other as their platforms run them: the steps of the workflow without it."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

from tests.waiting import LIMIT_SECONDS

EXAMPLE = Path(__file__).parents[3] / "examples" / "risk_scoring"
# The steps' InputFilter is "$[0:17]" and their OutputFilter "$[17:]".
FEATURES = 17

Row = list[str]


def load(script: str) -> ModuleType:
    """A script of the example as a module of its own."""
    path = EXAMPLE / script
    spec = importlib.util.spec_from_file_location(script.replace("/", "_").removesuffix(".py"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: str, *arguments: str, environment: dict[str, str]) -> str:
    """Run a script of the example as its container does, though in this process; returns what it prints."""
    path = str(EXAMPLE / script)
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", [path, *arguments]),
        contextlib.redirect_stdout(printed),
    ):
        runpy.run_path(path, run_name="__main__")
    return printed.getvalue()


def run_apart(script: str, *arguments: str, environment: dict[str, str]) -> str:
    """Run a script in a process of its own, as Spark needs it; returns what it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / script), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(path: Path) -> list[Row]:
    """All rows of the visible files of a folder, or of a file."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if not file.name.startswith("."))
    return [row for file in files for row in csv.reader(file.read_text().splitlines())]


def write_rows(path: Path, content: list[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(row) + "\n" for row in content))
    return path


def as_csv(content: list[Row]) -> str:
    return "".join(",".join(row) + "\n" for row in content)


@dataclass(frozen=True)
class Split:
    """What the extract job has written, and what it has printed."""

    history: Path
    holdout: Path
    printed: str


Extract = Callable[[Path], Split]


def extract(applications: Path, folder: Path, environment: dict[str, str]) -> Split:
    history, holdout = folder / "history", folder / "holdout"
    arguments = ["--applications", applications.as_uri(), "--history", history.as_uri(), "--holdout", holdout.as_uri()]
    return Split(history, holdout, run_apart("jobs/extract.py", *arguments, environment=environment))


def fit(history: Path, model: Path) -> str:
    model.mkdir(parents=True)
    return run("preprocessing/fit.py", environment={"SM_CHANNEL_HISTORY": str(history), "SM_MODEL_DIR": str(model)})


def train(features: Path, model: Path, *arguments: str) -> str:
    model.mkdir(parents=True)
    environment = {"SM_CHANNEL_TRAIN": str(features), "SM_MODEL_DIR": str(model)}
    return run("classifier/train.py", *arguments, environment=environment)


def serve(serving: ModuleType, model: Path, body: str) -> str:
    """One request to a serving script, as a container answers it."""
    loaded = serving.model_fn(str(model))
    answer, content_type = serving.output_fn(serving.predict_fn(serving.input_fn(body, "text/csv"), loaded), "text/csv")
    assert content_type == "text/csv"
    return str(answer)


def transform(serving: ModuleType, model: Path, content: list[Row]) -> list[Row]:
    """A batch transform: the features go to the model, the id and the outcome stay beside its answer."""
    answer = serve(serving, model, as_csv([row[:FEATURES] for row in content]))
    return [row[FEATURES:] + line.split(",") for row, line in zip(content, answer.splitlines(), strict=True)]


@dataclass(frozen=True)
class Trained:
    """The two models, what their training printed, and the features that the classifier has learned from."""

    preprocessor: Path
    classifier: Path
    features: list[Row]
    printed: str
