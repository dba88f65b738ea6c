"""Runs on Databricks as steps."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.core.states.fragment import Fragment, identifier
from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.iterations import IterationNumber
from zflow_constructs.core.values.references import STARTED, ExecutionId, RedriveCount
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import RunStorage, grant_get, grant_spark
from zflow_constructs.databricks.step.handed import check_handed
from zflow_constructs.databricks.step.permissions import RunPermission
from zflow_constructs.databricks.step.request import RunSettings
from zflow_constructs.databricks.step.watching import Watch, looks
from zflow_constructs.databricks.tasks.cluster_tasks import RunTask
from zflow_constructs.databricks.tasks.code import GitSource
from zflow_constructs.databricks.tasks.compute import Compute
from zflow_constructs.databricks.tasks.libraries import DatabricksLibrary
from zflow_constructs.databricks.tasks.task import DatabricksTask
from zflow_constructs.databricks.workspace.workspace import DatabricksWorkspace
from zflow_constructs.resources.state_machine import executions_of
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.reports import Reports
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup
from zflow_constructs.steps.time_limit import TimeLimit

_DAY = 86_400
_TRANSIENT = 2
_RUN = ("run_id", "url", "state", "values", "output")


class DatabricksJobStep(Step):
    """Runs tasks on Databricks, or a job that is there: one run, waited for, and cancelled when the execution stops.

    A run that fails for a lack of capacity or a fault of Databricks' own is submitted anew, twice at most.

    https://docs.databricks.com/api/workspace/jobs/submit, https://docs.databricks.com/api/workspace/jobs/runnow

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and its runs.
        workspace: where it runs.
        task: what runs. Default: there are several, in `tasks`
        tasks: what runs, by key, each after those that it names. Default: there is one, in `task`
        cluster: on what they run that say nothing themselves: a `JobCluster`, an `ExistingCluster`, or
            `ServerlessCompute()`. Default: none, for tasks that need none
        git: the Git repository that `GitFile`s are of. Default: none
        parameters: Handed to each task by name, as its kind takes arguments: `--name value` for a script. Lists and
            dicts are JSON, and None leaves one out. Default: none
        inputs: data of other steps, handed over as `s3://...` in the same way. Default: none
        outputs: names of what the run writes: each a location in the run's own folder, handed over as `s3://...` in the
            same way, and to other steps as `step.outputs[name]`. Default: none
        reports: JSON files of the outputs by name, such as `{"metrics": "evaluation/metrics.json"}`, for `report`.
            Default: none
        libraries: what all tasks find installed. Default: none
        permissions: who may see and manage the runs, besides the credentials' principal. Default: nobody
        content_type: the MIME type of the outputs. Default: text/csv
        timeout: the run is cancelled, and the step fails, after this time. Default: as the workflow says, 1 day
        allow_failures: whether the step succeeds when tasks failed, but none of those that nothing comes after.
            Default: no
        separate_history: whether the run is watched in executions of a state machine of the workspace's own: for runs
            of many days, which would fill the history of the workflow's. Default: no
        retry: whether runs that fail by themselves are started anew. Default: as the workflow says
        request_overrides: fields of the request that have no keyword here, laid over it. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: Databricks would refuse the run.

    Example:
        extract = DatabricksJobStep(self, "Extract", workspace=databricks,
                                    task=SparkPythonTask(SourceCode.from_file("jobs/extract.py")),
                                    cluster=JobCluster("16.4.x-scala2.12", "m5.xlarge"), outputs=["history"])
    """

    kind = "Databricks"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        workspace: DatabricksWorkspace,
        task: RunTask | None = None,
        tasks: Mapping[str, DatabricksTask] | None = None,
        cluster: Compute | None = None,
        git: GitSource | None = None,
        parameters: Mapping[str, Template] | None = None,
        inputs: Mapping[str, DataLocation] | None = None,
        outputs: Sequence[str] = (),
        reports: Mapping[str, str] | None = None,
        libraries: Sequence[DatabricksLibrary] = (),
        permissions: Sequence[RunPermission] = (),
        content_type: str = "text/csv",
        timeout: Duration | None = None,
        allow_failures: bool = False,
        separate_history: bool = False,
        retry: Retry | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, retry=retry, after=after, when=when, optional=optional)
        if (task is None) == (tasks is None):
            raise WorkflowError(
                f"{self.label}: give it one task=, or several as tasks={{key: DatabricksTask(...)}}. "
                f"It has {'neither' if task is None else 'both'}."
            )
        given = tasks or ({identifier(self.name): DatabricksTask(task)} if task else {})
        check_handed(
            self.label, tasks=given, cluster=cluster, libraries=libraries, inputs=inputs or {}, outputs=outputs
        )
        self._workspace = workspace
        self._inputs = dict(inputs or {})
        self._allow_failures = allow_failures
        self._separate_history = separate_history
        self._limit = TimeLimit.of(self.label, "timeout", timeout, inherits="job", least=60, most=28 * _DAY)
        self._outputs = Outputs(
            self.name, {name: DataLocation.from_step(self, name, content_type=content_type) for name in outputs}
        )
        self._reports = Reports(self, reports or {}, self._outputs)
        named = {**(parameters or {}), **{name: location.uri for name, location in self._inputs.items()}}
        clashing = sorted({*named} & {*outputs} | {*(parameters or {})} & {*self._inputs})
        if clashing:
            raise WorkflowError(
                f"{self.label}: {one_of(clashing)} is used twice among parameters, inputs and outputs, which are all "
                "handed over by their names. Rename one."
            )
        self._request = RunSettings(
            step=self,
            tasks=given,
            only=task is not None,
            cluster=cluster,
            arguments={**named, **{name: location.uri for name, location in self._outputs.items()}},
            libraries=libraries,
            git=git,
            permissions=permissions,
            overrides=request_overrides or {},
        ).request()
        self._values = Outputs(
            self.name,
            {name: self.result("values", name) for name in self._request.values},
            declare="Declare it in the task: NotebookTask(..., values=[...]).",
        )
        self._granted: list[iam.IRole] = list(self._request.roles)
        self._storages: list[RunStorage] = []

    @property
    def outputs(self) -> Mapping[str, DataLocation]:
        """What the run writes, by name."""
        return self._outputs

    @property
    def values(self) -> Mapping[str, Expression]:
        """The small results of its notebooks, by name: conditions and other steps read them."""
        return self._values

    @property
    def run_id(self) -> Expression:
        """The id of the run on Databricks, as a string."""
        return self.result("run_id", kind="string")

    @property
    def run_url(self) -> Expression:
        """The address of the run's page."""
        return self.result("url", kind="string")

    @property
    def full_output(self) -> Expression:
        """Where the full results, errors and logs of all its tasks lie: `s3://.../<run id>.json`."""
        return self.result("output", kind="string")

    @property
    def looks(self) -> int:
        """One every two minutes at the end, more often at first; with a history of its own, one in two days."""
        return self._seconds // (2 * _DAY) + 1 if self._separate_history else looks(self._seconds)

    def report(self, path: str) -> Expression:
        """A field of a report that the run wrote, read when the run has ended; the step fails if it is not there.

        Args:
            path: the report's name and those of the fields, from the outside in.

        Raises:
            WorkflowError: the step has no such report, or no field is named.

        Example:
            `evaluate.report("metrics.auc") >= 0.8`
        """
        return self._reports.field(path)

    def grant_data(self, role: iam.IRole) -> None:
        """Lets a role read the step's code and inputs, and write its outputs, as a cluster's instance profile may.

        Args:
            role: such as that of Unity Catalog's storage credential, for serverless compute.
        """
        self._granted.append(role)
        # Where its workflow is there already, nothing else would see to it.
        for storage in self._storages:
            self._grant(role, storage)

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what its tasks give, and what is read of its reports."""
        return bool(self._values) or self._reports.are_read

    def fragment(self) -> Fragment:
        """The states of `Watch`, then `Extract: report metrics` (getObject) for each report that is read."""
        watch = Watch(self.name, self.variable, self._workspace, self._event(), self._reports.start)
        states = watch.watching() if self._separate_history else watch.waiting()
        kept = {name: Jsonata(f"${self.variable}.{name}") for name in _RUN}
        return Fragment({**states, **dict(self._reports.states(kept))}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the state machine call the workspace's Lambda, and the clusters read and write the step's data."""
        self._storages.append(binding.storage)
        for role in dict.fromkeys(self._granted):
            self._grant(role, binding.storage)
        binding.allow(["lambda:InvokeFunction"], [self._workspace.function.function_arn])
        if self._separate_history:
            machine = self._workspace.watcher
            binding.allow(["states:StartExecution"], [machine.state_machine_arn])
            binding.allow(["states:DescribeExecution", "states:StopExecution"], [executions_of(machine, ":*")])
            binding.allow_managed_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule")
        binding.on_stop(self._workspace.function)
        self._reports.bind(binding)

    def _grant(self, role: iam.IRole, storage: RunStorage) -> None:
        for file in self._request.files:
            grant_get(file.place, role, storage)
        for location in self._inputs.values():
            grant_spark(location.place, role, storage, writes=False)
        for location in self._outputs.values():
            grant_spark(location.place, role, storage, writes=True)

    @property
    def _seconds(self) -> int:
        return self._limit.seconds(self.timeouts)

    def _event(self) -> dict[str, Template]:
        """What the Lambda is sent at each call, besides what it shall do."""
        return {
            "execution": ExecutionId(),
            "started": Jsonata(STARTED),
            "redrive": RedriveCount(),
            "step": self.name,
            "item": IterationNumber(),
            "timeout_seconds": self._seconds,
            "retries": {
                "transient": _TRANSIENT,
                "failures": self.retry.job_failures,
                "interval_seconds": self.retry.interval_seconds,
            },
            "allow_failures": self._allow_failures,
            "values": dict(self._request.values),
            "call": self._request.call,
            "request": dict(self._request.body),
        }
