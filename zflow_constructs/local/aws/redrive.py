"""RedriveExecution: a failed execution goes on from the states that didn't succeed. moto doesn't have it.

Each state that has ended leaves a note: its output, what it assigned, where it went. A redriven execution starts anew,
and takes the notes in the place of the states that left them.

See https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramRunning
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.responses import StepFunctionResponse

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.hooks import all_replaced

Visit = tuple[str, tuple[int, ...], int]
"""A visit of a state: its name, which is unique in its machine, the indices of the Map items, and how often before."""


@dataclass(frozen=True)
class _Note:
    output: object
    assigned: Mapping[str, object]
    next_state: str


class Journal:
    """The notes of an execution's states, over all its redrives."""

    def __init__(self) -> None:
        self._notes: dict[Visit, _Note] = {}
        self._children: dict[Visit, str] = {}
        self._visits: Counter[tuple[str, tuple[int, ...]]] = Counter()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start to count the visits of a new run."""
        with self._lock:
            self._visits.clear()

    def visit(self, state: str, env: Environment) -> Visit:
        """Count a visit.

        Args:
            state: The state's name.
            env: Where it is evaluated.
        """
        items = items_of(env)
        with self._lock:
            self._visits[state, items] += 1
            return state, items, self._visits[state, items]

    def child(self, state: str, env: Environment) -> str:
        """The name of the execution of a Distributed Map's item: a redrive goes on with it.

        Args:
            state: The Map's name.
            env: Where the item is evaluated.
        """
        return self._children.setdefault(self.visit(f"{state}: item", env), str(uuid.uuid4()))

    def replay(self, visit: Visit, env: Environment) -> bool:
        """Do what a state did in an earlier run, if it ended there.

        Args:
            visit: The visit.
            env: Where the state is evaluated.

        Returns:
            Whether it did end there.
        """
        note = self._notes.get(visit)
        if note is None:
            return False
        for name, value in note.assigned.items():
            env.variable_store.set(variable_identifier=name, variable_value=value)
        env.variable_store.get_assigned_variables()
        env.states.reset(note.output)
        if note.next_state:
            env.next_state_name = note.next_state
        else:
            env.set_ended()
        return True

    def note(self, visit: Visit, env: Environment, before: Mapping[str, object]) -> None:
        """Remember what a state did, if it has ended.

        Args:
            visit: The visit.
            env: Where the state was evaluated.
            before: The variables of its scope before.
        """
        state = env.program_state()
        if isinstance(state, ProgramRunning | ProgramEnded):
            now = env.variable_store._inner_scope  # noqa: SLF001
            assigned = {name: value for name, value in now.items() if name not in before or before[name] is not value}
            next_state = state.next_state_name if isinstance(state, ProgramRunning) else ""
            self._notes[visit] = _Note(env.states.get_input(), assigned, next_state)


@contextmanager
def redrive() -> Iterator[None]:
    """Answer RedriveExecution, and tell how often an execution was redriven; moto doesn't."""
    describe = StepFunctionResponse.describe_execution
    evaluate = CommonStateField._eval_body  # noqa: SLF001
    one_at_a_time = threading.Lock()

    def evaluate_once(self: CommonStateField, env: Environment) -> None:
        journal: Journal = env.event_manager.journal
        visit = journal.visit(self.name, env)
        if journal.replay(visit, env):
            return
        before = dict(env.variable_store._inner_scope)  # noqa: SLF001
        evaluate(self, env)
        journal.note(visit, env, before)

    def redrive_execution(self: StepFunctionResponse) -> ActionResult:
        arn = self._get_param("executionArn")
        execution: Execution = self.stepfunction_backend.describe_execution(arn)
        again = {ExecutionStatus.FAILED, ExecutionStatus.ABORTED, ExecutionStatus.TIMED_OUT}
        with one_at_a_time:
            if execution.exec_status not in again:
                raise ApiError(
                    "ExecutionNotRedrivable", f"Execution is {execution.status} and cannot be redriven: '{arn}'"
                )
            execution.exec_status = ExecutionStatus.RUNNING
        execution.redrive_count += 1
        execution.redrive_date = datetime.now(tz=UTC)
        execution.error = execution.cause = execution.stop_date = None
        # Not by `start`, which wants that there is no worker: others look at it meanwhile.
        execution.exec_worker = execution._get_start_execution_worker()  # noqa: SLF001
        execution.exec_worker.start()
        return ActionResult({"redriveDate": execution.redrive_date})

    def describe_execution(self: StepFunctionResponse) -> ActionResult:
        execution: Execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        return ActionResult({**describe(self).result, "redriveCount": execution.redrive_count})

    with all_replaced(
        (CommonStateField, "_eval_body", evaluate_once),
        (StepFunctionResponse, "redrive_execution", redrive_execution),
        (StepFunctionResponse, "describe_execution", describe_execution),
    ):
        yield


def items_of(env: Environment) -> tuple[int, ...]:
    """The indices of the Map items that a state is in, from the outside in.

    Args:
        env: Where the state is evaluated.
    """
    items: tuple[int, ...] = vars(env).get("items", ())
    return items
