"""The ranges of hyperparameters that a tuning job searches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Scalar, Template
from zflow_constructs.core.values.texts import as_text

Scale: TypeAlias = Literal["Auto", "Linear", "Logarithmic"]


@dataclass(frozen=True)
class ContinuousRange:
    """All numbers between two.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html

    Args:
        least: the lower bound.
        most: the upper bound.
        scale: how the range is searched. `Logarithmic` spends as many jobs between 0.001 and 0.01 as between 0.1 and
            1, `ReverseLogarithmic` the same below 1. Default: SageMaker finds out

    Raises:
        WorkflowError: the bounds don't fit each other, or the scale.

    Example:
        `ContinuousRange(1e-4, 1, scale="Logarithmic")`
    """

    field: ClassVar[str] = "ContinuousParameterRanges"
    numeric: ClassVar[bool] = True

    least: float
    most: float
    scale: Scale | Literal["ReverseLogarithmic"] = "Auto"

    def __post_init__(self) -> None:
        _check_bounds(repr(self), self.least, self.most, self.scale)
        if self.scale == "ReverseLogarithmic" and not 0 <= self.least < self.most < 1:
            raise WorkflowError(f"{self!r}: a reverse logarithmic scale lies within 0 and 1, without the 1.")

    def render(self, name: str, *, decoded: bool) -> Template:
        """The range as the API has it.

        Args:
            name: the hyperparameter's name.
            decoded: Whether the container decodes hyperparameters as JSON.
        """
        return _bounds(name, self.least, self.most, self.scale)


@dataclass(frozen=True)
class IntegerRange:
    """All whole numbers from one to another.

    Args:
        least: the lower bound.
        most: the upper bound.
        scale: how the range is searched. Default: SageMaker finds out

    Raises:
        WorkflowError: the bounds are no whole numbers, or don't fit each other or the scale.

    Example:
        `IntegerRange(2, 10)`
    """

    field: ClassVar[str] = "IntegerParameterRanges"
    numeric: ClassVar[bool] = True

    least: int
    most: int
    scale: Scale = "Auto"

    def __post_init__(self) -> None:
        if {type(self.least), type(self.most)} != {int}:
            raise WorkflowError(f"{self!r}: its bounds are whole numbers. For others use ContinuousRange.")
        _check_bounds(repr(self), self.least, self.most, self.scale)

    def render(self, name: str, *, decoded: bool) -> Template:
        """The range as the API has it.

        Args:
            name: the hyperparameter's name.
            decoded: Whether the container decodes hyperparameters as JSON.
        """
        return _bounds(name, self.least, self.most, self.scale)


@dataclass(frozen=True)
class CategoricalRange:
    """One of several values.

    Args:
        values: the values, 1 to 30.

    Raises:
        WorkflowError: there are no values, or one of them is there twice.

    Example:
        `CategoricalRange(["hist", "exact"])`
    """

    field: ClassVar[str] = "CategoricalParameterRanges"

    values: Sequence[Scalar]

    def __post_init__(self) -> None:
        texts = [] if isinstance(self.values, str) else [as_text(value) for value in self.values]
        if not texts or len(set(texts)) < len(texts):
            raise WorkflowError(f'{self!r}: give a list of different values, such as CategoricalRange(["a", "b"]).')

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    def render(self, name: str, *, decoded: bool) -> Template:
        """The range as the API has it.

        Args:
            name: the hyperparameter's name.
            decoded: Whether the container decodes hyperparameters as JSON.
        """
        return {"Name": name, "Values": [as_text(value, decoded=decoded) for value in self.values]}


Range: TypeAlias = ContinuousRange | IntegerRange | CategoricalRange


def _bounds(name: str, least: float, most: float, scale: str) -> Template:
    return {"Name": name, "MinValue": as_text(least), "MaxValue": as_text(most), "ScalingType": scale}


def _check_bounds(shown: str, least: float, most: float, scale: str) -> None:
    if not least < most:
        raise WorkflowError(f"{shown}: the lower bound must be less than the upper one.")
    if scale == "Logarithmic" and least <= 0:
        raise WorkflowError(f"{shown}: a logarithmic scale begins above 0.")
