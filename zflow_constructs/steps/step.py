"""What all steps have in common: their names, needs and conditions, and the groups that they come in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from constructs import Construct

from zflow_constructs.core.states.fragment import Fragment, StepNode, identifier
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.number_text import ValueKind
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.timeouts import DEFAULTS, Timeouts

_STEP_ID = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,49}")


class StepGroup(Construct):
    """A part of a workflow made of several steps, to be used again: the steps that are created in it.

    Steps of a group are steps of the workflow like all others: each runs as soon as what it needs is there. Their names
    begin with the group's.

    Args:
        scope: the construct that owns it, which may be a group too.
        id: its id: letters, digits, spaces, `-` and `_`.

    Example:
        class Scoring(StepGroup):
            def __init__(self, scope: Construct, id: str, *, model: ModelData, data: DataLocation) -> None:
                super().__init__(scope, id)
                self.predict = BatchTransformStep(self, "Predict", containers=[...], data=data)
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._name = _name_in(scope, id)
        self._parts: list[Step | StepGroup] = []
        if isinstance(scope, StepGroup):
            scope.take(self)

    @property
    def name(self) -> str:
        """What the names of its steps begin with."""
        return self._name

    @property
    def steps(self) -> tuple["Step", ...]:
        """Its steps, those of groups in it included; not those that a loop of it repeats, which are the loop's."""
        steps = all_steps(self._parts)
        repeated = {step for step, loop in with_loops(steps) if loop}
        return tuple(step for step in steps if step not in repeated)

    def take(self, part: "Step | StepGroup") -> None:
        """Takes in what is created in it: steps and groups see to that themselves.

        Args:
            part: the step or group.
        """
        self._parts.append(part)


