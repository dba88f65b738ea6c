"""Which state of which execution calls a function, so that the function's lines are those of that state's step.

Several steps may share a function. The call itself goes over HTTP, as on AWS, so the caller travels in a header.
"""

import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceRuntimePart
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from zflow_constructs.local.aws.clients import Clients
from zflow_constructs.local.aws.hooks import replaced

_HEADER = "X-Zflow-Caller"
_EVENT = "before-call.lambda.Invoke"


@dataclass(frozen=True)
class Caller:
    """A state that calls a function.

    Args:
        execution: The ARN of the execution, also for an item of a Distributed Map in it.
        state: The name of the state.
    """

    execution: str
    state: str


_calling: ContextVar[Caller | None] = ContextVar("calling", default=None)


def caller_of(headers: Mapping[str, str]) -> Caller | None:
    """Read the caller of an invocation; None if no state called.

    Args:
        headers: The headers of the request.
    """
    text = headers.get(_HEADER)
    return Caller(*json.loads(text)) if text else None


@contextmanager
def callers(clients: Clients) -> Iterator[None]:
    """Let each Task that calls a function say who it is.

    Args:
        clients: Gives the client that Tasks call with.
    """
    evaluate = StateTaskServiceLambda._eval_service_task  # noqa: SLF001

    def call(
        self: StateTaskServiceLambda,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        state = env.states.context_object.context_object_data["State"]["Name"]
        # Not before the first call: only then is the client's server there. Registered once, whatever the calls.
        clients.lambda_.meta.events.register(_EVENT, _say, unique_id=_HEADER)
        token = _calling.set(Caller(env.event_manager.execution, state))
        try:
            evaluate(self, env, resource_runtime_part, normalised_parameters, state_credentials)
        finally:
            _calling.reset(token)

    with replaced(StateTaskServiceLambda, "_eval_service_task", call):
        yield


def _say(params: Mapping[str, MutableMapping[str, str]], **_others: object) -> None:
    caller = _calling.get()
    if caller is not None:
        params["headers"][_HEADER] = json.dumps([caller.execution, caller.state])
