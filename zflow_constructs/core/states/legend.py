"""What each state of a machine is for: which step it belongs to, and in what role.

The state machine carries this itself, as JSON in its `Comment`, so that whoever has only the definition (that of an old
execution, by DescribeStateMachineForExecution) knows the steps behind the states. Nobody reads it out of names.

    {"zflow_constructs": "0.1.0", "steps": ["Train", "Report"], "states": "0w 0d 1a0 1w"}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from zflow_constructs.core.states.asl import states_in
from zflow_constructs.core.values.templates import Json

_PRODUCT = "zflow_constructs"
_ENTRY = re.compile(r"(?P<step>\d*)(?P<role>[a-z])(?P<producer>\d*)")


class StateRole(StrEnum):
    """What a state is for, with the letter that stands for it in the definition."""

    WORK = "w"
    """It is one of the step's own."""
    DECISION = "q"
    """It is the step's own, too: it looks whether people have decided."""
    ITEM = "i"
    """It begins or ends an item of the step, which is a loop."""
    GUARD = "g"
    """It decides whether the step runs."""
    SKIPPED = "s"
    """It stands for the step when that doesn't run."""
    FAILED = "f"
    """It is where the workflow goes on when the step, which is optional, has failed."""
    WAIT = "a"
    """It waits for a step of another branch."""
    READ = "r"
    """It reads the result of a step of another branch."""
    DONE = "d"
    """It tells other branches that the step has ended."""
    WAKE = "k"
    """It wakes the branches that wait for the step."""
    RESULTS = "o"
    """It outputs what later steps read."""
    FORK = "p"
    """It runs branches in parallel."""
    WORKFLOW = "b"
    """It is the workflow's own, before all steps or after them."""


@dataclass(frozen=True)
class StatePlace:
    """Where a state belongs.

    Args:
        role: What the state is for.
        step: The name of its step. Default: none, the state is between the steps
        producer: The name of the step that it waits for, or whose result it reads. Default: none
    """

    role: StateRole
    step: str | None = None
    producer: str | None = None

    @property
    def works(self) -> bool:
        """Whether it does its step's own work."""
        return self.role in {StateRole.WORK, StateRole.DECISION}


@dataclass(frozen=True)
class Legend:
    """What the states of a machine are for.

    Args:
        version: The version of zflow_constructs that made the machine.
        places: The place of each state, by name.
        loops: For each step in a loop, that loop. Default: no step is in one
    """

    version: str
    places: Mapping[str, StatePlace]
    loops: Mapping[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """The names of the steps, in the order of the states."""
        return list(dict.fromkeys(place.step for place in self.places.values() if place.step is not None))

    def comment(self, definition: Mapping[str, Json]) -> str:
        """The legend in the words of the definition, for its `Comment`.

        For each state in the order of the definition, branches and loops after the state that holds them: the number of
        its step, the letter of its role, and the number of the step that it waits for or reads.

        Args:
            definition: The states: `{"StartAt": ..., "States": {...}}`.
        """
        places = [self.places[name] for name, _ in states_in(definition)]
        steps = list(dict.fromkeys(place.step for place in places if place.step is not None))
        number: dict[str | None, str] = {None: ""} | {step: str(index) for index, step in enumerate(steps)}
        entries = (f"{number[place.step]}{place.role}{number[place.producer]}" for place in places)
        legend = {
            _PRODUCT: self.version,
            "steps": steps,
            **({"loops": dict(self.loops)} if self.loops else {}),
            "states": " ".join(entries),
        }
        return json.dumps(legend, separators=(",", ":"))

    @classmethod
    def read(cls, definition: Mapping[str, Json]) -> "Legend | None":
        """Read the legend of a machine; None if it has none that fits: its states were changed since, say.

        Args:
            definition: The machine in the Amazon States Language.
        """
        names = [name for name, _ in states_in(definition)]
        try:
            match json.loads(str(definition.get("Comment", ""))):
                case {"zflow_constructs": str(version), "steps": list(steps), "states": str(entries), **more}:
                    places = [_place([str(step) for step in steps], entry) for entry in entries.split()]
                    loops = more.get("loops")
                    around = {str(step): str(loop) for step, loop in loops.items()} if isinstance(loops, dict) else {}
                    return cls(version, dict(zip(names, places, strict=True)), around)
                case _:
                    return None
        except (LookupError, ValueError):
            # Somebody else's comment, or the legend of a version that says more than this one knows.
            return None


def _place(steps: list[str], entry: str) -> StatePlace:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise ValueError(f"{entry} is no entry of a legend")
    step, role, producer = found.groups()
    return StatePlace(StateRole(role), steps[int(step)] if step else None, steps[int(producer)] if producer else None)