class Step(Construct):
    """One step of a workflow: a job, an endpoint, a function.

    Steps describe themselves; `MlWorkflow` binds them. Using a step's output in another makes an edge between them.

    Args:
        scope: the construct that owns it.
        id: its id, which names its state in the console: letters, digits, spaces, `-` and `_`, 50 at most, those of
            the groups that it is in included.
        retry: how often what fails is tried again. Default: as its workflow says
        after: steps, or groups of them, that must have ended before, though nothing of theirs is used. Default: none
        when: the step runs only if this holds, and is skipped otherwise, like all that needs it. Default: always
        optional: whether the workflow goes on when the step fails, as if it had been skipped. Default: no

    Raises:
        WorkflowError: the id has other characters or is too long.
    """

    kind: ClassVar[str] = ""
    """What a picture of the workflow calls such a step."""
    repeatable: ClassVar[bool] = True
    """Whether it can stand in a loop."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        retry: Retry | None = None,
        after: Sequence["Step | StepGroup"] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        name = _name_in(scope, id)
        if not _STEP_ID.fullmatch(name):
            counted = f"{len(name)} characters" if name == id else f"{len(name)} characters, its groups' included"
            raise WorkflowError(
                f'Step "{name}": an id starts with a letter and has letters, digits, spaces, "-" and "_", '
                f"50 at most (this one has {counted}). It names the state in the console. Rename the step."
            )
        super().__init__(scope, id)
        for earlier in after:
            if not isinstance(earlier, Step | StepGroup):
                raise WorkflowError(
                    f'Step "{name}": after= takes steps, and received {earlier!r}. Hand it the step itself.'
                )
        if when is not None and not isinstance(when, Condition):
            raise WorkflowError(
                f'Step "{name}": when= takes a condition over outputs or parameters, such as '
                f'train.metric("auc") >= 0.75, and received {when!r}.'
            )
        # Each look at the construct's node is a call of Node.js.
        self._name = name
        self._path = str(self.node.path)
        self._after = tuple(after)
        self._when = when
        self._optional = optional
        self._own_retry = retry
        self._inherited_retry = Retry()
        self._inherited_timeouts = DEFAULTS
        if isinstance(scope, StepGroup):
            scope.take(self)

    @property
    def name(self) -> str:
        """The step's id, which is also the name of its state."""
        return self._name

    @property
    def label(self) -> str:
        """The step as messages name it: `Step "Train"`."""
        return f'Step "{self._name}"'

    @property
    def path(self) -> str:
        """The construct's path, which no other construct has."""
        return self._path

    @property
    def variable(self) -> str:
        """The variable that holds the step's result in the state machine: `step_Train`.

        Without the prefix, the variable of a step "split" would hide JSONata's `$split`.
        """
        return f"step_{identifier(self.name)}"

    @property
    def otherwise(self) -> Condition:
        """The other path: `when=step.otherwise` holds when this step was skipped, or failed and is optional."""
        return self.result().is_absent()

    @property
    def retry(self) -> Retry:
        """How often what fails is tried again: as the step says, else its workflow. It is final in `fragment()`."""
        return self._inherited_retry if self._own_retry is None else self._own_retry

    @property
    def timeouts(self) -> Timeouts:
        """How long it may take, where it says nothing itself. It is final in `fragment()`."""
        return self._inherited_timeouts

    @property
    def repeated(self) -> Sequence["Step"]:
        """The steps that it repeats: a loop's own."""
        return ()

    @property
    def looks(self) -> int:
        """How often it looks at what it waits for, at most: each look takes room in the execution's history."""
        return 0

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size, as what a function or a script answers."""
        return False

    def result(self, *path: str, kind: ValueKind = "") -> Expression:
        """A field of the step's result, for other steps.

        Args:
            path: the field's names, from the outside in.
            kind: Its type, so that its text needs no look at it. Default: not known
        """
        return StepOutput(self.path, self.name, path, kind)

    def inherit(self, retry: Retry, timeouts: Timeouts) -> None:
        """Takes what its workflow says for the steps that say nothing themselves.

        Args:
            retry: how often what fails is tried again.
            timeouts: how long they may take.
        """
        self._inherited_retry = retry
        self._inherited_timeouts = timeouts

    def fragment(self) -> Fragment:
        """The step's states. Every kind of step defines its own."""
        raise WorkflowError(f'Step "{self.name}": {type(self).__name__} must define fragment().')

    def bind(self, binding: Binding) -> None:
        """Grants what the step needs once its workflow is known. Every kind of step adds its own.

        Args:
            binding: the workflow.
        """

    def compiled(self) -> StepNode:
        """The step as the compiler takes it."""
        return StepNode(
            key=self.path,
            name=self.name,
            fragment=self.fragment(),
            after=tuple(step.path for step in all_steps(self._after)),
            when=self._when,
            optional=self._optional,
            kind=self.kind,
            looks=self.looks,
            unbounded=self.unbounded,
        )


def all_steps(parts: Iterable[Step | StepGroup]) -> list[Step]:
    """List steps and those of groups, each once.

    Args:
        parts: The steps and groups.
    """
    steps = (step for part in parts for step in (part.steps if isinstance(part, StepGroup) else (part,)))
    return list(dict.fromkeys(steps))


def listed_steps(owner: str, keyword: str, parts: Sequence[Step | StepGroup]) -> list[Step]:
    """List the steps that a keyword received, and those of its groups, each once.

    Args:
        owner: Who received them, for the message: `MlWorkflow "Scoring"`.
        keyword: The keyword.
        parts: What it received.

    Raises:
        WorkflowError: One of them is neither a step nor a group.
    """
    for part in parts:
        if not isinstance(part, Step | StepGroup):
            raise WorkflowError(f"{owner}: {keyword} has {part!r}, which is no step. Hand it steps.")
    return all_steps(parts)


def every_step(steps: Iterable[Step]) -> list[Step]:
    """List steps and those that they repeat.

    Args:
        steps: The steps.
    """
    return [step for step, _ in with_loops(steps)]


def with_loops(steps: Iterable[Step], loop: Step | None = None) -> Iterator[tuple[Step, Step | None]]:
    """List steps and those that they repeat, each with the loop that repeats it.

    Args:
        steps: The steps.
        loop: The loop that repeats these. Default: none
    """
    for step in steps:
        yield step, loop
        yield from with_loops(step.repeated, step)


def _name_in(scope: Construct, id: str) -> str:
    return f"{scope.name} {id}" if isinstance(scope, StepGroup) else id
