"""Which fields of a step's result others read, and the result without the rest: nothing else travels.

What crosses a join or the table counts against Step Functions' 256 KiB, so a result is cut down to what is read of it.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zflow_constructs.core.values.expressions import Comparison, Expression, Present
from zflow_constructs.core.values.number_text import ValueKind
from zflow_constructs.core.values.references import Ran, StepOutput, Variable
from zflow_constructs.core.values.syntax import If, Let
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in, render_value

Path = tuple[str, ...]
"""The names of fields, from the outside in; empty for the whole value."""
_WITHOUT_NUMBERS = {"string", "date", "boolean", "strings"}


@dataclass(frozen=True)
class Fields:
    """The fields of a result that are read.

    Args:
        kinds: The type of each, by its path, in the order of use. Default: none is read
    """

    kinds: Mapping[Path, ValueKind] = field(default_factory=dict)

    @property
    def paths(self) -> Sequence[Path]:
        """The paths, those inside others left out."""
        return [path for path in self.kinds if not any(path[:length] in self.kinds for length in range(len(path)))]

    @property
    def without_numbers(self) -> bool:
        """Whether the result is an object, and no number among these fields, as far as their types are known."""
        return () not in self.kinds and all(self.kinds[path] in _WITHOUT_NUMBERS for path in self.paths)

    def cover(self, names: Collection[str] | None) -> bool:
        """Whether a result is read as a whole.

        Args:
            names: The names of all fields that it has. None: they are not known
        """
        return () in self.kinds or (names is not None and all((name,) in self.kinds for name in names))

    def of(self, result: Template) -> Template:
        """Cut a result down to these fields: nothing is lost where the result lacks one.

        Args:
            result: The result, which is not null.

        Example:
            `Fields({("metrics", "auc"): "number"}).of(Variable("step_Train"))` renders as
            `{"metrics": {"auc": $step_Train.metrics.auc}}`.
        """
        match result:
            case _ if () in self.kinds:
                return result
            case Mapping():
                return {name: self._inside(name).of(value) for name, value in result.items() if self._reads(name)}
            case Variable():
                return Selected(result, tuple(self.paths))
            case _:
                return Let("result", result, Selected(Variable("result"), tuple(self.paths)))

    def of_nullable(self, result: Expression) -> Template:
        """Cut a result down to these fields that is null if its step was skipped.

        Args:
            result: The result.

        Example:
            `Fields({("auc",): "number"}).of_nullable(Variable("step_Train"))` renders as
            `$step_Train != null ? {"auc": $step_Train.auc} : null`.
        """
        if () in self.kinds:
            return result
        value = result if isinstance(result, Variable) else Variable("result")
        cut = If(Comparison(value, "!=", None), Selected(value, tuple(self.paths)), None)
        return cut if value is result else Let("result", result, cut)

    def _reads(self, name: str) -> bool:
        return any(path[0] == name for path in self.kinds)

    def _inside(self, name: str) -> "Fields":
        return Fields({path[1:]: kind for path, kind in self.kinds.items() if path[0] == name})


@dataclass(frozen=True, eq=False)
class Selected(Expression):
    """An object of some fields of a variable.

    Args:
        value: The variable.
        paths: The fields.
    """

    value: Variable
    paths: tuple[Path, ...]

    def render(self, scope: Scope) -> str:
        """`{"metrics": {"auc": $step_Train.metrics.auc}, "model_data": $step_Train.model_data}`."""
        return render_value(_nested(self.value, self.paths), scope)

    def children(self) -> Iterator[Deferred]:
        """The variable."""
        yield self.value


WHOLE = Fields({(): ""})
"""All of a result."""


def fields_read(templates: Sequence[Template]) -> dict[str, Fields]:
    """List what templates read of the results of steps, by the steps' keys, in the order of use.

    Args:
        templates: The templates.

    Returns:
        `{"App/Train": Fields({("metrics", "auc"): "number"})}`; no field of a step that is only asked whether it ran.
    """
    kinds: dict[str, dict[Path, ValueKind]] = {}
    for template in templates:
        for expression in deferred_in(template):
            for output in _reads(expression):
                of_step = kinds.setdefault(output.key, {})
                if isinstance(output, StepOutput):
                    # Of two types that are claimed for one field, neither is known.
                    same = of_step.get(output.field, output.of_kind) == output.of_kind
                    of_step[output.field] = output.of_kind if same else ""
    return {key: Fields(each) for key, each in kinds.items()}


def all_fields(several: Sequence[Fields]) -> Fields:
    """Join what several readers read.

    Args:
        several: What each of them reads.
    """
    kinds: dict[Path, ValueKind] = {}
    for fields in several:
        for path, kind in fields.kinds.items():
            kinds[path] = kind if kinds.get(path, kind) == kind else ""
    return Fields(kinds)


def _reads(expression: Deferred) -> Iterator[StepOutput | Ran]:
    match expression:
        case Present(StepOutput(key=key, step=step, path=())):
            yield Ran(key, step)
        case StepOutput() | Ran():
            yield expression
        case _:
            for child in expression.children():
                yield from _reads(child)


def _nested(value: Variable, paths: Sequence[Path]) -> dict[str, Template]:
    """The fields as an object: a path of one name is the field itself, the others are inside of objects."""
    names = dict.fromkeys(path[0] for path in paths)
    return {
        name: value[name] if (name,) in paths else _nested(value[name], [path[1:] for path in paths if path[0] == name])
        for name in names
    }
