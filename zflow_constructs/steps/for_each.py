"""Loops: the same steps for each item of a list."""

import json
import re
from collections.abc import Mapping, Sequence

from constructs import Construct

from zflow_constructs.core.states.fragment import Fragment, Loop
from zflow_constructs.core.states.history import most_events
from zflow_constructs.core.states.limits import MOST_PAYLOAD_BYTES
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.iterations import Bounded, Collected
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.templates import Template
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.step import Step, StepGroup, listed_steps

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_AT_ONCE_INLINE = 40
_MOST_AT_ONCE = 1_000
_MOST_ITEMS = 10_000
# Well below AWS's 25,000, which the rest of the workflow and retries share.
_MOST_EVENTS_INLINE = 15_000


class ForEach(Step):
    """Repeats steps for each item of a list, several at once: for each country, for each model.

    The list is known at synth, or is an output of a step. A loop of many iterations becomes a Distributed Map, where
    each iteration is an execution of its own; a small one becomes an inline Map.
    https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        items: the list.
        steps: what is done for each item; they use the item as `zflow.Item(name)`, each other's outputs, and those of
            steps before the loop.
        item: what they call the item. Default: item
        outputs: what each iteration gives, by name, from outputs of its steps; later steps get the list of all as
            `loop.outputs[name]`, in the order of the items. Default: none
        max_concurrency: how many iterations at once. Default: 40
        most_items: how many items a list that is only known at run time may have: 10,000 at most. Default: 100
        tolerated_failure_percentage: at most this percentage of iterations may fail without failing the step; the
            outputs are then those of the others. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: there is nothing to repeat, or a value is out of bounds.

    Example:
        train = TrainingStep(self, "Train", hyperparameters={"country": Item("country")}, ...)
        per_country = ForEach(self, "PerCountry", item="country", items=["de", "fr"], steps=[train],
                              outputs={"auc": train.metric("validation:auc")})
    """

    kind = "for each"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        items: Sequence[Template] | Expression,
        steps: Sequence[Step | StepGroup],
        item: str = "item",
        outputs: Mapping[str, Template] | None = None,
        max_concurrency: int = _MOST_AT_ONCE_INLINE,
        most_items: int = 100,
        tolerated_failure_percentage: int = 0,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._items = items
        self._item = item
        self._steps = tuple(listed_steps(self.label, "steps", steps))
        self._given = dict(outputs or {})
        self._max_concurrency = max_concurrency
        self._tolerated = tolerated_failure_percentage
        self._most_items = most_items if isinstance(items, Expression) else len(items)
        self._check()
        self._outputs = Outputs(
            self.name,
            {name: Collected(self.path, self.name, ("results", name)) for name in self._given},
            declare="Declare it in outputs={name: an output of a repeated step}.",
        )
        nodes = [step.compiled() for step in self._steps]
        self._distributed = (
            max_concurrency > _MOST_AT_ONCE_INLINE
            or self._tolerated > 0
            or self._most_items * sum(map(most_events, nodes)) > _MOST_EVENTS_INLINE
        )

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """By name, the list of what the iterations gave."""
        return self._outputs

    @property
    def results(self) -> Expression:
        """What each iteration gave, as a list of objects: `{"item": "de", "auc": 0.8}`."""
        return Collected(self.path, self.name, ("results",))

    @property
    def repeated(self) -> Sequence[Step]:
        """The steps of the loop."""
        return self._steps

    @property
    def distributed(self) -> bool:
        """Whether each iteration is an execution of its own."""
        return self._distributed

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what its iterations give, and items that only a run knows."""
        return bool(self._given) or isinstance(self._items, Expression)

    def fragment(self) -> Fragment:
        """One state: `{"Type": "Map", "Items": [...], "ItemProcessor": {...}}`."""
        loop = Loop(
            name=self.name,
            items=self._checked_items(),
            item=self._item,
            # Compiled once more: what they inherit is known now.
            steps=tuple(step.compiled() for step in self._steps),
            outputs=self._given,
            max_concurrency=self._max_concurrency,
            distributed=self._distributed,
            most_items=self._most_items,
            tolerated_failure_percentage=self._tolerated,
            assign={self.variable: {"results": Jsonata("[$states.result]")}},
        )
        return Fragment({self.name: loop}, result=self.variable)

    def _checked_items(self) -> Template:
        """The list; one that is only known at run time fails the step if it is longer than said, before it starts."""
        if not isinstance(self._items, Expression):
            return list(self._items)
        return Bounded(self._items, self._most_items, f"{self.label}: items")

    def _check(self) -> None:
        if not self._steps:
            raise WorkflowError(f"{self.label}: steps is empty. List the steps that it repeats.")
        for step in self._steps:
            if not step.repeatable:
                raise WorkflowError(
                    f'{self.label}: step "{step.name}" has one name in all iterations of the loop, which would '
                    "overwrite each other. Move it after the loop, or create one such step for each item in Python."
                )
        if not isinstance(self._items, Expression):
            self._check_list(self._items)
        if not _NAME.fullmatch(self._item):
            raise WorkflowError(
                f'{self.label}: item is "{self._item}". Give a name of letters, digits and "_", which its steps use as '
                f'zflow.Item("country").'
            )
        if "item" in self._given:
            raise WorkflowError(f'{self.label}: an output is named "item", as the item itself is. Rename the output.')
        self._check_bounds()

    def _check_bounds(self) -> None:
        for keyword, value, most in (
            ("max_concurrency", self._max_concurrency, _MOST_AT_ONCE),
            ("most_items", self._most_items, _MOST_ITEMS),
        ):
            if not 1 <= value <= most:
                raise WorkflowError(f"{self.label}: {keyword} is {value}. Give 1 to {most}.")
        if not 0 <= self._tolerated < 100:
            raise WorkflowError(
                f"{self.label}: tolerated_failure_percentage is {self._tolerated}. Give 0 to 99, as a whole number."
            )

    def _check_list(self, items: Sequence[Template]) -> None:
        if not items or isinstance(items, str) or not isinstance(items, Sequence):
            raise WorkflowError(
                f"{self.label}: items is {items!r}. List the items, items=[...], or hand it an output that is a list."
            )
        if len(items) > _MOST_ITEMS:
            raise WorkflowError(
                f"{self.label}: items has {len(items)} entries. Give {_MOST_ITEMS} at most: let each "
                "iteration do several."
            )
        check_json(self.label, "items", items)
        # What is only known at run time counts nothing here.
        size = len(json.dumps(list(items), default=lambda _: "").encode())
        if size > MOST_PAYLOAD_BYTES:
            raise WorkflowError(
                f"{self.label}: items has {size} bytes, and Step Functions takes {MOST_PAYLOAD_BYTES}. Put what is "
                "large into S3, and list where it is."
            )
