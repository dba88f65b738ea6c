"""JSON in which some values are known only when the workflow runs, and how it becomes JSONata.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from zflow_constructs.core.values.number_text import ValueKind

Scalar: TypeAlias = str | int | float | bool
Template: TypeAlias = "Scalar | Deferred | Sequence[Template] | Mapping[str, Template] | None"
"""JSON in which any value may be an expression."""
Json: TypeAlias = "Scalar | Sequence[Json] | Mapping[str, Json] | None"

# With one of them alone, Step Functions refuses the state machine.
_LOOKS_LIKE_JSONATA = re.compile(r"\s*\{%.*|.*%\}\s*", re.DOTALL)


@dataclass(frozen=True)
class Scope:
    """Where an expression is rendered: what its names mean there.

    Args:
        results: for each step that can be read from here, the JSONata of its result.
        run_location: JSONata of the S3 location of this run, without a slash at its end.
        workflow: the workflow's name, the beginning of every job name.
        parameters: JSONata of the run parameters.
        execution: JSONata of the ARN of the execution that was started; a distributed loop's iterations have others.
        items: for each loop around, the JSONata of its current item, by the item's name.
        iterations: for each loop around, by its name, the JSONata of the current item's number.
        levels: for each step in a loop, in how many loops it is.
        outcome: JSONata of how the run ended, in the steps that run afterwards.
        kinds: The types of the run parameters, as far as they are known.
        listed: For each loop around whose list is known at synth, by its item's name, the list.
    """

    results: Mapping[str, str] = field(default_factory=dict)
    run_location: str = '"s3://bucket/workflow"'
    workflow: str = "workflow"
    parameters: str = "$parameters"
    execution: str = "$states.context.Execution.Id"
    items: Mapping[str, str] = field(default_factory=dict)
    iterations: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    outcome: str = "$outcome"
    kinds: Mapping[str, ValueKind] = field(default_factory=dict)
    listed: Mapping[str, Sequence["Template"]] = field(default_factory=dict)


class Deferred:
    """A value that exists only when the workflow runs: all that a template needs to know of it."""

    tolerant: ClassVar[bool] = False
    """Whether it has a value even where one in it is missing, because its step was skipped."""

    def render(self, scope: Scope) -> str:
        """This value as JSONata, without the surrounding `{% %}`."""
        raise NotImplementedError

    def operand(self, scope: Scope) -> str:
        """This value as a part of a larger expression: in parentheses where an operator beside it would tear it up."""
        return self.render(scope)

    def children(self) -> Iterator["Deferred"]:
        """The values of which this one is made."""
        yield from ()

    def parts(self) -> Iterator["Deferred"]:
        """This value and all those inside it."""
        yield self
        for child in self.children():
            yield from child.parts()


def deferred_in(template: Template) -> Iterator[Deferred]:
    """Every expression in a template, those inside others left out."""
    match template:
        case Deferred():
            yield template
        case Mapping():
            for value in template.values():
                yield from deferred_in(value)
        case str():
            pass
        case Sequence():
            for value in template:
                yield from deferred_in(value)


def parts_of(template: Template) -> Iterator[Deferred]:
    """Every expression in a template, those inside others included."""
    for expression in deferred_in(template):
        yield from expression.parts()


def render_value(value: Template, scope: Scope) -> str:
    """A template as one JSONata expression, without `{% %}`.

    Example:
        `render_value(["a", Parameter("b")], Scope())` is `["a", $parameters.b]`.
    """
    match value:
        case Deferred():
            return value.render(scope)
        case Mapping():
            return "{" + ", ".join(f"{json.dumps(k)}: {render_value(v, scope)}" for k, v in value.items()) + "}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Sequence():
            return "[" + ", ".join(render_value(item, scope) for item in value) + "]"
        case _:
            return json.dumps(value)


def render_template(template: Template, scope: Scope) -> Json:
    """A template as the JSON that goes into a state: each expression becomes a `{% ... %}` string.

    A plain string that begins or ends like JSONata stays the string it is, quoted; so does a key that ends in `.$`.
    None is the JSONata `null`, since the CDK drops nulls when it writes JSON.
    """
    match template:
        case None | Deferred():
            return _query(template, scope)
        case Mapping():
            if any(name.endswith(".$") for name in template):
                return _query(template, scope)
            return {name: render_template(value, scope) for name, value in template.items()}
        case str():
            return _query(template, scope) if _LOOKS_LIKE_JSONATA.fullmatch(template) else template
        case Sequence():
            return [render_template(item, scope) for item in template]
        case _:
            return template


def _query(template: Template, scope: Scope) -> str:
    return "{% " + render_value(template, scope) + " %}"


def render_operand(value: Template, scope: Scope) -> str:
    """A template as a part of a larger expression.

    Example:
        `render_operand(Jsonata("$x ? 1 : 2"), Scope())` is `($x ? 1 : 2)`.
    """
    return value.operand(scope) if isinstance(value, Deferred) else render_value(value, scope)
