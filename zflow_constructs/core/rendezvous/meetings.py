"""Which steps of one level meet at the table, and the states around them in which they do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zflow_constructs.core.rendezvous.arrangement import Arrangement
from zflow_constructs.core.rendezvous.table_tasks import Meeting, waking
from zflow_constructs.core.states.asl import EXIT
from zflow_constructs.core.states.fragment import Part, StepNode
from zflow_constructs.core.states.names import Names


@dataclass(frozen=True)
class Fetch:
    """A step's result, read from the table by a step in another branch.

    Args:
        state: the name of the state that reads it.
        variable: what takes it.
        producer: the key of the step whose result it is.
    """

    state: str
    variable: str
    producer: str


class Meetings:
    """The meetings of the steps of one level.

    Args:
        steps: the steps.
        arranged: who waits for whom, and reads what.
        names: the names in use.
        meeting: makes the states; called only if any steps meet.
    """

    def __init__(
        self, steps: Sequence[StepNode], arranged: Arrangement, names: Names, meeting: Callable[[], Meeting]
    ) -> None:
        self._steps = {step.key: step for step in steps}
        self._meeting = meeting() if arranged.meets else Meeting("", "", 0)
        self._waits = {
            key: [(names.state(f"{step.name} waits for {self._name(each)}")[0], each) for each in arranged.waits[key]]
            for key, step in self._steps.items()
        }
        self._fetches = {
            key: [Fetch(*names.state(f"{step.name} reads {self._name(each)}"), each) for each in arranged.fetched[key]]
            for key, step in self._steps.items()
        }
        self._fetched = {each.producer for fetches in self._fetches.values() for each in fetches}
        self._waiters = arranged.waiters()
        self._wakes = {key: self._waking_names(names, key, waiters) for key, waiters in self._waiters.items()}

    def fetches(self, key: str) -> Sequence[Fetch]:
        """The results that a step reads from the table."""
        return self._fetches[key]

    def arriving(self, step: StepNode, start: str) -> dict[str, Part]:
        """The states in which a step waits for others, and reads what they left for it.

        `Deploy waits for Report` -> `Deploy reads Report` -> the step's own first state

        Args:
            step: the step.
            start: the name of its own first state.
        """
        waits, fetches = self._waits[step.key], self._fetches[step.key]
        states = [*(state for state, _ in waits), *(fetch.state for fetch in fetches)]
        following = dict(pairwise([*states, start]))
        return {
            **{
                state: self._meeting.waiting(step.name, self._name(producer), then=following[state])
                for state, producer in waits
            },
            **{
                fetch.state: self._meeting.reading(
                    self._name(fetch.producer), fetch.variable, then=following[fetch.state]
                )
                for fetch in fetches
            },
        }

    def leaving(self, step: StepNode) -> dict[str, Part]:
        """The states in which a step says that it is done, and wakes those that wait for it.

        `Report is done` -> `Report wakes Deploy` -> out of the step

        Args:
            step: the step.
        """
        waiters = self._waiters.get(step.key, [])
        if not waiters and step.key not in self._fetched:
            return {}
        result = step.fragment.result if step.key in self._fetched else ""
        wakes, wake, gone = self._wakes.get(step.key, (EXIT, "", ""))
        mark = self._meeting.marking(step.name, [self._name(each) for each in waiters], result, then=wakes)
        woken: Mapping[str, Part] = {wakes: waking(wake, gone, then=EXIT)} if waiters else {}
        return {step.done: mark, **woken}

    def _name(self, key: str) -> str:
        return self._steps[key].name

    def _waking_names(self, names: Names, key: str, waiters: Sequence[str]) -> tuple[str, str, str]:
        called = ", ".join(self._name(each) for each in waiters)
        wakes, _ = names.state(f"{self._name(key)} wakes {called}")
        wake, _ = names.state(f"Wake {called}")
        gone, _ = names.state(f"{called} waits no more")
        return wakes, wake, gone
