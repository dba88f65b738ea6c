"""Reports: JSON files that a job writes, of which conditions and later steps read single fields."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zflow_constructs.core.states.asl import EXIT, Catcher, Fail, Retrier, Task
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import field_path
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in, render_value
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import grant_decrypt
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}")
_CALL_SECONDS = 60
# S3 says of an object that isn't there that it is refused, unless one may list the whole bucket: hence few retries.
_RETRIED = Retrier(("S3.S3Exception", "S3.SdkClientException"), interval_seconds=2)
_MISSING = ("S3.NoSuchKeyException", "S3.S3Exception")


class Reports:
    """The JSON files among the outputs of a step, and which of their fields are read.

    Args:
        step: the step that writes them.
        files: where each is, by name: its output and its file, such as `evaluation/metrics.json`.
        outputs: the step's outputs.

    Raises:
        WorkflowError: a report has no right name, or is in none of the outputs.
    """

    def __init__(self, step: Step, files: Mapping[str, str], outputs: Mapping[str, DataLocation]) -> None:
        self._step = step
        self._files = {name: _file(step, name, path, outputs) for name, path in files.items()}
        self._read: dict[str, list[str]] = {name: [] for name in files}

    def field(self, path: str) -> Expression:
        """A field of a report.

        Args:
            path: the report's name and those of the fields, from the outside in: `metrics.auc.value`.

        Raises:
            WorkflowError: there is no such report, or no field is named.
        """
        report, *fields = path.split(".")
        if report not in self._files:
            raise WorkflowError(
                f'{self._step.label} has no report "{report}".{did_you_mean(report, self._files)} '
                f'It has: {one_of(self._files) or "none"}. Declare it in reports={{name: "<output>/<file>"}}.'
            )
        if not fields or not all(fields):
            raise WorkflowError(
                f'{self._step.label}: report("{path}") names no field. Name the fields from the outside in, '
                f'such as report("{report}.auc.value").'
            )
        if path not in self._read[report]:
            self._read[report].append(path)
        return self._step.result("reports", path, kind="scalar")

    @property
    def are_read(self) -> bool:
        """Whether a field of any of them is read."""
        return bool(self._used)

    @property
    def start(self) -> str:
        """The state that reads the first report, or where the step ends if none is read."""
        return next((self._state(report) for report in self._used), EXIT)

    def states(self, result: Mapping[str, Template]) -> Iterator[tuple[str, Task | Fail]]:
        """`Evaluate: report metrics` (getObject), and `Evaluate: no report metrics` (Fail), for each that is read.

        Args:
            result: what the step's result has beside the reports.
        """
        kept: dict[str, Template] = {}
        for number, report in enumerate(self._used, start=1):
            following = [self._state(each) for each in self._used[number:]]
            missing = f"{self._step.name}: no report {report}"
            fields = {path: self._value(report, path) for path in self._read[report]}
            yield (
                self._state(report),
                Task(
                    resource="arn:aws:states:::aws-sdk:s3:getObject",
                    arguments={"Bucket": _Bucket(self._files[report]), "Key": _Key(self._files[report])},
                    timeout_seconds=_CALL_SECONDS,
                    assign={self._step.variable: {**result, "reports": {**kept, **fields}}},
                    retry=(_RETRIED,),
                    catch=(Catcher(_MISSING, missing),),
                    next=next(iter(following), EXIT),
                ),
            )
            yield missing, self._failure(report)
            kept |= {path: Jsonata(field_path(f"${self._step.variable}", "reports", path)) for path in fields}

    def bind(self, binding: Binding) -> None:
        """Lets the state machine read the reports of which fields are read, and nothing else.

        Args:
            binding: the workflow.
        """
        for report in self._used:
            file = self._files[report]
            for bucket, pattern in file.location.place.within(binding.storage):
                binding.allow(["s3:GetObject"], [bucket.arn_for_objects(f"{pattern.removesuffix('*')}{file.path}")])
            grant_decrypt(file.location.place, binding.role, binding.storage)

    @property
    def _used(self) -> list[str]:
        return [report for report, fields in self._read.items() if fields]

    def _state(self, report: str) -> str:
        return f"{self._step.name}: report {report}"

    def _value(self, report: str, path: str) -> Expression:
        field = path.removeprefix(f"{report}.")
        value = field_path("$parse($states.result.Body)", *field.split("."))
        missing = json.dumps(f'{self._step.label} ended, but its report "{report}" has no field "{field}".')
        return Jsonata(f"($value := {value}; $exists($value) ? $value : $error({missing}))")

    def _failure(self, report: str) -> Fail:
        file = self._files[report]
        said = json.dumps(
            f'{self._step.label} ended, but its report "{report}" can\'t be read. Did the job write {file.path} into '
            f'its output "{file.output}"? S3 says: '
        )
        return Fail("Zflow.NoReport", Jsonata(f'{said} & $states.input.Error & ": " & $states.input.Cause'))


@dataclass(frozen=True)
class _File:
    """A file in an output."""

    output: str
    location: DataLocation
    path: str


@dataclass(frozen=True, eq=False)
class _Bucket(Expression):
    """The bucket that a file is in."""

    file: _File

    def render(self, scope: Scope) -> str:
        """`$substringBefore($substringAfter("s3://bucket/..." & ..., "s3://"), "/")`."""
        return f'$substringBefore($substringAfter({render_value(self.file.location.uri, scope)}, "s3://"), "/")'

    def children(self) -> Iterator[Deferred]:
        """The output's location."""
        yield from deferred_in(self.file.location.uri)


@dataclass(frozen=True, eq=False)
class _Key(Expression):
    """The key of a file in its bucket."""

    file: _File

    def render(self, scope: Scope) -> str:
        """`$substringAfter($substringAfter("s3://bucket/..." & ..., "s3://"), "/") & "metrics.json"`."""
        uri = render_value(self.file.location.uri, scope)
        return f'$substringAfter($substringAfter({uri}, "s3://"), "/") & {json.dumps(self.file.path)}'

    def children(self) -> Iterator[Deferred]:
        """The output's location."""
        yield from deferred_in(self.file.location.uri)


def _file(step: Step, name: str, path: str, outputs: Mapping[str, DataLocation]) -> _File:
    if not _NAME.fullmatch(name):
        raise WorkflowError(
            f'{step.label}: a report is named "{name}". Its name is the first part of what report(...) is given: it '
            'starts with a letter and has letters, digits, "-" and "_", 20 at most. Rename it.'
        )
    output, _, file = path.partition("/")
    names = list(outputs)
    if output not in names or not file:
        raise WorkflowError(
            f'{step.label}: the report "{name}" is said to be "{path}". Give one of the outputs and the file in it, '
            f'such as "{next(iter(names), "evaluation")}/{name}.json".{did_you_mean(output, names)} '
            f"The step's outputs: {one_of(names) or 'none'}."
        )
    return _File(output, outputs[output], file)
