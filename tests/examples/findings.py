"""What validators find in the examples' templates."""

import json
import subprocess
import sys
from pathlib import Path

from tests.asl import ROOT
from tests.waiting import LIMIT_SECONDS


def cfn_lint_findings(assembly: Path, stack: str) -> str:
    """What cfn-lint says of a stack's template."""
    linted = subprocess.run(
        [sys.executable, "-c", "from cfnlint.runner import main; main()", str(assembly / f"{stack}.template.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    return linted.stdout + linted.stderr


def violations(assembly: Path, plugin: str) -> set[tuple[str, str]]:
    """The rules that a validator found broken, each with the stack that breaks it."""
    report = json.loads((assembly / "validation-report.json").read_text())
    return {
        (violation["ruleName"], construct["constructPath"].partition("/")[0])
        for reported in report["pluginReports"]
        if reported["pluginName"] == plugin
        for violation in reported["violations"]
        for construct in violation["violatingConstructs"]
    }


def acknowledgements(assembly: Path, stack: str) -> dict[str, str]:
    """The acknowledged rules with their reasons, as the CDK records them."""
    metadata = json.loads((assembly / f"{stack}.metadata.json").read_text())
    entries = [entry for entries in metadata.values() for entry in entries]
    recorded = [entry["data"] for entry in entries if entry["type"] == "aws:cdk:acknowledged-rules"]
    return {rule.removeprefix("AwsSolutions::"): reason for rules in recorded for rule, reason in rules.items()}
