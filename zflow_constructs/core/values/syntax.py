"""The forms of JSONata as values: conditionals, calls of functions, errors and blocks with a name bound in them.

Logic that a run evaluates is built from these, so that it reads as Python and has its parentheses right.

https://docs.jsonata.org/programming
"""

from collections.abc import Iterator
from dataclasses import dataclass

from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in, render_operand, render_value


@dataclass(frozen=True, eq=False)
class If(Expression):
    """One of two values: JSONata evaluates no other than that.

    Args:
        condition: What decides.
        then: The value where it holds.
        otherwise: The value where it doesn't; another `If` makes a chain.

    Example:
        `If(status == "Completed", "there", If(status == "Pending", "coming", Error("Refused: " + status)))`
    """

    condition: Condition
    then: Template
    otherwise: Template

    def render(self, scope: Scope) -> str:
        """`$status = "Completed" ? "there" : $status = "Pending" ? "coming" : $error("Refused: " & $status)`."""
        condition, then = self.condition.render(scope), render_operand(self.then, scope)
        return f"{condition} ? {then} : {render_value(self.otherwise, scope)}"

    def operand(self, scope: Scope) -> str:
        """`($failure = "" ? "live" : "back")`."""
        return f"({self.render(scope)})"

    def children(self) -> Iterator[Deferred]:
        """The condition, and the expressions in both values."""
        yield self.condition
        yield from deferred_in((self.then, self.otherwise))


@dataclass(frozen=True, eq=False)
class Call(Expression):
    """The value of a function of JSONata or Step Functions.

    Args:
        function: The function's name, without `$`.
        arguments: What it is called with. Default: nothing

    Example:
        `Call("join", (names, ", "))`
    """

    function: str
    arguments: tuple[Template, ...] = ()

    def render(self, scope: Scope) -> str:
        """`$join($names, ", ")`."""
        return f"${self.function}({', '.join(render_value(argument, scope) for argument in self.arguments)})"

    def children(self) -> Iterator[Deferred]:
        """The expressions in the arguments."""
        yield from deferred_in(self.arguments)


class Predicate(Call, Condition):
    """A call of a function whose value is true or false.

    Example:
        `If(Predicate("exists", (error,)), error, "")`
    """


@dataclass(frozen=True, eq=False)
class Error(Expression):
    """No value, but the failure of the state: `States.QueryEvaluationError`, with the message as a part of its cause.

    Args:
        message: What went wrong.

    Example:
        `Error('Step "Train": the job ended ' + status)`
    """

    message: Expression | str

    def render(self, scope: Scope) -> str:
        r"""`$error("Step \"Train\": the job ended " & $status)`."""
        return f"$error({render_value(self.message, scope)})"

    def children(self) -> Iterator[Deferred]:
        """The message, if it is an expression."""
        yield from deferred_in(self.message)


@dataclass(frozen=True, eq=False)
class Let(Expression):
    """A value in which a name stands for another one, which is evaluated once.

    Args:
        name: The name, without `$`.
        value: What it stands for.
        body: The value, in which `Variable(name)` is the other one.

    Example:
        `Let("arn", Call("split", (execution, ":")), "https://" + Variable("arn")[3])`
    """

    name: str
    value: Template
    body: Template

    def render(self, scope: Scope) -> str:
        """`($arn := $split($execution, ":"); "https://" & $arn[3])`."""
        return f"(${self.name} := {render_value(self.value, scope)}; {render_value(self.body, scope)})"

    def children(self) -> Iterator[Deferred]:
        """The expressions in both values."""
        yield from deferred_in((self.value, self.body))
