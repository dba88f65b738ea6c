"""JSONata in moto's interpreter, by the `jsonata-python` package.

moto sends each expression to a Java virtual machine that it doesn't bring. Here an expression is evaluated in this
process: `$states` and the variables in scope are bound to it as values, not printed into its text.

See https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from jsonata import Jsonata
from jsonata.utils import Utils
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata, StringVariableSample
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from zflow_constructs.local.aws.hooks import all_replaced
from zflow_constructs.local.aws.jsonata_numbers import javascript_numbers, whole_number

javascript_numbers()

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}

_VARIABLE = re.compile(r"\$(\w+)")


class QueryError(ValueError):
    """A JSONata expression failed, or has no value. Step Functions calls it States.QueryEvaluationError."""


def evaluate(expression: str, bindings: Mapping[str, object]) -> object:
    """Evaluate an expression, as Step Functions does: no input document, `bindings` as variables.

    Args:
        expression: JSONata, without `{%` and `%}`.
        bindings: The variables by name, without `$`: `states` and those of the execution. JSON values.

    Returns:
        A JSON value.

    Raises:
        QueryError: The expression doesn't parse, fails, or has no JSON value.

    Example:
        evaluate("$states.input.n + 1", {"states": {"input": {"n": 1}}})  # 2
    """
    try:
        query = Jsonata(expression)
        query.set_output_convert_nulls(False)
        for name, function in _FUNCTIONS.items():
            query.register_lambda(name, function)
        # To bind a value is to copy it: only those that the expression names.
        named = set(_VARIABLE.findall(expression))
        result = query.evaluate(None, {name: _bound(value) for name, value in bindings.items() if name in named})
    except RecursionError as error:
        raise QueryError(f"The JSONata expression '{expression}' recurses too deep.") from error
    except Exception as error:
        message = f"The JSONata expression '{expression}' threw an error during evaluation: {error}"
        raise QueryError(message) from error
    if result is None:
        raise QueryError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return _json(result, expression)


def _bound(value: object) -> object:
    """A copy with JSONata's null for None, which would be undefined."""
    match value:
        case None:
            return Utils.NULL_VALUE
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _bound(item) for key, item in value.items()}
        case list() | tuple():
            return [_bound(item) for item in value]
        case _:
            return value


def _json(value: object, expression: str) -> object:
    """The plain JSON value of a result."""
    match value:
        case Utils.NullValue():
            return None
        case dict():
            return {key: _json(item, expression) for key, item in value.items()}
        case list() | tuple() | range():
            return [_json(item, expression) for item in value]
        case str() | bool() | int() | float():
            return value
        case _:
            raise QueryError(f"The JSONata expression '{expression}' returned an unsupported result type.")


def _partition(array: list[object], size: int) -> list[list[object]]:
    return [array[start : start + int(size)] for start in range(0, len(array), int(size))]


def _range(first: float, last: float, step: float) -> list[float]:
    return [first + index * step for index in range(int((last - first) / step) + 1)]


def _hash(data: str, algorithm: str) -> str:
    if algorithm not in _HASHES:
        raise ValueError(f"$hash knows {', '.join(_HASHES)}, not {algorithm!r}")
    return hashlib.new(_HASHES[algorithm], str(data).encode()).hexdigest()


def _random(seed: int | None = None) -> float:
    return random.random() if seed is None else random.Random(seed).random()


def _parse(text: str) -> object:
    return _bound(json.loads(text, parse_int=whole_number))


def _eval(*_arguments: object) -> object:
    raise ValueError("Step Functions doesn't have $eval; use $parse for JSON text")


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    # The functions that Step Functions adds, and the one that it takes away.
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse,
    "eval": _eval,
}


def variables_in_scope(env: Environment) -> dict[str, object]:
    """The variables that a state sees: those of the outer scopes, and its own.

    Args:
        env: Where the state is evaluated.
    """
    store = env.variable_store
    return {**store._outer_scope, **store._inner_scope}  # noqa: SLF001


def _states(env: Environment) -> dict[str, object]:
    data = env.states._states_data  # noqa: SLF001
    # Without a result or an error there is no such field: reading it is an error, as on AWS.
    return {name: value for name, value in data.items() if name in {"input", "context"} or value is not None}


def _evaluate_query(self: StringJSONata, env: Environment) -> None:
    _push(env, self.expression, {**variables_in_scope(env), "states": _states(env)})


def _evaluate_variable_path(self: StringVariableSample, env: Environment) -> None:
    # A JSONPath of a variable, "$order.items[0]", reads the same in JSONata.
    _push(env, self.expression, variables_in_scope(env))


def _push(env: Environment, expression: str, bindings: Mapping[str, object]) -> None:
    try:
        env.stack.append(evaluate(expression, bindings))
    except QueryError as error:
        raise _failure(env, str(error)) from error


def _failure(env: Environment, cause: str) -> FailureEventException:
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    failure = FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=EventDetails(
                evaluationFailedEventDetails=EvaluationFailedEventDetails(error=name.error_name, cause=cause)
            ),
        )
    )
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails=failure.get_evaluation_failed_event_details()),
    )
    return failure


@contextmanager
def jsonata() -> Iterator[None]:
    """Evaluate JSONata expressions, and JSONPaths of variables, in this process."""
    with all_replaced(
        (StringJSONata, "_eval_body", _evaluate_query),
        (StringVariableSample, "_eval_body", _evaluate_variable_path),
    ):
        yield
