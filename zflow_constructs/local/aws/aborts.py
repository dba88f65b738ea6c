"""What becomes of the states within a state that has failed, or within an execution that was stopped: they are aborted.

See https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from zflow_constructs.local.aws.hooks import all_replaced


class AbortedError(Exception):
    """A part of a state is to be evaluated that was aborted meanwhile."""


@contextmanager
def evaluations() -> Iterator[None]:
    """Evaluate nothing more of a state once it is aborted, and let no error change what it ended by.

    moto leaves out the part that comes next and goes on: by what is on its stack in the place of the part's value.
    """
    evaluate = EvalComponent.eval
    set_error = Environment.set_error

    def evaluate_unless_aborted(self: EvalComponent, env: Environment) -> None:
        if isinstance(self, Program):
            try:
                evaluate(self, env)
            except RuntimeError:
                # Aborted before its first state, it can't begin.
                if env.is_running():
                    raise
        elif env.is_running():
            evaluate(self, env)
        else:
            raise AbortedError

    def set_error_unless_aborted(self: Environment, error: ExecutionFailedEventDetails) -> None:
        if self.is_running():
            set_error(self, error)

    with all_replaced(
        (EvalComponent, "eval", evaluate_unless_aborted), (Environment, "set_error", set_error_unless_aborted)
    ):
        yield


@contextmanager
def aborts() -> Iterator[None]:
    """Let an aborted state end without a word: no Retry, no Catch, no failure.

    And let a Map that fails abort its other items, as a Parallel aborts its branches: moto lets them run on.
    """
    attempt = ExecutionState._evaluate_with_timeout  # noqa: SLF001
    evaluate = Program.eval
    run_items = InlineIterationComponent._eval_body  # noqa: SLF001

    def attempt_unless_aborted(self: ExecutionState, env: Environment) -> None:
        try:
            attempt(self, env)
        except Exception:
            if env.is_running():
                raise

    def evaluate_unless_aborted(self: Program, env: Environment) -> None:
        # All that can be raised here is that it can't start, since it is aborted before it has begun.
        with suppress(RuntimeError):
            evaluate(self, env)

    def run_or_abort(self: InlineIterationComponent, env: Environment) -> None:
        try:
            run_items(self, env)
        except Exception:
            abort_inner(env)
            raise

    with all_replaced(
        (ExecutionState, "_evaluate_with_timeout", attempt_unless_aborted),
        (Program, "eval", evaluate_unless_aborted),
        (InlineIterationComponent, "_eval_body", run_or_abort),
    ):
        yield


def abort_inner(env: Environment) -> None:
    """Abort all that goes on within a state.

    Args:
        env: Where the state is evaluated.
    """
    for frame in list(env._frames):  # noqa: SLF001
        frame.set_stop(stop_date=datetime.now(tz=UTC), cause=None, error=None)
