"""What is submitted for a step: a run of tasks, or of a job that is there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.file_assets import StagedFile
from zflow_constructs.databricks.step.api import validate
from zflow_constructs.databricks.step.permissions import RunPermission
from zflow_constructs.databricks.tasks.code import GitSource
from zflow_constructs.databricks.tasks.compute import BoundCompute, Compute
from zflow_constructs.databricks.tasks.libraries import DatabricksLibrary
from zflow_constructs.databricks.tasks.task import DatabricksTask
from zflow_constructs.databricks.tasks.warehouse_tasks import RunJobTask
from zflow_constructs.requests.aws import merge_overrides
from zflow_constructs.steps.step import Step

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MOST_TASKS = 1_000
_PARAMETERS_LIMIT = 10_000
_OWN = {
    "idempotency_token": "it is another one at each attempt",
    "run_name": "it says which execution and which step a run is of",
    "timeout_seconds": "timeout= says how long a run may take",
}
"""What the workspace's Lambda gives a value to, and why."""


@dataclass(frozen=True)
class RunRequest:
    """A call that starts a run.

    Args:
        call: `submit`, or `run-now` for a job that is there.
        body: what it is called with.
        values: for each small result, the key of the task that gives it.
        files: what the clusters read in S3.
        roles: who the clusters are to AWS, as far as it is known.
    """

    call: Literal["run-now", "submit"]
    body: Mapping[str, Template]
    values: Mapping[str, str]
    files: tuple[StagedFile, ...]
    roles: tuple[iam.IRole, ...]


