"""Which steps of one level meet at the table, and the states around them in which they do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zflow_constructs.core.rendezvous.arrangement import Arrangement
from zflow_constructs.core.rendezvous.carried import Carried
from zflow_constructs.core.rendezvous.table_tasks import TableTasks, waking
from zflow_constructs.core.states.asl import EXIT
from zflow_constructs.core.states.fragment import Part, StepNode
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.states.names import Names


@dataclass(frozen=True)
class Arrival:
    """A state in which a step waits for one of another branch.

    Args:
        state: The name of the state.
        producer: The key of the step that it waits for.
    """

    state: str
    producer: str


@dataclass(frozen=True)
class Fetch:
    """A step's result, read from the table by a step in another branch.

    Args:
        state: The name of the state that reads it.
        variable: What takes it.
        producer: The key of the step whose result it is.
    """

    state: str
    variable: str
    producer: str


@dataclass(frozen=True)
class Leave:
    """The states in which a step says that it is done.

    Args:
        done: The name of the state that marks it.
        wakes: The names of the state that wakes those who wait, of the one in it that wakes each, and of the one that
            stands for who waits no more. Default: none, nobody waits for it
    """

    done: str
    wakes: tuple[str, str, str] | None = None


class Rendezvous:
    """The meetings of the steps of one level.

    Args:
        steps: The steps.
        arranged: Who waits for whom, and reads what.
        carried: What of their results travels.
        names: The names in use.
        tasks: Makes the tasks at the table; called only if any steps meet.
    """

    def __init__(
        self,
        steps: Sequence[StepNode],
        arranged: Arrangement,
        carried: Carried,
        names: Names,
        tasks: Callable[[], TableTasks],
    ) -> None:
        self._steps = {step.key: step for step in steps}
        self._carried = carried
        self._tasks = tasks() if arranged.meets else None
        self._waits = {key: [self._wait(names, key, each) for each in arranged.waits[key]] for key in self._steps}
        self._fetches = {
            key: [self._fetch(names, key, each) for each in arranged.reading.fetched[key]] for key in self._steps
        }
        self._waiters = arranged.waiters()
        self._fetched = {each.producer for fetches in self._fetches.values() for each in fetches}
        self._leaves = {
            key: self._leave(names, key) for key in self._steps if key in self._waiters or key in self._fetched
        }

    def fetches(self, key: str) -> Sequence[Fetch]:
        """The results that a step reads from the table."""
        return self._fetches[key]

    def arriving(self, step: StepNode, start: str) -> dict[str, Part]:
        """The states in which a step waits for others, and reads what they left for it.

        `Deploy waits for Report` -> `Deploy reads Report` -> the step's own first state

        Args:
            step: The step.
            start: The name of its own first state.
        """
        if self._tasks is None:
            return {}
        waits, fetches = self._waits[step.key], self._fetches[step.key]
        following = dict(pairwise([*(wait.state for wait in waits), *(fetch.state for fetch in fetches), start]))
        states: dict[str, Part] = {}
        for wait in waits:
            number = self._waiters[wait.producer].index(step.key) + 1
            states[wait.state] = self._tasks.waiting(self._name(wait.producer), number, then=following[wait.state])
        for fetch in fetches:
            states[fetch.state] = self._tasks.reading(
                self._name(fetch.producer),
                fetch.variable,
                plain=self._carried.is_plain(fetch.producer),
                then=following[fetch.state],
            )
        return states

    def leaving(self, step: StepNode) -> dict[str, Part]:
        """The states in which a step says that it is done, and wakes those that wait for it.

        `Report is done` -> `Report wakes Deploy` -> out of the step

        Args:
            step: The step.
        """
        if self._tasks is None or step.key not in self._leaves:
            return {}
        leave = self._leaves[step.key]
        waiters = len(self._waiters.get(step.key, []))
        result = self._carried.of(step) if step.key in self._fetched else None
        plain = self._carried.is_plain(step.key)
        if leave.wakes is None:
            return {leave.done: self._tasks.marking(step.name, waiters, result, plain=plain, then=EXIT)}
        wakes, wake, gone = leave.wakes
        return {
            leave.done: self._tasks.marking(step.name, waiters, result, plain=plain, then=wakes),
            wakes: waking(wake, gone, then=EXIT),
        }

    def _name(self, key: str) -> str:
        return self._steps[key].name

    def _wait(self, names: Names, key: str, producer: str) -> Arrival:
        place = StatePlace(StateRole.WAIT, self._name(key), self._name(producer))
        return Arrival(names.state(f"{place.step} waits for {place.producer}", place), producer)

    def _fetch(self, names: Names, key: str, producer: str) -> Fetch:
        place = StatePlace(StateRole.READ, self._name(key), self._name(producer))
        title = f"{place.step} reads {place.producer}"
        return Fetch(names.state(title, place), names.variable(title), producer)

    def _leave(self, names: Names, key: str) -> Leave:
        name, place = self._name(key), StatePlace(StateRole.WAKE, self._name(key))
        done = names.state(f"{name} is done", StatePlace(StateRole.DONE, name))
        waiters = [self._name(each) for each in self._waiters.get(key, [])]
        if not waiters:
            return Leave(done)
        called = ", ".join(waiters)
        titles = (f"{name} wakes {called}", f"Wake {called}", f"{called} waits no more")
        wakes, wake, gone = (names.state(title, place) for title in titles)
        return Leave(done, (wakes, wake, gone))
