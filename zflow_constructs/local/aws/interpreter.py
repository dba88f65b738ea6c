"""Where moto's interpreter differs from Step Functions, mended.

See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from antlr4 import ParserRuleContext
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategyDecl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.variable_store import IllegalOuterScopeWrite, VariableStore
from moto.stepfunctions.parser.asl.parse import preprocessor
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from zflow_constructs.local.aws.aborts import AbortedError
from zflow_constructs.local.aws.hooks import all_replaced, replaced
from zflow_constructs.local.aws.redrive import items_of

_STATES_ERRORS = {kind.to_name(): kind for kind in StatesErrorNameType}
_MAX_RETRY_SECONDS = 2.0
"""A retry's longest interval here: nothing is throttled on this machine."""

_BEYOND_ALL = {StatesErrorNameType.StatesRuntime.to_name(), StatesErrorNameType.StatesStatesDataLimitExceeded.to_name()}

_WHOLE_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])')

_log = logging.getLogger(__name__)


@contextmanager
def interpreter(*, time_scale: float) -> Iterator[None]:
    """Mend the interpreter.

    Args:
        time_scale: What a second of a Wait state, or of a Retry's interval, lasts, in seconds.
    """
    with (
        short_log(),
        parsed_once(),
        string_literals(),
        error_names(),
        states_all(),
        assigned_at_the_end(),
        output_errors(),
        whole_context(),
        scaled_waits(time_scale=time_scale),
    ):
        yield


@contextmanager
def short_log() -> Iterator[None]:
    """Log an unexpected error in one line, and an expected one, which the history has, not at all.

    moto prints the whole machine, once for each level that an error passes.
    """

    def say_nothing(_self: EvalComponent, failure_event_exception: FailureEventException) -> None:
        """The history has it."""

    def say(self: EvalComponent, exception: Exception) -> None:
        if not isinstance(exception, AbortedError):
            _log.error("%s: %s at %s", type(exception).__name__, exception, type(self).__name__)

    with all_replaced(
        (EvalComponent, "_log_failure_event_exception", say_nothing), (EvalComponent, "_log_exception", say)
    ):
        yield


@contextmanager
def parsed_once() -> Iterator[None]:
    """Parse a definition once; moto does for each execution, which takes longer than most of its states.

    And take a whole number as a percentage of tolerated failures; moto's grammar wants a fraction.
    """
    parse = AmazonStateLanguageParser.parse

    def parsed(definition: str) -> tuple[EvalComponent, ParserRuleContext]:
        tree: tuple[EvalComponent, ParserRuleContext] = parse(_WHOLE_PERCENTAGE.sub(r"\1.0", definition))
        return tree

    with replaced(AmazonStateLanguageParser, "parse", staticmethod(lru_cache(parsed))):
        yield


@contextmanager
def string_literals() -> Iterator[None]:
    """Read the definition's strings as JSON; moto leaves the escapes in some, and reads others as Python's."""

    def text_of(parser_rule_context: ParserRuleContext) -> str:
        text: str = parser_rule_context.getText()
        return str(json.loads(text, strict=False)) if text.startswith('"') else text

    def inner_text_of(parser_rule_context: ParserRuleContext) -> str | None:
        return None if parser_rule_context.getText() == "null" else text_of(parser_rule_context)

    with all_replaced(
        (preprocessor, "from_string_literal", text_of),
        (preprocessor.Preprocessor, "_inner_string_of", staticmethod(inner_text_of)),
    ):
        yield


@contextmanager
def error_names() -> Iterator[None]:
    """Let errors named `States.*` leave a Parallel or Map state, and a Fail state; moto raises a ValueError."""

    def new(cls: type[CustomErrorName], error_name: str | None = None) -> CustomErrorName | StatesErrorName:
        if error_name in _STATES_ERRORS:
            return StatesErrorName(typ=_STATES_ERRORS[error_name])
        return object.__new__(cls)

    with replaced(CustomErrorName, "__new__", staticmethod(new)):
        yield


@contextmanager
def states_all() -> Iterator[None]:
    """Keep `States.Runtime` and `States.DataLimitExceeded` out of `States.ALL`; moto matches everything with it."""
    matches = ErrorEqualsDecl._eval_body  # noqa: SLF001

    def evaluate(self: ErrorEqualsDecl, env: Environment) -> None:
        error = env.stack[-1]
        if error is not None and error.error_name in _BEYOND_ALL:
            env.stack[-1] = error in self.error_names
        else:
            matches(self, env)

    with replaced(ErrorEqualsDecl, "_eval_body", evaluate):
        yield


