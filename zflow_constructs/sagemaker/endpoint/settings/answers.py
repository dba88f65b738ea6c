"""Calls that SageMaker takes once: when an answer is lost, the call made again is refused, though all is well."""

from dataclasses import replace

from zflow_constructs.core.states.asl import Catcher, Choice, Rule, State, Task
from zflow_constructs.core.values.expressions import Jsonata


def made_once(call: Task, *, name: str, asked: str, again: str, variable: str, done: str) -> dict[str, State]:
    """A call, and what says that an earlier one was heard: `Endpoint: create`, `: created?`, `: create again`.

    An error of the integration bears one name, so that only its message tells what SageMaker means. Where it means
    something else, the call is made again, and fails as it does.

    Args:
        call: the call; where it leads is where its success does.
        name: the name of its state.
        asked: the name of the state that looks at the error.
        again: the name of the state that makes the call again.
        variable: the variable that holds the error for it.
        done: what SageMaker says of a call that was heard before, such as `already existing`.
    """
    refused = Catcher(("SageMaker.SageMakerException",), asked, {variable: Jsonata("$states.errorOutput.Cause")})
    return {
        name: replace(call, catch=(refused,)),
        asked: Choice((Rule(Jsonata(f'$contains(${variable}, "{done}")'), call.next),), default=again),
        # Its retries are over.
        again: replace(call, retry=()),
    }
