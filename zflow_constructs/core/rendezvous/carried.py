"""What of the results of a level's steps travels: across a join, through the table, and out at the end.

Each result is cut down to the fields that others read. A workflow without outputs of its own outputs the results of
its last steps, as far as they are small: together they have to fit into Step Functions' 256 KiB.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from collections.abc import Collection, Sequence

from zflow_constructs.core.rendezvous.arrangement import Arrangement
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.states.limits import MOST_PAYLOAD_BYTES
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import Variable
from zflow_constructs.core.values.syntax import Call, If, Let
from zflow_constructs.core.values.templates import Template

# A job's name, its data's address, its metrics.
_LIKELY_RESULT_BYTES = 2_000
# JSONata counts characters: those that are no printable ASCII count as four, the most that one takes.
_OTHER_CHARACTER = Jsonata("/[^ -~]/")


class Carried:
    """What of the results of a level's steps travels.

    Args:
        steps: The steps.
        arranged: Who reads what of them.
        last: The keys of the steps whose results come out at the end.
    """

    def __init__(self, steps: Sequence[StepNode], arranged: Arrangement, last: Collection[str]) -> None:
        self._arranged = arranged
        self._last = frozenset(last)
        self._most_bytes = most_bytes([step for step in steps if step.key in self._last])

    def of(self, step: StepNode) -> Template:
        """What travels of a step's result, once the step was left: null if it was skipped.

        Args:
            step: The step.
        """
        result = Variable(step.fragment.result)
        if step.key in self._last:
            return self._small(step, result)
        fields = self._arranged.reading.fields[step.key]
        if fields.cover(step.fragment.result_fields):
            return result
        return fields.of_nullable(result) if step.key in self._arranged.absent else fields.of(result)

    def of_assigned(self, step: StepNode, result: Template) -> Template:
        """What travels of a step's result, in the state that assigns it.

        Args:
            step: The step.
            result: What the state assigns.
        """
        return (
            self._small(step, result) if step.key in self._last else self._arranged.reading.fields[step.key].of(result)
        )

    def is_plain(self, step: str) -> bool:
        """Whether what is read of a step has no numbers, so that its text loses none of their digits.

        Args:
            step: The step's key.
        """
        return self._arranged.reading.fields[step].without_numbers

    def _small(self, step: StepNode, result: Template) -> Template:
        if not step.unbounded:
            return result
        most, value = self._most_bytes, Variable("result")
        left_out = f"left out: more than {most} bytes of JSON. List what the workflow outputs: outputs={{...}}."
        size = Call("length", (Call("replace", (Call("string", (value,)), _OTHER_CHARACTER, "xxxx")),))
        return Let("result", result, If(size > most, left_out, value))


def most_bytes(last: Sequence[StepNode]) -> int:
    """How large the JSON of a result may be that comes out at the end, so that all of them fit into a payload.

    Args:
        last: The steps whose results come out.
    """
    unbounded = sum(step.unbounded for step in last)
    left = MOST_PAYLOAD_BYTES - _LIKELY_RESULT_BYTES * (len(last) - unbounded + 1)
    return max(left, 0) // max(unbounded, 1) // 100 * 100
