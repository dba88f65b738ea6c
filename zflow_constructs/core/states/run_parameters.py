"""The run parameters of a workflow, and the first state of its executions, which checks and completes their input."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from zflow_constructs.core.states.asl import EXIT, Choice, Fail, Rule, State
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.number_text import ValueKind
from zflow_constructs.core.values.parameters import FIRST_INEXACT, START_TIME, RunParameter, Value
from zflow_constructs.core.values.references import PARAMETERS_VARIABLE, field_path
from zflow_constructs.core.values.templates import Json, Template, deferred_in

PARAMETERS_METADATA = "zflow:parameters"
"""The metadata of the state machine that says which run parameters there are: `zflow local run` reads it."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_REFUSED = "Parameters: refused"
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""What Step Functions puts into the input of an execution that another one starts."""
_SCHEDULER = {
    "<aws.scheduler.scheduled-time>": "2026-11-24T03:00:00Z",
    "<aws.scheduler.schedule-arn>": "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/Nightly",
    "<aws.scheduler.execution-id>": "d32c5kddcf5bb8c3",
    "<aws.scheduler.attempt-number>": "1",
}
"""What EventBridge Scheduler fills in when it starts an execution, with a likely value.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""
_INEXACT = "beyond 2^53, where whole numbers lose digits"
_LONGEST_SHOWN = 100
_LONGEST_CAUSE = 10_000


