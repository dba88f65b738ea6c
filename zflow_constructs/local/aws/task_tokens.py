"""Task tokens: each attempt of a `.waitForTaskToken` Task has one of its own, which is of no use after it.

See https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerLeft,
    CallbackEndpoint,
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    CallbackOutcomeTimedOut,
    CallbackPoolManager,
    HeartbeatEndpoint,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.hooks import all_replaced

_LOOK_SECONDS = 0.2
"""How often a waiting Task looks whether its execution still runs."""


@contextmanager
def task_tokens() -> Iterator[None]:
    """Give out a token for each attempt, and refuse the answer to one that nobody waits for any more.

    moto gives a retried Task its first attempt's token, takes any answer, and lets a Task wait on whose execution or
    branch has ended.
    """
    tokens = _Tokens()
    attempt = ExecutionState._evaluate_with_timeout  # noqa: SLF001
    wait = StateTaskServiceCallback._eval_wait_for_task_token  # noqa: SLF001
    make = CallbackPoolManager.add

    def made(self: CallbackPoolManager, callback_id: str) -> CallbackEndpoint:
        return tokens.add(make(self, callback_id))

    def attempt_with_token(self: ExecutionState, env: Environment) -> None:
        context = env.states.context_object
        if not _waits_for_token(self):
            attempt(self, env)
            return
        if context.context_object_data["State"]["RetryCount"]:
            env.callback_pool_manager.add(context.update_task_token())
        token = context.context_object_data["Task"]["Token"]
        try:
            attempt(self, env)
        finally:
            tokens.close(token)

    def wait_while_running(
        self: StateTaskServiceCallback,
        env: Environment,
        timeout_seconds: int,
        callback_endpoint: CallbackEndpoint,
        heartbeat_endpoint: HeartbeatEndpoint | None,
    ) -> CallbackOutcome:
        if heartbeat_endpoint is not None:
            return wait(self, env, timeout_seconds, callback_endpoint, heartbeat_endpoint)
        end = time.monotonic() + timeout_seconds
        outcome = callback_endpoint.get_outcome()
        while outcome is None and env.is_running() and (left := end - time.monotonic()) > 0:
            outcome = callback_endpoint.wait(timeout=min(left, _LOOK_SECONDS))
        return outcome or CallbackOutcomeTimedOut(callback_id=callback_endpoint.callback_id)

    def succeed(_self: StepFunctionsParserBackend, task_token: str, outcome: str) -> None:
        tokens.answer(CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def fail(
        _self: StepFunctionsParserBackend, task_token: str, error: str | None = None, cause: str | None = None
    ) -> None:
        tokens.answer(CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    with all_replaced(
        (CallbackPoolManager, "add", made),
        (ExecutionState, "_evaluate_with_timeout", attempt_with_token),
        (StateTaskServiceCallback, "_eval_wait_for_task_token", wait_while_running),
        (StepFunctionsParserBackend, "send_task_success", succeed),
        (StepFunctionsParserBackend, "send_task_failure", fail),
    ):
        yield


class _Tokens:
    """All tokens that were given out."""

    def __init__(self) -> None:
        self._endpoints: dict[str, CallbackEndpoint] = {}
        self._lock = threading.Lock()

    def add(self, endpoint: CallbackEndpoint) -> CallbackEndpoint:
        self._endpoints[endpoint.callback_id] = endpoint
        return endpoint

    def close(self, token: str) -> None:
        with self._lock:
            self._endpoints[token].report(CallbackConsumerLeft())

    def answer(self, outcome: CallbackOutcome) -> None:
        endpoint = self._endpoints.get(outcome.callback_id)
        if endpoint is None:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        with self._lock:
            if endpoint.consumer_error is not None or endpoint.get_outcome() is not None:
                raise ApiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
            endpoint.notify(outcome)


def _waits_for_token(state: ExecutionState) -> bool:
    return (
        isinstance(state, StateTaskServiceCallback) and state.resource.condition == ResourceCondition.WaitForTaskToken
    )
