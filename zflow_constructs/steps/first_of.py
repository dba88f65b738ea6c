"""Where the branches of a condition meet again: the first of several outputs that is there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from zflow_constructs.core.states.availability import FirstOf
from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.templates import Scope, render_value
from zflow_constructs.data.sources import DataLocation, ModelData
from zflow_constructs.data.storage import AnyPlace


@overload
def first_of(first: Expression, *others: Expression) -> Expression: ...


@overload
def first_of(first: DataLocation, *others: DataLocation) -> DataLocation: ...


@overload
def first_of(first: ModelData, *others: ModelData) -> ModelData: ...


def first_of(
    first: Expression | DataLocation | ModelData, *others: Expression | DataLocation | ModelData
) -> Expression | DataLocation | ModelData:
    """The first of several outputs whose step was not skipped.

    The step that uses it waits until all of them are decided, and runs if any is there.

    Args:
        first: the preferred one.
        others: those to fall back on, in this order.

    Raises:
        WorkflowError: they are not of one kind, or data of different content types.

    Example:
        model = first_of(train_large.model_data, train_small.model_data)
    """
    outputs = (first, *others)
    values = [each for each in outputs if isinstance(each, Expression)]
    kind = DataLocation if isinstance(first, DataLocation) else ModelData
    locations = [each for each in outputs if isinstance(each, kind)]
    if len(outputs) not in {len(values), len(locations)}:
        kinds = ", ".join("a value" if isinstance(each, Expression) else type(each).__name__ for each in outputs)
        raise WorkflowError(
            f"first_of: it takes outputs of one kind, and received {kinds}. Hand it values alone, DataLocation alone "
            "or ModelData alone; where data lie is a value: data.uri."
        )
    if isinstance(first, Expression):
        return FirstOf(tuple(values))
    types = {each.content_type for each in locations if isinstance(each, DataLocation)}
    if len(types) > 1:
        named = one_of(each or "(none)" for each in types)
        raise WorkflowError(
            f"first_of: the data have the content types {named}. What reads them has to know which: give all of them "
            "the same content_type."
        )
    place = AnyPlace(tuple(each.place for each in locations))
    return replace(first, uri=FirstOf(_uris(locations)), place=place)


def _uris(locations: Sequence[DataLocation | ModelData]) -> tuple[Expression, ...]:
    return tuple(
        each.uri if isinstance(each.uri, Expression) else Jsonata(render_value(each.uri, Scope())) for each in locations
    )