@contextmanager
def assigned_at_the_end() -> Iterator[None]:
    """Make a state's `Assign` visible to the states after it, and not yet to its own `Output`.

    moto sets the variables before it evaluates the output. Here they wait until the state's exit.
    """
    committed = VariableStore.set
    assigned = VariableStore.get_assigned_variables

    def set_later(self: VariableStore, variable_identifier: str, variable_value: object) -> None:
        if variable_identifier in self._outer_scope:
            raise IllegalOuterScopeWrite(variable_identifier=variable_identifier, variable_value=variable_value)
        vars(self).setdefault("_assigned", {})[variable_identifier] = variable_value

    def commit(self: VariableStore) -> dict[str, str]:
        for name, value in vars(self).pop("_assigned", {}).items():
            committed(self, name, value)
        now: dict[str, str] = assigned(self)
        return now

    with all_replaced((VariableStore, "set", set_later), (VariableStore, "get_assigned_variables", commit)):
        yield


@contextmanager
def output_errors() -> Iterator[None]:
    """Let Retry and Catch see an error of a Task's, Parallel's or Map's `Output`; in moto it ends the execution."""
    attempt = ExecutionState._evaluate_with_timeout  # noqa: SLF001
    output = ExecutionState._eval_state_output  # noqa: SLF001

    def attempt_with_output(self: ExecutionState, env: Environment) -> None:
        attempt(self, env)
        if self.output is not None and env.is_running():
            try:
                self.output.eval(env)
            except BaseException:
                # What failed has assigned nothing.
                vars(env.variable_store).pop("_assigned", None)
                raise
            env.heap["output"] = "is evaluated"

    def output_once(self: ExecutionState, env: Environment) -> None:
        if "output" not in env.heap:
            output(self, env)

    with all_replaced(
        (ExecutionState, "_evaluate_with_timeout", attempt_with_output),
        (ExecutionState, "_eval_state_output", output_once),
    ):
        yield


@contextmanager
def whole_context() -> Iterator[None]:
    """Complete the context object: `State.RetryCount` in every state, `Map` in a task within a Map state.

    And let a frame know the Map items that it is in, as its `items`.
    """
    state_data = state_module.StateData
    inner_frame = Environment.as_inner_frame_of

    def data(**fields: str) -> object:
        return state_data(**fields, RetryCount=0)

    def framed(
        env: Environment, variable_store: VariableStore, event_history_frame_cache: EventHistoryContext | None = None
    ) -> Environment:
        frame = inner_frame(env=env, variable_store=variable_store, event_history_frame_cache=event_history_frame_cache)
        outer = env.states.context_object.context_object_data
        if "Map" in outer:
            frame.states.context_object.context_object_data["Map"] = outer["Map"]
        frame.items = items_of(env)
        return frame

    with all_replaced(
        (state_module, "StateData", data),
        (Environment, "as_inner_frame_of", staticmethod(framed)),
    ):
        yield


@contextmanager
def scaled_waits(*, time_scale: float) -> Iterator[None]:
    """Shorten Wait states and Retry intervals, and end them when the execution ends.

    Time limits are not scaled: the work that they limit takes its real time.

    Args:
        time_scale: What a second lasts, in seconds.
    """
    jitter = JitterStrategyDecl._eval_body  # noqa: SLF001

    def wait(_self: WaitFunction, env: Environment, wait_seconds: float) -> None:
        _wait(env, wait_seconds * time_scale)

    def wait_before_retry(self: JitterStrategyDecl, env: Environment) -> None:
        # The jitter is the last step of an interval's calculation; moto would now sleep, whatever happens meanwhile.
        jitter(self, env)
        _wait(env, min(env.stack.pop() * time_scale, _MAX_RETRY_SECONDS))
        env.stack.append(0)

    with all_replaced(
        (WaitFunction, "_wait_interval", wait),
        (JitterStrategyDecl, "_eval_body", wait_before_retry),
    ):
        yield


def _wait(env: Environment, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
    end = clock() + seconds
    while env.is_running() and (left := end - clock()) > 0:
        # The event is set for an instant only, so that a thread may miss it: look again soon.
        env.program_state_event.wait(min(left, 0.5))
