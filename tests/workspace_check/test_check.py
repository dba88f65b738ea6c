"""All the checks together: in time, and shown as they end."""

import io

import pytest
from rich.console import Console

from tests.waiting import LIMIT_SECONDS, until
from tests.workspace_check.databricks_server import DatabricksServer
from zflow_constructs.workspace_check.check import Checks, check
from zflow_constructs.workspace_check.console import CheckConsole
from zflow_constructs.workspace_check.findings import Concealment, Mark, failed, ok, unknown
from zflow_constructs.workspace_check.workspaces import Workspace


@pytest.mark.usefixtures("iam")
def test_a_workspace_that_does_not_answer_in_time_is_given_up(
    monkeypatch: pytest.MonkeyPatch, databricks: DatabricksServer, concealment: Concealment
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    databricks.answering.clear()
    show = Checks.show

    def show_when_all_others_have_ended(checks: Checks, seconds: float) -> None:
        until(lambda: [each.name for each in checks._started if not each.ended()] == ["the host", "who signs in"])
        show(checks, seconds)

    # How long they take is the machine's, and so is how long a call hangs meanwhile.
    monkeypatch.setattr(Checks, "show", show_when_all_others_have_ended)
    monkeypatch.setattr("zflow_constructs.workspace_check.host.CALL_SECONDS", LIMIT_SECONDS)
    output = io.StringIO()
    workspace = Workspace("Databricks", databricks.url, "token", secret="risk/databricks")
    with CheckConsole(Console(file=output), concealment) as console:
        failures = check([], [workspace], console, concealment, seconds=8)
    assert output.getvalue().splitlines()[2:] == [
        "Workspace Databricks",
        "✗ the host: no answer in time. Try again.",
        f"{Mark.UNKNOWN} secret: not read without AWS",
        "✗ who signs in: no answer in time. Try again.",
        "3 of 4 checks failed; 1 could not be made.",
    ]
    assert failures == 3


def test_a_terminal_shows_what_is_still_looked_at(concealment: Concealment) -> None:
    output = io.StringIO()
    with CheckConsole(Console(file=output, force_terminal=True, width=100), concealment) as console:
        console.waiting(["the host", "the secret"])
        console.show(ok("host", "there"))
    assert "Looking at: the host, the secret" in output.getvalue()


def test_lines_are_counted_and_keep_no_secret(concealment: Concealment) -> None:
    output = io.StringIO()
    concealment.add("hidden", "hidden-too", "")
    with CheckConsole(Console(file=output), concealment) as console:
        console.heading("About hidden")
        console.show(failed("host", "hidden-too is wrong.", "Mend hidden."))
        console.show(unknown("secret", "why"))
        console.summary()
    assert output.getvalue().splitlines() == [
        "About ***",
        "✗ host: *** is wrong. Mend ***.",
        f"{Mark.UNKNOWN} secret: why",
        "1 of 2 checks failed; 1 could not be made.",
    ]


def test_a_single_check_that_succeeds_is_counted(concealment: Concealment) -> None:
    output = io.StringIO()
    with CheckConsole(Console(file=output), concealment) as console:
        console.show(ok("host", "there"))
        console.summary()
    assert output.getvalue().splitlines()[-1] == "None of 1 check failed."
