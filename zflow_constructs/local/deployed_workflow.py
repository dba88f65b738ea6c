"""The workflow on the local AWS: run to its end, redriven, and what becomes of it kept."""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.executions import Executions
from zflow_constructs.local.record import mirror_objects, write_record
from zflow_constructs.local.run import RunResult, RunSettings
from zflow_constructs.local.services import Services
from zflow_constructs.local.steps import Step

_STOP_SECONDS = 20.0
"""How long an interrupted run's own clean-up may take: jobs that stop, runs that are cancelled."""


@dataclass(frozen=True)
class DeployedWorkflow:
    """A workflow whose stack was created on the local AWS; `Engine.deploy` makes it.

    Args:
        state_machine: The ARN of its state machine.
        outputs: The outputs of its stack.
        settings: How to run it.
        aws: The local AWS.
        services: The services whose work is done by local processes.
        executions: The executions that are followed.
    """

    state_machine: str
    outputs: Mapping[str, str]
    settings: RunSettings
    aws: AwsServer
    services: Services
    executions: Executions

    @property
    def steps(self) -> list[Step]:
        """Its steps, and those of what rules start after it."""
        return list(self.executions)

    def run(self) -> RunResult:
        """Run it to its end; an interrupt stops it, cleanly, and is raised again.

        Returns:
            What became of it; `run.json` in the run folder has it too.
        """
        name = f"local-{datetime.now(tz=UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
        started = self.aws.clients.stepfunctions.start_execution(
            stateMachineArn=self.state_machine, name=name, input=json.dumps(self.settings.parameters)
        )
        return self._watch(started["executionArn"])

    def redrive(self, result: RunResult) -> RunResult:
        """Let a failed run go on from the states that didn't succeed.

        Args:
            result: What became of that run.

        Returns:
            What became of it now.
        """
        self.aws.clients.stepfunctions.redrive_execution(executionArn=result.execution)
        return self._watch(result.execution)

    def _watch(self, execution: str) -> RunResult:
        try:
            _wait_for(lambda: self.executions.has_ended(execution))
            _wait_for(self._all_is_quiet)
        except BaseException:
            self._abort(execution)
            raise
        finally:
            if not self.services.deliveries.wait(0):
                self.services.functions.undelivered.append(
                    f"a function still works on an event after {_STOP_SECONDS:.0f} s"
                )
            self.executions.end()
            result = self._result(execution)
            mirror_objects(self.aws, self.settings.folder / "objects")
            write_record(self.settings.folder, result)
        return result

    def _all_is_quiet(self) -> bool:
        """Whether what rules have started has ended, too: one may start another."""
        # A function that hangs on an event is not waited for any longer.
        waited_for = self.services.deliveries.wait(_STOP_SECONDS)
        return self.executions.quiet and (not waited_for or self.services.deliveries.wait(0))

    def _abort(self, execution: str) -> None:
        cause = "The local run was interrupted."
        if self.executions.has_ended(execution):
            self.executions.stop(cause)
        else:
            self.aws.clients.stepfunctions.stop_execution(executionArn=execution, cause=cause)
        _wait_for(lambda: self.executions.has_ended(execution), seconds=_STOP_SECONDS)
        # What cleans up after a stopped workflow, cleans up here too.
        _wait_for(self._all_is_quiet, seconds=_STOP_SECONDS)

    def _result(self, execution: str) -> RunResult:
        described = self.aws.clients.stepfunctions.describe_execution(executionArn=execution)
        return RunResult(
            execution=execution,
            input=self.settings.parameters,
            status=described["status"],
            output=json.loads(described["output"]) if "output" in described else None,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            steps=self.executions.steps,
            outputs=self.outputs,
            endpoints=self.services.endpoints.in_service,
            undelivered=list(self.services.functions.undelivered),
            follow_ups=self.executions.follow_ups(),
        )


def _wait_for(condition: Callable[[], bool], *, seconds: float = math.inf) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
