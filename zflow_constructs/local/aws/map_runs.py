"""A run of a Distributed Map: each item is an execution of its own, and some of them may fail.

See https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from moto.stepfunctions.parser.api import HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore

from zflow_constructs.local.aws.aborts import abort_inner
from zflow_constructs.local.aws.redrive import items_of

_AT_ONCE = 40
"""How many items run at once here, at most."""


class MapRun:
    """One run of a Distributed Map.

    Args:
        component: The Map's item processor.
        env: Where the Map is evaluated; what moto asks for is on its stack.
    """

    def __init__(self, component: DistributedIterationComponent, env: Environment) -> None:
        self._program = component._get_iteration_program()  # noqa: SLF001
        self._env = env
        self._asked = env.stack.pop()
        self._items: list[object] = self._asked.input_items
        self._results: dict[int, object] = {}
        self._failed = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        """Run all items, and leave the results of those that succeeded, in their order: a failed one has none.

        Raises:
            FailureEventException: More items failed than are tolerated.
        """
        record = self._asked.map_run_record
        started = EventDetails(mapRunStartedEventDetails={"mapRunArn": record.map_run_arn})
        self._say(HistoryEventType.MapRunStarted, started)
        with ThreadPoolExecutor(min(_AT_ONCE, self._asked.max_concurrency or _AT_ONCE)) as pool:
            list(pool.map(self._run_item, range(len(self._items))))
        if self._too_many_failed:
            failure = self._failure()
            self._say(HistoryEventType.MapRunFailed, failure.event_details)
            record.set_stop(status=MapRunStatus.FAILED)
            raise FailureEventException(failure)
        self._say(HistoryEventType.MapRunSucceeded)
        record.set_stop(status=MapRunStatus.SUCCEEDED)
        self._env.stack.append([result for _, result in sorted(self._results.items())])

    @property
    def _too_many_failed(self) -> bool:
        count, percentage = self._asked.tolerated_failure_count, self._asked.tolerated_failure_percentage
        share = 100 * self._failed / max(len(self._items), 1)
        # A tolerance that is not given is 0, and says nothing beside one that is.
        exceeded = [self._failed > count] * bool(count) + [share > percentage] * bool(percentage)
        return any(exceeded or [self._failed > 0])

    def _run_item(self, index: int) -> None:
        if not self._env.is_running() or self._too_many_failed:
            return
        child = self._child(index)
        about = {"name": self._asked.state_name, "index": index}
        history = child.event_manager
        history.add_event(
            child.event_history_context,
            HistoryEventType.MapIterationStarted,
            EventDetails(mapIterationStartedEventDetails=about),
        )
        self._program.eval(child)
        match child.program_state():
            case ProgramEnded():
                self._results[index] = child.states.get_input()
                ended, details = HistoryEventType.MapIterationSucceeded, "mapIterationSucceededEventDetails"
            case ProgramError():
                self._fail()
                ended, details = HistoryEventType.MapIterationFailed, "mapIterationFailedEventDetails"
            case _:
                ended, details = HistoryEventType.MapIterationAborted, "mapIterationAbortedEventDetails"
        history.add_event(child.event_history_context, ended, EventDetails(**{details: about}))
        self._env.delete_frame(child)

    def _fail(self) -> None:
        with self._lock:
            self._failed += 1
            if self._too_many_failed:
                abort_inner(self._env)

    def _child(self, index: int) -> Environment:
        """Where an item is evaluated: in an execution of its own, which knows no variables of the one around it."""
        given = self._selected(index)
        source = self._env.event_history_context.last_published_event_id
        child = self._env.open_inner_frame(EventHistoryContext.of_program_start())
        child.items = (*items_of(self._env), index)
        child.variable_store = VariableStore()
        around = self._env.event_manager
        name = around.journal.child(self._asked.state_name, child)
        child.event_manager = _ChildHistory(around, name, source)
        context = child.states.context_object.context_object_data
        machine = f"{self._asked.map_run_record.map_state_machine_arn}"
        context["Execution"] = {
            **context["Execution"],
            "Id": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
            "Name": name,
            "Input": given,
            "StartTime": datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        context["StateMachine"] = {"Id": machine, "Name": machine.rsplit(":", 1)[-1]}
        context.pop("Map", None)
        child.states.reset(given)
        return child

    def _selected(self, index: int) -> object:
        """An item's input: the item, or what the Map's ItemSelector makes of it."""
        item = self._items[index]
        if self._asked.item_selector is None:
            return item
        frame = self._env.open_frame()
        frame.states.reset(self._env.states.get_input())
        frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
        self._asked.item_selector.eval(frame)
        self._env.delete_frame(frame)
        return frame.stack.pop()

    def _failure(self) -> FailureEvent:
        name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
        cause = "The specified tolerated failure threshold was exceeded"
        details = EventDetails(mapRunFailedEventDetails={"error": name.error_name, "cause": cause})
        return FailureEvent(self._env, name, HistoryEventType.MapRunFailed, details)

    def _say(self, kind: HistoryEventType, details: EventDetails | None = None) -> None:
        self._env.event_manager.add_event(self._env.event_history_context, kind, details)


class _ChildHistory(EventManager):  # type: ignore[misc]  # untyped
    """The history of an item's execution, which the one around it passes on as if it were a part of its own.

    Args:
        around: The history of the execution around it.
        name: The name of the item's execution.
        source: The event of the history around it that this one goes on from.
    """

    def __init__(self, around: EventManager, name: str, source: object) -> None:
        super().__init__()
        self.journal = around.journal
        self._around = around
        self._name = name
        self._source = source

    @property
    def execution(self) -> str:
        """The ARN of the execution around it."""
        return str(self._around.execution)

    def tell(self, event: Mapping[str, object]) -> None:
        """Pass an event on to who follows the execution.

        Args:
            event: The event.
        """
        before = event["previousEventId"]
        previous = f"{self._name}/{before}" if before else self._source
        self._around.tell({**event, "id": f"{self._name}/{event['id']}", "previousEventId": previous})

    def _publish_history_event(self, **event: object) -> None:
        super()._publish_history_event(**event)
        self.tell(self._history_event_list[-1])
