"""The executions of a run: the workflow's own, those that it starts, and those that rules start because of it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping

from moto.stepfunctions.parser.backend.execution import Execution

from zflow_constructs.core.states.legend import StatePlace
from zflow_constructs.local.aws.events import targets
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.honoured import check_tasks
from zflow_constructs.local.progress import Steps
from zflow_constructs.local.run import FollowUp
from zflow_constructs.local.steps import Step


class Executions:
    """Follows the executions of a run.

    Args:
        aws: The local AWS.
        on_step: Hears of each change of a step of the workflow, or of what follows it.
    """

    def __init__(self, aws: AwsServer, *, on_step: Callable[[Step], None]) -> None:
        self._client = aws.clients.stepfunctions
        self._on_step = on_step
        # One for all: a nested execution's line is also one of the step that started it.
        self._lock = threading.RLock()
        self._workflow = ""
        self._shown: dict[str, Steps] = {}
        self._inner: dict[str, Steps] = {}
        self._follow_ups: dict[str, bool] = {}
        self._ended: set[str] = set()
        self._machinery: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Step]:
        for steps in self._shown.values():
            yield from steps

    @property
    def steps(self) -> list[Step]:
        """The workflow's steps, from `show` on."""
        return list(self._shown[self._workflow]) if self._workflow else []

    @property
    def quiet(self) -> bool:
        """Whether no follow-up runs."""
        return not any(self._follow_ups.values())

    def has_ended(self, arn: str) -> bool:
        """Whether an execution has ended, and was not redriven since.

        Args:
            arn: The execution.
        """
        return arn in self._ended

    def show(self, workflow: str, account: str, region: str, *, machinery: frozenset[str] = frozenset()) -> None:
        """Show the steps of the workflow, and of the machines that rules start.

        Args:
            workflow: The ARN of the workflow's machine.
            account: The AWS account.
            region: The AWS region.
            machinery: The ARNs of the machines whose own steps mean nothing to a person. Default: none.

        Raises:
            AssemblyError: The engine can't run one of them.
        """
        self._workflow = workflow
        self._machinery = machinery
        for machine in dict.fromkeys([workflow, *targets(account, region)]):
            if ":stateMachine:" in machine:
                self._shown[machine] = self._steps(machine, on_change=self._on_step)

    def start(self, machine: str, event: object) -> None:
        """Start what follows: the delivery of an event to a state machine.

        Args:
            machine: The machine's ARN.
            event: The execution's input.
        """
        name = str(uuid.uuid4())
        # Known before the start: it may end before the answer.
        self._follow_ups[f"{machine.replace(':stateMachine:', ':execution:')}:{name}"] = True
        self._client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(event))

    def stop(self, cause: str) -> None:
        """Stop what follows and still runs.

        Args:
            cause: Why.
        """
        for arn, running in list(self._follow_ups.items()):
            if running:
                self._client.stop_execution(executionArn=arn, cause=cause)

    def on_history(self, arn: str, event: Mapping[str, object]) -> None:
        """Take an event of an execution's history.

        Args:
            arn: The execution.
            event: The event.
        """
        self._of(arn).on_event(event)

    def on_status(self, execution: Execution) -> None:
        """Take a change of an execution's status.

        Args:
            execution: The execution.
        """
        arn, runs = execution.exec_arn, execution.status == "RUNNING"
        if not runs:
            self._of(arn).end(execution.status)
        if arn in self._follow_ups:
            self._follow_ups[arn] = runs
        if runs:
            self._ended.discard(arn)
        else:
            self._ended.add(arn)

    def on_line(self, job: str, line: str) -> None:
        """Take a line of the log of a job, function, endpoint, or started execution.

        Args:
            job: Its name.
            line: The line.
        """
        for steps in (*self._shown.values(), *self._inner.values()):
            steps.on_line(job, line)

    def on_step_line(self, step_id: str, line: str) -> None:
        """Take a line of the log of what a step runs.

        Args:
            step_id: The step.
            line: The line.
        """
        for steps in (*self._shown.values(), *self._inner.values()):
            steps.on_step_line(step_id, line)

    def on_state_line(self, execution: str, state: str, line: str) -> None:
        """Take a line of the log of a function that a state has called.

        Args:
            execution: The execution.
            state: The state.
            line: The line.
        """
        steps = self._of(execution)
        step = steps.place_of(state).step
        if step is not None:
            steps.on_step_line(step, line)

    def place_of(self, execution: str, state: str) -> StatePlace:
        """What a state of an execution is for.

        Args:
            execution: The execution.
            state: The state.
        """
        return self._of(execution).place_of(state)

    def end(self) -> None:
        """Take the run's end: a machine that nothing has started won't be."""
        started = {_machine(arn) for arn in self._follow_ups}
        for machine, steps in self._shown.items():
            if machine != self._workflow and machine not in started:
                steps.end("SUCCEEDED")

    def follow_ups(self) -> list[FollowUp]:
        """What became of the executions that rules started."""
        return [self._follow_up(arn) for arn in self._follow_ups]

    def _follow_up(self, arn: str) -> FollowUp:
        described = self._client.describe_execution(executionArn=arn)
        return FollowUp(
            execution=arn,
            machine=_machine(arn).rsplit(":", 1)[1],
            status=described["status"],
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            steps=list(self._of(arn)),
        )

    def _of(self, arn: str) -> Steps:
        """The steps of an execution; those of one that a step has started are lines of that step."""
        machine = _machine(arn)
        if machine in self._shown and (machine == self._workflow or arn in self._follow_ups):
            return self._shown[machine]
        if arn in self._inner:
            return self._inner[arn]
        # Two branches of it may get here at once: the first is kept.
        return self._inner.setdefault(arn, self._steps(machine, on_change=lambda step: self._on_inner_step(arn, step)))

    def _on_inner_step(self, arn: str, step: Step) -> None:
        of_machinery = _machine(arn) in self._machinery
        self.on_line(arn, step.last_line if of_machinery else f"{step.id}: {step.last_line or step.status}")

    def _steps(self, machine: str, *, on_change: Callable[[Step], None]) -> Steps:
        described = self._client.describe_state_machine(stateMachineArn=machine)
        definition = json.loads(described["definition"])
        check_tasks(described["name"], definition)
        return Steps(definition, on_change=on_change, lock=self._lock)


def _machine(execution: str) -> str:
    """The ARN of an execution's machine."""
    return execution.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0]
