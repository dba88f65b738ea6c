"""What a step gives to others, by name."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of

Value = TypeVar("Value")


class Outputs(Mapping[str, Value]):
    """A step's outputs by name; a wrong name says which there are.

    Args:
        step: the step's id, for the message.
        values: the outputs.
        declare: what to do to have one. Default: list it in the step's `outputs=`
    """

    def __init__(
        self, step: str, values: Mapping[str, Value], *, declare: str = "Declare it in outputs=[...]."
    ) -> None:
        self._step = step
        self._values = dict(values)
        self._declare = declare

    def __getitem__(self, name: str) -> Value:
        if name not in self._values:
            raise WorkflowError(
                f'Step "{self._step}" has no output "{name}".{did_you_mean(name, self._values)} '
                f"It has: {one_of(self._values) or 'none'}. {self._declare}"
            )
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
