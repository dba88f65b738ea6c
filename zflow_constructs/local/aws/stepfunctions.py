"""Step Functions' API and executions on moto: machines from CloudFormation, names, status events, history, redrive.

See https://docs.aws.amazon.com/step-functions/latest/apireference/
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from moto.core.config import default_user_config
from moto.s3.models import s3_backends
from moto.stepfunctions import models
from moto.stepfunctions.parser.api import (
    ExecutionStatus,
    GetExecutionHistoryOutput,
    HistoryEventType,
    InvalidDefinition,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.utilities.utils import get_partition

from zflow_constructs.local.aws.aborts import aborts, evaluations
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.hooks import all_replaced, replaced
from zflow_constructs.local.aws.maps import maps
from zflow_constructs.local.aws.redrive import Journal, redrive
from zflow_constructs.local.aws.statuses import StatusListener, statuses
from zflow_constructs.local.aws.task_tokens import task_tokens
from zflow_constructs.local.aws.variables import check_scopes

HistoryListener = Callable[[str, Mapping[str, object]], None]
"""Receives an execution's ARN and one event of its history, as GetExecutionHistory shows it, when it happens."""

_STOP_SECONDS = 5.0


@contextmanager
def stepfunctions(*, on_history: HistoryListener, on_status: StatusListener) -> Iterator[None]:
    """Let executions run, be followed, and change their status loudly.

    Args:
        on_history: Hears of each event of each execution.
        on_status: Hears when an execution starts and ends.
    """
    with ExitStack() as stack:
        for hook in (
            one_backend(),
            machines(),
            execution_names(),
            json_outputs(),
            context_object(on_history),
            statuses(on_status),
            redrive(),
            maps(),
            task_tokens(),
            evaluations(),
            aborts(),
        ):
            stack.enter_context(hook)
        stack.callback(stop_executions)
        yield


def stop_executions() -> None:
    """Stop all executions and wait for their end: without the hooks, none may go on."""
    running = [
        execution
        for regions in stepfunctions_parser_backends.values()
        for backend in regions.values()
        for machine in backend.state_machines
        for execution in machine.executions
        if execution.exec_status is ExecutionStatus.RUNNING
    ]
    for execution in running:
        execution.stop(datetime.now(tz=UTC), error=None, cause="The local run has ended.")
    end = time.monotonic() + _STOP_SECONDS
    while any(execution.exec_status is ExecutionStatus.RUNNING for execution in running) and time.monotonic() < end:
        time.sleep(0.02)


@contextmanager
def one_backend() -> Iterator[None]:
    """Switch the interpreter on, and show it the machines that CloudFormation makes.

    moto keeps two backends, with and without an interpreter, and CloudFormation writes to the one without.
    """
    before = dict(default_user_config["stepfunctions"])
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    try:
        with replaced(models, "stepfunctions_backends", stepfunctions_parser_backends):
            yield
    finally:
        default_user_config["stepfunctions"] = before


@contextmanager
def machines() -> Iterator[None]:
    """Take CloudFormation's other ways to give a definition, and refuse what Step Functions refuses but moto takes."""
    from_cloudformation = models.StateMachine.create_from_cloudformation_json.__func__
    attribute = models.StateMachine.get_cfn_attribute
    validate = StepFunctionsParserBackend._validate_definition  # noqa: SLF001

    def create(
        cls: type[models.StateMachine],
        /,
        resource_name: str,
        cloudformation_json: dict[str, dict[str, object]],
        account_id: str,
        region_name: str,
        **_ids: str,
    ) -> models.StateMachine:
        properties = dict(cloudformation_json["Properties"])
        properties["DefinitionString"] = _definition(properties, account_id, region_name)
        return from_cloudformation(cls, resource_name, {"Properties": properties}, account_id, region_name)

    def get_attribute(self: models.StateMachine, attribute_name: str) -> object:
        return self.arn if attribute_name == "Arn" else attribute(self, attribute_name)

    def check(definition: str) -> None:
        try:
            validate(definition)
        except InvalidDefinition as error:
            # moto's own has no code that a client would know, and repeats the whole definition.
            raise ApiError("InvalidDefinition", str(error.message).split(" in definition ")[0]) from error
        check_scopes(json.loads(definition))

    with all_replaced(
        (models.StateMachine, "create_from_cloudformation_json", classmethod(create)),
        (models.StateMachine, "get_cfn_attribute", get_attribute),
        (models.StateMachine, "has_cfn_attr", staticmethod(lambda attr: attr in {"Arn", "Name"})),
        (StepFunctionsParserBackend, "_validate_definition", staticmethod(check)),
    ):
        yield


