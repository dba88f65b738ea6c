"""The status of executions: told when it changes, and never left RUNNING.

See https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse

from zflow_constructs.local.aws.hooks import all_replaced

StatusListener = Callable[[Execution], None]
"""Receives an execution whose status has changed."""

_STOP_SECONDS = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def statuses(on_status: StatusListener) -> Iterator[None]:
    """Tell of each change of an execution's status, when it happens.

    A stopped execution is ABORTED at once: moto waits until its Tasks have ended. And none is left RUNNING whose thread
    has died.

    Args:
        on_status: Hears of each change.
    """
    start = ExecutionWorker.start
    stop = Execution.stop
    terminated = BaseExecutionWorkerCommunication.terminated
    run = ExecutionWorker._execution_logic  # noqa: SLF001

    def started(self: ExecutionWorker) -> None:
        # Before its thread, which may end at once.
        on_status(self._execution_communication.execution)
        start(self)

    def stopped(self: Execution, stop_date: datetime, error: str | None, cause: str | None) -> None:
        _until_begun(self)
        stop(self, stop_date, error, cause)
        self.error, self.cause = error, cause
        self.exec_worker._execution_communication.terminated()  # noqa: SLF001

    def stop_execution(self: StepFunctionResponse) -> ActionResult:
        # moto drops the error and the cause.
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        execution.stop(datetime.now(tz=UTC), self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date})

    def ended(self: BaseExecutionWorkerCommunication) -> None:
        # A stopped execution's thread ends once more, later, when its Tasks have.
        mark = object()
        if vars(self).setdefault("told", mark) is mark:
            terminated(self)
            on_status(self.execution)

    def run_to_an_end(self: ExecutionWorker) -> None:
        execution = self._execution_communication.execution
        try:
            run(self)
        # A thread's last words: whatever went wrong is the execution's failure.
        except Exception as error:  # noqa: BLE001
            _log.exception("the execution %s broke the interpreter", execution.exec_arn)
            execution.stop_date = datetime.now(tz=UTC)
            execution.error, execution.cause = "States.Runtime", f"{type(error).__name__}: {error}"
            execution.exec_status = ExecutionStatus.FAILED
            on_status(execution)

    with all_replaced(
        (ExecutionWorker, "start", started),
        (Execution, "stop", stopped),
        (StepFunctionResponse, "stop_execution", stop_execution),
        (BaseExecutionWorkerCommunication, "terminated", ended),
        (ExecutionWorker, "_execution_logic", run_to_an_end),
    ):
        yield


def _until_begun(execution: Execution) -> None:
    """Wait until an execution is in its first state: it can't be stopped before."""
    end = time.monotonic() + _STOP_SECONDS
    while (execution.exec_worker.env is None or execution.exec_worker.env.program_state() is None) and (
        time.monotonic() < end
    ):
        time.sleep(0.01)
