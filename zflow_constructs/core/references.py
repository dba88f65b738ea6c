"""What an expression can refer to: a step's result, a run parameter, a run's own folder, a job's name."""

import json
import re
from dataclasses import dataclass

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Condition, Expression, Scope

PARAMETERS_VARIABLE = "parameters"
_IDENTIFIER = re.compile(r"(?!(true|false|null|and|or|in|function)$)[A-Za-z_][A-Za-z0-9_]*")
REDRIVE_COUNT = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
"""JSONata of how often this execution was redriven: AWS leaves the field out of a first run."""
ATTEMPT = (
    "$join([$states.context.Execution.Id, $states.context.State.Name, $string($states.context.State.RetryCount), "
    '$string($states.context.Execution.RedriveCount)], "/")'
)
"""JSONata of what tells this attempt of this state from any other."""


@dataclass(frozen=True, eq=False)
class StepOutput(Expression):
    """A field of a step's result.

    Args:
        key: the step's construct path.
        step: the step's id, for messages.
        path: the field's names, from the outside in. Empty: the whole result.
    """

    key: str
    step: str
    path: tuple[str, ...] = ()

    def render(self, scope: Scope) -> str:
        """`$Train.metrics.auc`."""
        return field_path(scope.results[self.key], *self.path)

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
        return field_path(f"${PARAMETERS_VARIABLE}", self.name)

    def __repr__(self) -> str:
        return f'The run parameter "{self.name}"'


@dataclass(frozen=True, eq=False)
class RunLocation(Expression):
    """An S3 location of this run alone, written by one step.

    Args:
        key: the construct path of the step that writes it.
        step: that step's id.
        path: the location below the run's own, for example `Extract/history`.
    """

    key: str
    step: str
    path: str

    def render(self, scope: Scope) -> str:
        """`"s3://bucket/workflow/" & $states.context.Execution.Name & "/Extract/history/"`."""
        return f"{scope.run_location} & {json.dumps(f'/{self.path}/')}"

    def __repr__(self) -> str:
        return f'The output location "{self.path}" of step "{self.step}"'


@dataclass(frozen=True, eq=False)
class JobName(Expression):
    """A name that no other execution, retry or redrive uses: `<workflow>-<step>-<20 hexadecimal digits>`.

    Args:
        step: the readable part.
        max_length: what the API allows. Default: 63 characters.
    """

    step: str
    max_length: int = 63

    def prefix(self, workflow: str) -> str:
        """What all names of the step begin with: `<workflow>-<step>-`.

        Args:
            workflow: the workflow's name.
        """
        readable = re.sub(r"[^a-z0-9]+", "-", f"{workflow}-{self.step}".lower()).strip("-")
        return readable[: self.max_length - 21].rstrip("-") + "-"

    def render(self, scope: Scope) -> str:
        """`"workflow-train-" & $substring($hash(<this attempt>, "SHA-256"), 0, 20)`."""
        return f'"{self.prefix(scope.workflow)}" & $substring($hash({ATTEMPT}, "SHA-256"), 0, 20)'

    def __repr__(self) -> str:
        return f'The job name of step "{self.step}"'


@dataclass(frozen=True, eq=False)
class Ran(Condition):
    """True when a step ran: a step that was skipped leaves null as its result."""

    key: str
    step: str

    def render(self, scope: Scope) -> str:
        """`$Train != null`."""
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