@dataclass(frozen=True)
class RunParameters:
    """The run parameters that a workflow declares.

    Args:
        workflow: the workflow's name.
        declared: the parameters by name.
    """

    workflow: str
    declared: Mapping[str, RunParameter]

    @staticmethod
    def of(workflow: str, declared: Mapping[str, RunParameter | Value]) -> "RunParameters":
        """The run parameters as they are declared: a plain value is a default, and says the type.

        Args:
            workflow: the workflow's name.
            declared: by name.

        Raises:
            WorkflowError: a name is no name, or a value no default.
        """
        return RunParameters(workflow, {name: _declared(workflow, name, value) for name, value in declared.items()})

    def start(self) -> dict[str, State]:
        r"""The states before all steps, none where there are no parameters.

        `Parameters` assigns the input, completed by the defaults, to `$parameters`; or it leads to a state that fails
        with everything that is wrong with the input. A failure like that is never worth a redrive, and isn't retried.

            "Parameters": {"Type": "Choice", "Choices": [{
                "Condition": "{% $count((...)) = 0 %}",
                "Assign": {"parameters": "{% $merge([{\"country\": \"de\"}, $states.input]) %}"},
                "Next": "Train"}], "Default": "Parameters: refused", "Output": {}},
            "Parameters: refused": {"Type": "Fail", "Error": "Zflow.InvalidParameters", "Cause": "{% ... %}"}
        """
        if not self.declared:
            return {}
        problems = self._problems()
        right = Rule(Jsonata(f"$count({problems}) = 0"), EXIT, assign={PARAMETERS_VARIABLE: Jsonata(self.given())})
        message = json.dumps(f'MlWorkflow "{self.workflow}" can\'t run with this input: ')
        cause = f'$substring({message} & $join({problems}, "; ") & ".", 0, {_LONGEST_CAUSE})'
        return {
            "Parameters": Choice((right,), default=_REFUSED),
            _REFUSED: Fail("Zflow.InvalidParameters", Jsonata(cause)),
        }

    @property
    def kinds(self) -> Mapping[str, ValueKind]:
        """The type of each parameter, as `RunParameter` calls it."""
        return {name: parameter.kind for name, parameter in self.declared.items()}

    def check_used(self, user: str, name: str) -> None:
        """Checks that a parameter is declared.

        Args:
            user: who uses it, such as `step "Train"`.
            name: its name.

        Raises:
            WorkflowError: it isn't.
        """
        if name not in self.declared:
            raise WorkflowError(
                f'MlWorkflow "{self.workflow}": {user} uses the run parameter "{name}", which it does not declare.'
                f"{did_you_mean(name, self.declared)} It has: {one_of(self.declared) or 'none'}. "
                "Declare it with its default: parameters={...}."
            )

    def check_schedule(self, values: Mapping[str, Value]) -> None:
        """Checks the input of scheduled runs as an execution would.

        Args:
            values: the parameters that the schedule sets; `<aws.scheduler.scheduled-time>` and the like are filled in.

        Raises:
            WorkflowError: an execution would refuse them.
        """
        if complaint := self.complaint({name: _scheduled(value) for name, value in values.items()}):
            raise WorkflowError(f'MlWorkflow "{self.workflow}" can\'t run with its schedule_parameters: {complaint}')

    def check_given(self, user: str, values: Mapping[str, Template]) -> None:
        """Checks what another workflow gives, as far as it is known before it runs.

        Args:
            user: who gives it, such as `Step "Score"`.
            values: the values by name; outputs of steps may be among them.

        Raises:
            WorkflowError: a run would refuse them.
        """
        later = [name for name, value in values.items() if any(True for _ in deferred_in(value))]
        known = {name: value for name, value in values.items() if name not in later}
        if complaint := self.complaint(known, later=later):
            raise WorkflowError(f'{user}: MlWorkflow "{self.workflow}" can\'t run with its parameters: {complaint}')

    def complaint(self, values: Mapping[str, object], *, later: Collection[str] = ()) -> str:
        """What is wrong with the parameters of a run, in the words in which an execution says it.

        Args:
            values: what the run is given.
            later: the names of what it is given besides, whose values are not known yet. Default: none

        Returns:
            `"country" is "it", and must be one of "de", "fr"; "day" is missing, ...`, and nothing if all is well.
        """
        problems = []
        for name, parameter in self.declared.items():
            if name in values and not parameter.accepts(values[name]):
                problems.append(f'"{name}" is {_shown(values[name])}, and must be {parameter.allowed}')
            elif name not in {*values, *later} and parameter.required:
                problems.append(f'"{name}" is missing, and must be {parameter.allowed}')
        unknown = [name for name in (*values, *later) if name not in {*self.declared, STARTED_BY}]
        if unknown:
            problems.append(f"it has no {_quoted(unknown)}{self._only}")
        hints = "".join(did_you_mean(name, self.declared) for name in unknown)
        return f"{'; '.join(problems)}.{hints}" if problems else ""

    def metadata(self) -> dict[str, Json]:
        """The parameters as the template tells tools of them: `{"rounds": {"type": "integer", "least": 1, ...}}`."""
        return {name: parameter.metadata() for name, parameter in self.declared.items()}

    @property
    def _number(self) -> str:
        """JSONata that comes before the text of a value: a number that loses digits is not shown, but named."""
        if not any(parameter.is_to_be_exact for parameter in self.declared.values()):
            return ""
        return f"$type($value) = 'number' ? ($abs($value) < {FIRST_INEXACT} ? $string($value) : '{_INEXACT}') : "

    @property
    def _only(self) -> str:
        return f", only {one_of(self.declared)}" if self.declared else ""

    def given(self, given_input: str = "$states.input", started: str = START_TIME) -> str:
        """JSONata of the parameters that a run has: its input over the defaults, and the day of each date.

        `$merge([{"country": "de"}, $states.input])`

        Args:
            given_input: JSONata of the run's input. Default: this execution's
            started: JSONata of when the run started. Default: when this execution did
        """
        defaults = (
            f"{json.dumps(name)}: {started if each.default == START_TIME else each.default}"
            for name, each in self.declared.items()
            if each.default
        )
        given = f"$merge([{{{', '.join(defaults)}}}, {given_input}])"
        days = ", ".join(
            f"{json.dumps(name)}: $substring({field_path('$given', name)}, 0, 10)"
            for name, each in self.declared.items()
            if each.kind == "date"
        )
        return f"($given := {given}; $merge([$given, {{{days}}}]))" if days else given

    def given_or_defaults(self, given_input: str, started: str) -> str:
        """JSONata of the parameters that another execution had; of one that refused its input, the defaults.

        Args:
            given_input: JSONata of that execution's input.
            started: JSONata of when it started.
        """
        right = f"$count({self._problems(given_input)}) = 0"
        return f"{right} ? {self.given(given_input, started)} : {self.given('{}', started)}"

    def _problems(self, given_input: str = "$states.context.Execution.Input") -> str:
        """JSONata of the list of what is wrong with the input, which may be no object at all.

        `$check("share", "a number up to 1", false, function($value) { $type($value) = "number" ? ... })` is one of them
        or nothing.
        """
        checks = "".join(
            f"$check({json.dumps(name)}, {json.dumps(each.allowed, ensure_ascii=False)}, {json.dumps(each.required)}, "
            f"function($value) {{ {each.condition()} }}), "
            for name, each in self.declared.items()
        )
        known = json.dumps([*self.declared, STARTED_BY])
        # The input as the execution has it, since a Choice state's output is not its input.
        return (
            f"($input := {given_input}; "
            "$show := function($value) { "
            f"$substring($type($value) = 'string' ? '\"' & $value & '\"' : {self._number}$string($value), "
            f"0, {_LONGEST_SHOWN}) }}; "
            "$check := function($name, $allowed, $required, $right) {( $value := $lookup($input, $name); "
            "$found := $exists($value) ? ($right($value) ? '' : $show($value)) : ($required ? 'missing' : ''); "
            "$found = '' ? [] : '\"' & $name & '\" is ' & $found & ', and must be ' & $allowed )}; "
            "$type($input) != 'object' ? ['the input is ' & $show($input) & ', and must be an object'] : "
            f"($unknown := $keys($input)[$not($ in {known})]; "
            f"[{checks}$exists($unknown) ? 'it has no \"' & $join($unknown, '\", \"') & '\"' & "
            f"{json.dumps(self._only)} : []]))"
        )


def _is_inexact(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) >= FIRST_INEXACT


def _declared(workflow: str, name: str, value: RunParameter | Value) -> RunParameter:
    where = f'MlWorkflow "{workflow}": the run parameter "{name}"'
    if not _NAME.fullmatch(name):
        raise WorkflowError(f"{where} has no such name: use letters, digits, _ and -, with no digit and no - first.")
    try:
        return value if isinstance(value, RunParameter) else RunParameter.of(value)
    except WorkflowError as error:
        raise WorkflowError(f"{where} {error}") from error


def _scheduled(value: Value) -> Value:
    if isinstance(value, str):
        for attribute, likely in _SCHEDULER.items():
            value = value.replace(attribute, likely)
    return value


def _shown(value: object) -> str:
    if _is_inexact(value):
        return _INEXACT
    shown = f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return shown[:_LONGEST_SHOWN]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