@dataclass(frozen=True)
class RunSettings:
    """What a step says of its run.

    Args:
        step: the step.
        tasks: its tasks, by key.
        only: whether the step was given a single task.
        cluster: on what they run that say nothing themselves.
        arguments: what they are handed, by name.
        libraries: what all find installed.
        git: the repository that their files come from.
        permissions: who may see and manage the run.
        overrides: what is laid over the request.
    """

    step: Step
    tasks: Mapping[str, DatabricksTask]
    only: bool
    cluster: Compute | None
    arguments: Mapping[str, Template]
    libraries: Sequence[DatabricksLibrary]
    git: GitSource | None
    permissions: Sequence[RunPermission]
    overrides: Mapping[str, Template]

    def request(self) -> RunRequest:
        """The call that starts the run, checked.

        Raises:
            WorkflowError: Databricks would refuse it.
        """
        self._check_names()
        self._check_order()
        self._check_use()
        values = self._values()
        for task in self.tasks.values():
            if self.only and isinstance(task.task, RunJobTask):
                return self._run_now(task.task, values)
        rendered = [self._task(key, task) for key, task in self.tasks.items()]
        environments = [task.environment for task in rendered if task.environment]
        said: dict[str, Template] = {
            "tasks": [task.fields for task in rendered],
            **({"environments": environments} if environments else {}),
            **({"git_source": self.git.render()} if self.git else {}),
            **({"access_control_list": [each.render() for each in self.permissions]} if self.permissions else {}),
        }
        body = merge_overrides(said, self.overrides)
        self._check("SubmitRun", body)
        files = tuple(dict.fromkeys(file for task in rendered for file in task.files))
        return RunRequest("submit", body, values, files, tuple(self._roles()))

    def _run_now(self, job: RunJobTask, values: Mapping[str, str]) -> RunRequest:
        if self.permissions:
            raise self._error("permissions are those of the job itself, which is there already. Remove permissions.")
        handed = self._handed("", self.arguments)
        body = merge_overrides(job.render(handed), self.overrides)
        kinds = sorted(field for field in body if field == "job_parameters" or field.endswith("_params"))
        if len(kinds) > 1:
            raise self._error(
                f"the request has {one_of(kinds)}. A job takes its parameters in one way: job_parameters, or one of "
                "the old ones (RunJobTask(parameters_as=...))."
            )
        if "python_params" in body:
            self._check_ascii(handed)
        self._check("RunNow", body)
        return RunRequest("run-now", body, values, (), ())

    def _task(self, key: str, task: DatabricksTask) -> BoundCompute:
        """A task's entry in the request, the environment that it has, and the files that it reads."""
        prefix = "" if self.only else key
        arguments = {name: value for name, value in self.arguments.items() if name in self._taken(key, task)}
        arguments = {**arguments, **task.parameters} if task.task.takes_arguments else {}
        handed = self._handed(key, arguments)
        bound = task.task.bind(self.step, prefix, handed)
        if "spark_python_task" in bound.fields:
            self._check_ascii(handed)
        given = [*self.libraries, *task.libraries] if task.task.compute == "cluster" else []
        others = [each.bind(self.step, f"{prefix}Library{number}") for number, each in enumerate(given)]
        libraries = [bound.library, *others] if bound.library else others
        cluster = task.cluster or self.cluster
        runs_on = BoundCompute({})
        if cluster and task.task.compute == "cluster":
            runs_on = cluster.bind(self.step, key, libraries, notebook="notebook_task" in bound.fields)
        entry = {"task_key": key, **task.render(), **bound.fields, **runs_on.fields}
        files = (bound.script, *(library.file for library in libraries), *runs_on.files)
        return replace(
            runs_on, fields=merge_overrides(entry, task.overrides), files=tuple(file for file in files if file)
        )

    def _handed(self, key: str, arguments: Mapping[str, Template]) -> dict[str, Template]:
        handed = as_texts(self.step.label, "parameters", arguments)
        words = [text for name, value in handed.items() for text in (f"--{name}", value) if isinstance(text, str)]
        of_task = "" if self.only else f' of task "{key}"'
        if (size := sum(len(word.encode()) for word in words)) > _PARAMETERS_LIMIT:
            raise self._error(
                f"the parameters{of_task} take {size} bytes. Databricks takes "
                f"{_PARAMETERS_LIMIT}: put what is large into S3, and hand over where it is (inputs=...)."
            )
        return handed

    def _check_ascii(self, arguments: Mapping[str, Template]) -> None:
        for word in (word for argument in arguments.items() for word in argument if isinstance(word, str)):
            if not word.isascii():
                raise self._error(
                    f'the parameter "{word}" has characters beyond ASCII, which Databricks refuses in those of Python '
                    "scripts. Put it into a file in S3, and hand over where that is (inputs=...)."
                )

    def _check(self, operation: Literal["RunNow", "SubmitRun"], body: Mapping[str, Template]) -> None:
        for field, why in _OWN.items():
            if field in body:
                raise self._error(f"request_overrides sets {field} to {body[field]!r}. Remove it: {why}.")
        validate(self.step.name, operation, {name: _sent(name, value) for name, value in body.items()})

    def _roles(self) -> Iterator[iam.IRole]:
        clusters = [task.cluster or self.cluster for task in self.tasks.values()]
        roles = (cluster.role for cluster in clusters if cluster)
        yield from dict.fromkeys(role for role in roles if role)

    def _values(self) -> Mapping[str, str]:
        values: dict[str, str] = {}
        for key, task in self.tasks.items():
            given = task.task.values_of(key)
            if given and not self.only and isinstance(task.task, RunJobTask):
                raise self._error(
                    f'task "{key}" runs another job, whose values can\'t be read from here. Make it the only task.'
                )
            if twice := [name for name in given if name in values]:
                raise self._error(
                    f'{one_of(twice)} is a value of task "{values[twice[0]]}" and of task "{key}". Rename one of them.'
                )
            values |= given
        return values

    def _taken(self, key: str, task: DatabricksTask) -> Sequence[str]:
        if task.takes is None:
            return list(self.arguments)
        if unknown := [name for name in task.takes if name not in self.arguments]:
            raise self._error(
                f'task "{key}" takes "{unknown[0]}", which the step doesn\'t have.'
                f"{did_you_mean(unknown[0], self.arguments)} Its parameters, inputs and outputs: "
                f"{one_of(self.arguments) or 'none'}."
            )
        return task.takes

    def _check_names(self) -> None:
        if not 1 <= len(self.tasks) <= _MOST_TASKS:
            raise self._error(f"tasks has {len(self.tasks)} entries. A run has 1 to {_MOST_TASKS} tasks.")
        for key in self.tasks:
            if not _KEY.fullmatch(key):
                raise self._error(f'a task is called "{key}". Use letters, digits, "-" and "_", 100 at most.')

    def _check_order(self) -> None:
        for key, task in self.tasks.items():
            for earlier in task.after:
                if earlier not in self.tasks:
                    raise self._error(
                        f'task "{key}" comes after "{earlier}", which is no task of the step.'
                        f"{did_you_mean(earlier, self.tasks)} Its tasks: {one_of(self.tasks)}."
                    )
        try:
            TopologicalSorter({key: task.after for key, task in self.tasks.items()}).prepare()
        except CycleError as error:
            raise self._error(
                f"its tasks come after each other in a circle: {' -> '.join(reversed(error.args[1]))}. Remove one of "
                "these after=."
            ) from None

    def _check_use(self) -> None:
        """Each task has what it needs, and nothing is given that no task uses."""
        for key, task in self.tasks.items():
            named = "its task" if self.only else f'task "{key}"'
            if task.task.compute == "cluster" and not (task.cluster or self.cluster):
                raise self._error(
                    f"{named} has nothing to run on. Give cluster=: a JobCluster of its own, an ExistingCluster, or "
                    "ServerlessCompute()."
                )
            if task.task.compute == "none" and task.cluster:
                raise self._error(
                    f"{named} is not run by a cluster: {type(task.task).__name__} takes no cluster=. Remove it."
                )
            if (file := task.task.git_file) and not self.git:
                raise self._error(
                    f'{named} takes "{file.path}" from a Git repository. Give git=GitSource.from_branch(...).'
                )
            for name, said, takes in (
                ("parameters", task.parameters, task.task.takes_arguments),
                ("takes", task.takes, task.task.takes_arguments),
                ("libraries", task.libraries, task.task.compute == "cluster"),
            ):
                if said and not takes:
                    raise self._error(f"{named} has {name}=, and {type(task.task).__name__} no use for it. Remove it.")
        kinds = [type(task.task).__name__ for task in self.tasks.values()]
        used = (
            ("cluster", self.cluster, any(task.task.compute == "cluster" for task in self.tasks.values())),
            ("libraries", self.libraries, any(task.task.compute == "cluster" for task in self.tasks.values())),
            ("git", self.git, any(task.task.git_file for task in self.tasks.values())),
            (
                "parameters, inputs and outputs",
                self.arguments,
                any(task.task.takes_arguments for task in self.tasks.values()),
            ),
        )
        for keyword, given, of_use in used:
            if given and not of_use:
                raise self._error(f"there is no use for {keyword} in {one_of(set(kinds))}. Remove what is given.")

    def _error(self, problem: str) -> WorkflowError:
        return WorkflowError(f"{self.step.label}: {problem}")


def _sent(name: str, value: Template) -> Template:
    """A field as Databricks gets it. Ids have 64 bits: JSONata would round a number, so they travel as strings."""
    match value:
        case str() if name == "job_id" and value.isdigit():
            return int(value)
        case Mapping():
            return {field: _sent(field, below) for field, below in value.items()}
        case list():
            return [_sent("", below) for below in value]
        case _:
            return value
