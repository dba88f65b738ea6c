"""What an expression can refer to: a step's result, a run parameter, a run's own folder, a job's name."""

import json
import re
from dataclasses import dataclass
from typing import ClassVar

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.number_text import ValueKind, part_of_text
from zflow_constructs.core.values.templates import Scope

PARAMETERS_VARIABLE = "parameters"
_IDENTIFIER = re.compile(r"(?!(true|false|null|and|or|in|function)$)[A-Za-z_][A-Za-z0-9_]*")
STARTED = (
    "($exists($states.context.Execution.RedriveTime) ? "
    "$states.context.Execution.RedriveTime : $states.context.Execution.StartTime)"
)
"""JSONata of when this execution was started, or redriven last, in ISO 8601."""
_RETRY = "$string($states.context.State.RetryCount)"
_ATTEMPT = (
    "$states.context.Execution.Id",
    "$states.context.State.Name",
    _RETRY,
    "$string($states.context.Execution.RedriveCount)",
)


@dataclass(frozen=True, eq=False)
class Variable(Expression):
    """A variable of JSONata or of the state machine, or what is inside it.

    Args:
        name: The variable's name, without `$`.
        path: Names of fields and positions in lists, from the outside in. Default: the whole value

    Example:
        `Variable("states")["result"]["EndpointStatus"]`
    """

    name: str
    path: tuple[str | int, ...] = ()

    def __getitem__(self, field: str | int) -> "Variable":
        return Variable(self.name, (*self.path, field))

    def render(self, scope: Scope) -> str:
        """`$states.result.EndpointStatus`, `$arn[3]`."""
        value = f"${self.name}"
        for field in self.path:
            value = f"{value}[{field}]" if isinstance(field, int) else field_path(value, field)
        return value


RESULT = Variable("states")["result"]
"""What a state's call answered, in that state's own `Assign` and `Output`."""


@dataclass(frozen=True, eq=False)
class StepOutput(Expression):
    """A field of a step's result.

    Args:
        key: the step's construct path.
        step: the step's id, for messages.
        path: the field's names, from the outside in. Empty: the whole result.
        of_kind: Its type. Default: not known
    """

    key: str
    step: str
    path: tuple[str, ...] = ()
    of_kind: ValueKind = ""

    @property
    def field(self) -> tuple[str, ...]:
        """What it reads of the result: the path of the field."""
        return self.path

    def render(self, scope: Scope) -> str:
        """`$step_Train.metrics.auc`."""
        return field_path(scope.results[self.key], *self.path)

    def part_of_text(self, scope: Scope) -> str:
        """`$step_Train.job_name`, or the text that it is if it is a number."""
        return part_of_text(self.render(scope), self.of_kind)

    def kind(self, scope: Scope) -> ValueKind:
        """Its type."""
        return self.of_kind

    def __repr__(self) -> str:
        return f'The output "{".".join(self.path)}" of step "{self.step}"'


@dataclass(frozen=True, eq=False)
class Parameter(Expression):
    """A run parameter: given when the execution starts, or its default.

    Args:
        name: the parameter's name, as declared by the workflow.
    """

    name: str

    def render(self, scope: Scope) -> str:
        """`$parameters.country`."""
        return field_path(scope.parameters, self.name)

    def part_of_text(self, scope: Scope) -> str:
        """`$parameters.country`, or the text that it is if it is a number."""
        return part_of_text(self.render(scope), self.kind(scope))

    def kind(self, scope: Scope) -> ValueKind:
        """Its type, as the workflow has declared it."""
        return scope.kinds.get(self.name, "")

    def __repr__(self) -> str:
        return f'The run parameter "{self.name}"'


@dataclass(frozen=True, eq=False)
class ExecutionId(Expression):
    """The ARN of the execution that was started, even in the steps of a distributed loop, whose ARNs are others."""

    textual: ClassVar[bool] = True

    def render(self, scope: Scope) -> str:
        """`$states.context.Execution.Id`."""
        return scope.execution

    def __repr__(self) -> str:
        return "The execution's ARN"


