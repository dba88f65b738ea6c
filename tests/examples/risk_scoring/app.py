"""The examples' CDK app, synthesized as `cdk synth` does it: in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.asl import ROOT
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.values.templates import Json

PARTS = ("app.py", "examples", "zflow_constructs")
WORKFLOW = "examples/risk_scoring/workflow.py"

Change = Callable[[str], str]


def synthesize(folder: Path, assembly: Path, *, app: str = "app", hash_seed: int = 0, validation: bool = False) -> Path:
    """Run the CDK app of a folder; returns the cloud assembly."""
    environment = {
        **os.environ,
        "CDK_OUTDIR": str(assembly),
        "CDK_VALIDATION": str(validation).lower(),
        "PYTHONHASHSEED": str(hash_seed),
    }
    done = subprocess.run(
        [sys.executable, "-m", app],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return assembly


def copied_app(folder: Path, changes: Mapping[str, Change] | None = None) -> Path:
    """The app in another folder, with changes to some of its files."""
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part)
        else:
            shutil.copy2(ROOT / part, folder / part)
    for path, change in (changes or {}).items():
        before = (folder / path).read_text()
        after = change(before)
        assert after != before, f"the change of {path} no longer fits"
        (folder / path).write_text(after)
    return folder


def template_of(assembly: Path, stack: str = "RiskScoring") -> dict[str, Json]:
    """The template of an example's stack."""
    template: dict[str, Json] = json.loads((assembly / f"{stack}.template.json").read_text())
    return template