def _definition(properties: Mapping[str, object], account: str, region: str) -> str:
    match properties:
        case {"DefinitionString": str(text)}:
            pass
        case {"DefinitionS3Location": {"Bucket": str(bucket), "Key": str(key)}}:
            text = s3_backends[account][get_partition(region)].get_object(bucket, key).value.decode()
        case _:
            text = json.dumps(properties["Definition"])
    substitutions = properties.get("DefinitionSubstitutions", {})
    assert isinstance(substitutions, Mapping)
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", str(value))
    return text


@contextmanager
def execution_names() -> Iterator[None]:
    """Give an execution without a name a unique one; in moto all of them are called None."""
    start = StepFunctionsParserBackend.start_execution

    def start_named(
        self: StepFunctionsParserBackend,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Execution:
        return start(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)

    with replaced(StepFunctionsParserBackend, "start_execution", start_named):
        yield


@contextmanager
def json_outputs() -> Iterator[None]:
    """Keep an execution's output as JSON, a text in quotes; moto describes a text without."""
    reflect = BaseExecutionWorkerCommunication._reflect_execution_status  # noqa: SLF001

    def reflected(self: BaseExecutionWorkerCommunication) -> None:
        reflect(self)
        if self.execution.exec_status is ExecutionStatus.SUCCEEDED:
            # A text is described as it is, anything else is encoded.
            self.execution.output = json.dumps(self.execution.output, separators=(",", ":"))

    with replaced(BaseExecutionWorkerCommunication, "_reflect_execution_status", reflected):
        yield


class _FollowedHistory(EventManager):  # type: ignore[misc]  # untyped
    """An execution's history which tells a listener of each event."""

    def __init__(self, arn: str, journal: Journal, before: list[object], on_history: HistoryListener) -> None:
        super().__init__()
        self.journal = journal
        self._arn = arn
        self._on_history = on_history
        for event in before:
            self._history_event_list.append(event)
            self._event_id_gen.get()

    @property
    def execution(self) -> str:
        """The execution's ARN."""
        return self._arn

    def tell(self, event: Mapping[str, object]) -> None:
        """Tell of an event of this execution, or of one of a Distributed Map's item in it.

        Args:
            event: The event.
        """
        kind = event["type"]
        assert isinstance(kind, HistoryEventType)
        self._on_history(self._arn, {**event, "type": kind.value})

    def _publish_history_event(self, **event: object) -> None:
        super()._publish_history_event(**event)
        self.tell(self._history_event_list[-1])


@contextmanager
def context_object(on_history: HistoryListener) -> Iterator[None]:
    """Complete the context object's Execution with its redrives and the start as text; let the history be followed.

    Args:
        on_history: Hears of each event.
    """
    environment = ExecutionWorker._get_evaluation_environment  # noqa: SLF001

    def followed(self: ExecutionWorker) -> Environment:
        execution = self._execution_communication.execution
        env = environment(self)
        context = env.states.context_object.context_object_data["Execution"]
        context["StartTime"] = _timestamp(execution.start_date)
        context["RedriveCount"] = execution.redrive_count
        if execution.redrive_count:
            context["RedriveTime"] = _timestamp(execution.redrive_date)
        # A redriven execution goes on with its notes and its history.
        kept = vars(execution)
        journal: Journal = kept.setdefault("journal", Journal())
        journal.begin()
        before = kept["history"].get_event_history() if "history" in kept else []
        env.event_manager = kept["history"] = _FollowedHistory(execution.exec_arn, journal, before, on_history)
        return env

    def history(self: Execution) -> GetExecutionHistoryOutput:
        # A redriven execution's history is there before its new worker has an environment.
        kept = vars(self).get("history")
        return GetExecutionHistoryOutput(events=kept.get_event_history() if kept is not None else [])

    with all_replaced(
        (ExecutionWorker, "_get_evaluation_environment", followed),
        (Execution, "to_history_output", history),
        (Execution, "redrive_count", 0),
    ):
        yield


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
