"""Whether there is a value: the step that makes it may have been skipped.

What needs a skipped step is skipped too, unless it says what to do instead: `is_absent()` and `first_of` tolerate it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zflow_constructs.core.values.expressions import Combination, Condition, Expression, Jsonata
from zflow_constructs.core.values.references import Ran, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in

NULL = Jsonata("null")


@dataclass(frozen=True, eq=False)
class FirstOf(Expression):
    """The first of several values that is there, where the branches of a condition meet again.

    Args:
        options: the values, the preferred one first.
    """

    options: tuple[Expression, ...]
    tolerant = True

    def render(self, scope: Scope) -> str:
        """`($Big != null ? $Big.model : $Small.model)`: nothing is asked about the last one."""
        sure = (number for number, option in enumerate(self.options) if not available(option))
        last = next(sure, len(self.options) - 1)
        choices = [
            f"{all_of(available(option)).render(scope)} ? {option.operand(scope)} : " for option in self.options[:last]
        ]
        return f"({''.join(choices)}{self.options[last].operand(scope)})"

    def children(self) -> Iterator[Deferred]:
        """The options, and what is asked about them."""
        for option in self.options:
            yield from available(option)
            yield option

    def __repr__(self) -> str:
        return f"The first of ({', '.join(repr(option) for option in self.options)})"


def available(template: Template, may_be_absent: Callable[[str], bool] = lambda _: True) -> tuple[Condition, ...]:
    """What must hold for all values in a template to be there.

    Args:
        template: the template.
        may_be_absent: whether the step of this key can be skipped. Default: any step can

    Returns:
        `(Ran("Train"),)`, each once; for a `FirstOf` that one of its options is there.
    """
    conditions: dict[str, Condition] = {}
    for part in _required(template):
        match part:
            case StepOutput(key=key, step=step) | RunLocation(key=key, step=step) if may_be_absent(key):
                conditions.setdefault(key, Ran(key, step))
            case FirstOf(options):
                each = [available(option, may_be_absent) for option in options]
                if all(each):
                    conditions[str(id(part))] = any_of([all_of(option) for option in each])
            case _:
                pass
    return tuple(conditions.values())


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Several conditions as one."""
    return conditions[0] if len(conditions) == 1 else Combination("and", tuple(conditions))


def any_of(conditions: Sequence[Condition]) -> Condition:
    """A condition that holds where one of several does."""
    return conditions[0] if len(conditions) == 1 else Combination("or", tuple(conditions))


def or_null(template: Template) -> Template:
    """A template in which each expression is null where a value in it is missing.

    Example:
        `or_null({"auc": train.metric("auc")})` renders as
        `{"auc": ($step_Train != null ? $step_Train.metrics.auc : null)}`.
    """
    match template:
        case Expression():
            return FirstOf((template, NULL))
        case Mapping():
            return {name: or_null(value) for name, value in template.items()}
        case str():
            return template
        case Sequence():
            return [or_null(value) for value in template]
        case _:
            return template


def _required(template: Template) -> Iterator[Deferred]:
    for expression in deferred_in(template):
        yield expression
        if not expression.tolerant:
            for child in expression.children():
                yield from _required(child)