@dataclass(frozen=True, eq=False)
class RedriveCount(Expression):
    """How often this execution was redriven."""

    def render(self, scope: Scope) -> str:
        """`($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)`."""
        # AWS leaves the field out of a first run.
        return "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"

    def __repr__(self) -> str:
        return "The number of redrives"


@dataclass(frozen=True, eq=False)
class RunLocation(Expression):
    """An S3 location of this run alone, written by one step.

    Args:
        key: the construct path of the step that writes it.
        step: that step's id.
        path: the location below the run's own, for example `Extract/history`.
    """

    textual: ClassVar[bool] = True

    key: str
    step: str
    path: str

    def render(self, scope: Scope) -> str:
        """`"s3://bucket/workflow/" & $states.context.Execution.Name & "/Extract/history/"`.

        In a loop, each iteration has its folder: `... & "/PerCountry/" & $string($PerCountry_item.index) & ...`.
        """
        around = list(scope.iterations.items())[: scope.levels.get(self.key, 0)]
        folders = [f" & {json.dumps(f'/{loop}/')} & $string({iteration})" for loop, iteration in around]
        return f"{scope.run_location}{''.join(folders)} & {json.dumps(f'/{self.path}/')}"

    def __repr__(self) -> str:
        return f'The output location "{self.path}" of step "{self.step}"'


@dataclass(frozen=True, eq=False)
class JobName(Expression):
    """A name that no other execution, retry or redrive uses: `<workflow>-<step>-<20 hexadecimal digits>`.

    Args:
        step: the readable part.
        max_length: what the API allows. Default: 63 characters.
        new_at_retry: whether a retry has a name of its own, too. Default: yes
        base: what it begins with instead of the workflow's and the step's names. Default: these
    """

    textual: ClassVar[bool] = True

    step: str
    max_length: int = 63
    new_at_retry: bool = True
    base: str = ""

    def prefix(self, workflow: str) -> str:
        """What all names of the step begin with: `<workflow>-<step>-`.

        Args:
            workflow: the workflow's name.
        """
        readable = re.sub(r"[^a-z0-9]+", "-", (self.base or f"{workflow}-{self.step}").lower()).strip("-")
        return readable[: self.max_length - 21].rstrip("-") + "-"

    def render(self, scope: Scope) -> str:
        """`"workflow-train-" & $substring($hash($join([<this attempt>], "/"), "SHA-256"), 0, 20)`."""
        parts = [part for part in _ATTEMPT if self.new_at_retry or part != _RETRY]
        attempt = ", ".join([*parts, *(f"$string({iteration})" for iteration in scope.iterations.values())])
        return f'"{self.prefix(scope.workflow)}" & $substring($hash($join([{attempt}], "/"), "SHA-256"), 0, 20)'

    def __repr__(self) -> str:
        return f'The job name of step "{self.step}"'


@dataclass(frozen=True, eq=False)
class Ran(Condition):
    """True when a step ran: a step that was skipped leaves null as its result."""

    key: str
    step: str

    def render(self, scope: Scope) -> str:
        """`$step_Train != null`."""
        return f"{scope.results[self.key]} != null"


def field_path(value: str, *names: str) -> str:
    """JSONata of a field inside a value; names that are no identifiers are quoted.

    Args:
        value: JSONata of the value.
        names: the fields' names, from the outside in.

    Raises:
        WorkflowError: a name has a backtick, the one character that JSONata can't quote.

    Example:
        >>> field_path("$Train", "metrics", "validation:auc")
        '$Train.metrics.`validation:auc`'
    """
    for name in names:
        if "`" in name:
            raise WorkflowError(f'The field "{name}" has a backtick in its name, which JSONata can\'t read. Rename it.')
    return ".".join([value, *(name if _IDENTIFIER.fullmatch(name) else f"`{name}`" for name in names)])
