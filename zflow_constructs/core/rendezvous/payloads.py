"""Where what steps give may be more together than Step Functions takes at once: 256 KiB.

It fails a run, and no redrive helps. How large values are, only a run knows: what can be told before are the lists of
loops with many items.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.core.ordering.graph import Branches, Nested
from zflow_constructs.core.rendezvous.arrangement import Arrangement, Join, arrange
from zflow_constructs.core.rendezvous.carried import most_bytes
from zflow_constructs.core.states.fragment import StepNode, last_steps
from zflow_constructs.core.states.limits import MOST_PAYLOAD_BYTES
from zflow_constructs.core.values.errors import one_of
from zflow_constructs.core.values.fields import WHOLE, fields_read
from zflow_constructs.core.values.iterations import Collected
from zflow_constructs.core.values.templates import Template, parts_of

# An output is a number, or the address of an object in S3.
_LIKELY_BYTES = 100
_REMEDY = "Lower most_items, or let the iterations write their results to S3, and put out less."


def check_payloads(
    workflow: str, steps: Sequence[StepNode], outputs: Mapping[str, Template] | None, join: Join
) -> list[str]:
    """Check that what steps give is likely to fit into a payload: the lists of loops, alone, at joins and at the end.

    Args:
        workflow: The workflow's name.
        steps: Its steps.
        outputs: What it outputs. None: the results of the steps that nothing comes after
        join: How branches meet.

    Returns:
        Warnings: what may be too large, or is left out of the output if it is.
    """
    return [*_level(f'MlWorkflow "{workflow}"', steps, outputs, join), *_left_out(workflow, steps, outputs)]


def _level(label: str, steps: Sequence[StepNode], outputs: Mapping[str, Template] | None, join: Join) -> Iterator[str]:
    lists = {step.key: size for step in steps if (size := _list_bytes(step)) > 0}
    for step in steps:
        yield from _loop(step, lists.get(step.key, 0))
        for loop in step.fragment.loops:
            yield from _level(f'Step "{step.name}"', loop.steps, loop.outputs, join)
    if (size := _output_bytes(outputs or {}, steps)) > MOST_PAYLOAD_BYTES:
        yield f"{label} may output about {size} bytes, and Step Functions takes {MOST_PAYLOAD_BYTES}. {_REMEDY}"
    if sum(lists.values()) > MOST_PAYLOAD_BYTES:
        at_the_end = dict.fromkeys(last_steps(steps), WHOLE) if outputs is None else fields_read([outputs])
        arranged = arrange(steps, at_the_end, join)
        yield from _joins(label, {step.key: step.name for step in steps}, arranged, lists)


def _loop(step: StepNode, size: int) -> Iterator[str]:
    if size > MOST_PAYLOAD_BYTES:
        (loop,) = step.fragment.loops
        yield (
            f'Step "{step.name}" may have {loop.most_items} iterations of {len(loop.outputs)} outputs, about {size} '
            f"bytes, and Step Functions takes {MOST_PAYLOAD_BYTES}. {_REMEDY}"
        )


def _joins(label: str, names: Mapping[str, str], arranged: Arrangement, lists: Mapping[str, int]) -> Iterator[str]:
    """The joins at which lists meet that are too large together, though not alone."""
    for part in _branches(arranged.nested):
        coming_out = (producer for branch in part.parts for _, producer in arranged.coming_out(part, branch))
        meeting = [key for key in dict.fromkeys(coming_out) if key in lists]
        size = sum(lists[key] for key in meeting)
        if len(meeting) > 1 and size > MOST_PAYLOAD_BYTES:
            yield (
                f"{label}: where its branches meet, the lists of {one_of(names[key] for key in meeting)} may have "
                f"about {size} bytes together, and Step Functions takes {MOST_PAYLOAD_BYTES}. {_REMEDY}"
            )


def _branches(nested: Nested) -> Iterator[Branches]:
    if isinstance(nested, str):
        return
    if isinstance(nested, Branches):
        yield nested
    for part in nested.parts:
        yield from _branches(part)


def _left_out(workflow: str, steps: Sequence[StepNode], outputs: Mapping[str, Template] | None) -> Iterator[str]:
    """Several results of any size in an output that nobody has declared."""
    if outputs:
        return
    last = set(last_steps(steps))
    ending = [step for step in steps if step.key in last]
    unbounded = [step.name for step in ending if step.unbounded]
    if len(unbounded) > 1:
        yield (
            f'MlWorkflow "{workflow}" outputs the results of its last steps, and those of {one_of(unbounded)} may have '
            f"any size: one of more than {most_bytes(ending)} bytes is left out. List what the workflow outputs: "
            "outputs={...}."
        )


def _list_bytes(step: StepNode) -> int:
    return sum(loop.most_items * (1 + len(loop.outputs)) * _LIKELY_BYTES for loop in step.fragment.loops)


def _output_bytes(outputs: Mapping[str, Template], steps: Sequence[StepNode]) -> int:
    """What the lists in outputs may have together, if no list alone is too large: that is said of the loop."""
    loops = {step.key: (loop.most_items, 1 + len(loop.outputs)) for step in steps for loop in step.fragment.loops}
    sizes = []
    for part in parts_of(outputs):
        if isinstance(part, Collected) and part.key in loops:
            items, fields = loops[part.key]
            sizes.append(items * (fields if part.path[1:] == () else 1) * _LIKELY_BYTES)
    return sum(sizes) if all(size <= MOST_PAYLOAD_BYTES for size in sizes) else 0
