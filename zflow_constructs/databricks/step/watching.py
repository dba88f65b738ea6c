"""The states of a Databricks step: submit, then look until the run has ended."""

from collections.abc import Mapping
from dataclasses import dataclass

from zflow_constructs.core.states.asl import Choice, Rule, State, Task, Wait
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Template
from zflow_constructs.databricks.workspace.watcher import WATCH_SECONDS
from zflow_constructs.databricks.workspace.workspace import CALL_SECONDS, DatabricksWorkspace
from zflow_constructs.steps.retry import DATABRICKS_LOOK, DATABRICKS_SUBMIT, EXECUTION

# The Lambda lets the pauses between its looks grow with the time that a run takes, up to this, less a fifth by chance.
_LONGEST_WAIT_SECONDS = 96
_FIRST_LOOKS = 75


def looks(seconds: int) -> int:
    """How often a run is looked at, at most: often at first, in the end every two minutes.

    Args:
        seconds: how long it may take.
    """
    return _FIRST_LOOKS + seconds // _LONGEST_WAIT_SECONDS


@dataclass(frozen=True)
class Watch:
    """The states of a step.

    Args:
        name: the step's name.
        variable: the variable that holds its result.
        workspace: whose Lambda is called.
        event: what the Lambda is sent.
        leave: the state that comes when the run is done.
    """

    name: str
    variable: str
    workspace: DatabricksWorkspace
    event: Mapping[str, Template]
    leave: str

    def waiting(self) -> Mapping[str, State]:
        """`Extract` (submit) -> `Extract: wait` -> `Extract: check` -> `Extract: done?`, and round again.

        Each call is `{"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"Payload": {"action": "submit"}}}`. A
        look that finds a new attempt due says so, and the next look submits it.
        """
        wait = f"{self.name}: wait"
        return {
            self.name: self._submit(wait),
            wait: Wait(Jsonata(f"{self._answer}.wait_seconds"), next=f"{self.name}: check"),
            f"{self.name}: check": self._check(),
            f"{self.name}: done?": Choice((self._done(),), default=wait),
        }

    def watching(self) -> Mapping[str, State]:
        """`Extract` (submit) -> `Extract: watch` (startExecution.sync:2 of the watcher) -> `Extract: done?`.

        The watcher's execution waits and looks for two days; if the run isn't done then, another one goes on. Where a
        look of its own raised an error, `Extract: check` looks once more, here, so that this step fails by its name.
        """
        watch = f"{self.name}: watch"
        raised = Rule(Jsonata(f'{self._answer}.status = "LOOK"'), f"{self.name}: check")
        return {
            self.name: self._submit(watch),
            watch: Task(
                resource="arn:aws:states:::states:startExecution.sync:2",
                arguments={
                    "StateMachineArn": self.workspace.watcher.state_machine_arn,
                    "Input": {"event": dict(self.event), "answer": Jsonata(self._answer)},
                },
                timeout_seconds=WATCH_SECONDS + CALL_SECONDS,
                assign=self._assign("$states.result.Output"),
                retry=(EXECUTION,),
                next=f"{self.name}: done?",
            ),
            f"{self.name}: done?": Choice((self._done(), raised), default=watch),
            f"{self.name}: check": self._check(),
        }

    @property
    def _answer(self) -> str:
        return f"${self.variable}_run"

    def _done(self) -> Rule:
        return Rule(Jsonata(f'{self._answer}.status = "DONE"'), self.leave)

    def _submit(self, then: str) -> Task:
        return Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments=self._call({"action": "submit", "attempt": 0}),
            timeout_seconds=CALL_SECONDS,
            assign=self._assign("$states.result.Payload"),
            retry=DATABRICKS_SUBMIT,
            next=then,
        )

    def _check(self) -> Task:
        looking: dict[str, Template] = {
            "action": Jsonata(f'{self._answer}.status = "SUBMIT" ? "submit" : "check"'),
            "attempt": Jsonata(f"{self._answer}.attempt"),
            "run": Jsonata(f"{self._answer}.run"),
        }
        return Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments=self._call(looking),
            timeout_seconds=CALL_SECONDS,
            assign=self._assign("$states.result.Payload"),
            retry=DATABRICKS_LOOK,
            next=f"{self.name}: done?",
        )

    def _call(self, payload: Mapping[str, Template]) -> dict[str, Template]:
        return {"FunctionName": self.workspace.function.function_arn, "Payload": {**payload, **self.event}}

    def _assign(self, answer: str) -> dict[str, Template]:
        return {f"{self.variable}_run": Jsonata(answer), self.variable: Jsonata(f"{answer}.run")}
