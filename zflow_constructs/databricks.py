"""Jobs on Databricks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.core.asl import EXIT, Choice, Retrier, Rule, Task, Wait
from zflow_constructs.core.errors import WorkflowError, one_of
from zflow_constructs.core.expressions import AsString, Condition, Expression, Jsonata
from zflow_constructs.core.fragment import Fragment
from zflow_constructs.core.references import REDRIVE_COUNT, ExecutionId, RunLocation, Turn
from zflow_constructs.core.templates import Scalar, Template
from zflow_constructs.databricks_workspace import CALL_SECONDS, DatabricksWorkspace
from zflow_constructs.outputs import Outputs
from zflow_constructs.requests import merge_overrides
from zflow_constructs.retry import LAMBDA
from zflow_constructs.sources import DataLocation, SourceCode
from zflow_constructs.step import Step, StepGroup, whole_seconds
from zflow_constructs.storage import grant_read_asset, grant_spark

_DAY = 86_400
_THROTTLED = Retrier(("Databricks.Throttled",), interval_seconds=10, max_attempts=8)
_PARAMETERS_LIMIT = 10_000
_TRANSIENT_ATTEMPTS = 3
# The Lambda lets the pauses between its looks grow with the time that a run takes, up to this.
_LONGEST_WAIT_SECONDS = 120
_FIRST_LOOKS = 60


@dataclass(frozen=True)
class SparkPythonTask:
    """A Python script, with Spark at hand.

    https://docs.databricks.com/api/workspace/jobs/submit (spark_python_task)

    Args:
        code: the script.

    Example:
        `SparkPythonTask(SourceCode.from_file("jobs/extract.py"))`
    """

    code: SourceCode


@dataclass(frozen=True)
class JobCluster:
    """A cluster that is made for the run and gone with it.

    https://docs.databricks.com/api/workspace/clusters/create

    Args:
        spark_version: Databricks' runtime, such as `16.4.x-scala2.12`.
        node_type: the EC2 machine, such as `m5.xlarge`.
        num_workers: machines besides the driver; 0 is a single-node cluster. Default: 0
        instance_profile: what the cluster may do on AWS; its role, where known, is granted the step's script, inputs
            and outputs. Default: the workspace's own way to S3
        spark_conf: Spark's configuration. Default: none
        overrides: fields of `new_cluster` that have no keyword here. Default: none

    Raises:
        WorkflowError: the number of workers is negative.
    """

    spark_version: str
    node_type: str
    num_workers: int = 0
    instance_profile: iam.IInstanceProfile | None = None
    spark_conf: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Template] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise WorkflowError(f"JobCluster: num_workers is {self.num_workers}. Give 0 (a single node) or more.")

    def render(self) -> dict[str, Template]:
        """The request's `new_cluster`."""
        single = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
        conf = {**({} if self.num_workers else single), **self.spark_conf}
        cluster: dict[str, Template] = {
            "spark_version": self.spark_version,
            "node_type_id": self.node_type,
            "num_workers": self.num_workers,
            **({"spark_conf": conf} if conf else {}),
            **({} if self.num_workers else {"custom_tags": {"ResourceClass": "SingleNode"}}),
            **(
                {"aws_attributes": {"instance_profile_arn": self.instance_profile.instance_profile_arn}}
                if self.instance_profile
                else {}
            ),
        }
        return merge_overrides(cluster, self.overrides)


class DatabricksJobStep(Step):
    """Runs a script on Databricks: a one-time run, waited for, and cancelled when the execution stops.

    A run that fails for a lack of capacity or a fault of Databricks' own is submitted anew, twice at most.

    https://docs.databricks.com/api/workspace/jobs/submit

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and its runs.
        workspace: where it runs.
        task: what runs.
        cluster: on what it runs.
        parameters: handed to the script as `--name value`. Default: none
        inputs: data of other steps, handed to the script as `--name s3://...`. Default: none
        outputs: names of what the script writes: each a location in the run's own folder, handed to the script as
            `--name s3://...` and to other steps as `step.outputs[name]`. Default: none
        libraries: packages from PyPI, such as `matplotlib==3.10.0`. Default: none
        content_type: the MIME type of the outputs. Default: text/csv
        timeout: the run is cancelled, and the step fails, after this time. Default: as the workflow says, 1 day
        request_overrides: fields of runs/submit's task that have no keyword here, laid over it. Default: none
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
        task: SparkPythonTask,
        cluster: JobCluster,
        parameters: Mapping[str, Scalar | Expression] | None = None,
        inputs: Mapping[str, DataLocation] | None = None,
        outputs: Sequence[str] = (),
        libraries: Sequence[str] = (),
        content_type: str = "text/csv",
        timeout: Duration | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._workspace = workspace
        self._cluster = cluster
        self._inputs = dict(inputs or {})
        self._script = task.code.as_file(self, "Script")
        self._own_limit = [whole_seconds(self.label, "timeout", timeout, least=60, most=28 * _DAY)] if timeout else []
        self._outputs = Outputs(
            id, {name: DataLocation.from_step(self, name, content_type=content_type) for name in outputs}
        )
        named = {**(parameters or {}), **{name: location.uri for name, location in (inputs or {}).items()}}
        clashing = sorted({*named} & {*outputs} | {*(parameters or {})} & {*(inputs or {})})
        if clashing:
            raise WorkflowError(
                f'Step "{id}": {one_of(clashing)} is used twice among parameters, inputs and outputs, which all become '
                "--name of the script. Rename one."
            )
        named |= {name: location.uri for name, location in self._outputs.items()}
        arguments = [part for name, value in named.items() for part in (f"--{name}", _argument(value))]
        size = sum(len(part) for part in arguments if isinstance(part, str))
        if size > _PARAMETERS_LIMIT:
            raise WorkflowError(
                f'Step "{id}": the parameters take {size} bytes. Databricks takes {_PARAMETERS_LIMIT}: put what is '
                "large into S3, and hand over where it is (inputs=...)."
            )
        submitted: dict[str, Template] = {
            "task_key": self.variable,
            "spark_python_task": {
                "python_file": self._script.s3_object_url,
                "parameters": arguments,
            },
            "new_cluster": cluster.render(),
            **({"libraries": [{"pypi": {"package": library}} for library in libraries]} if libraries else {}),
        }
        self._tasks = [merge_overrides(submitted, request_overrides or {})]

    @property
    def outputs(self) -> Mapping[str, DataLocation]:
        """What the script writes, by name."""
        return self._outputs

    @property
    def _seconds(self) -> int:
        return next(iter(self._own_limit), self.timeouts.job_seconds)

    @property
    def looks(self) -> int:
        """One every two minutes at the end; more often at first."""
        return _FIRST_LOOKS + self._seconds // _LONGEST_WAIT_SECONDS

    @property
    def run_id(self) -> Expression:
        """The id of the run on Databricks, as a string."""
        return self.result("run_id")

    @property
    def run_url(self) -> Expression:
        """The address of the run's page."""
        return self.result("url")

    def fragment(self) -> Fragment:
        """The states `Extract` (submit) -> `Extract: wait` -> `Extract: check` -> `Extract: done?`, and round again.

        Each call is `{"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"Payload": {"action": "submit"}}}`. A
        look that finds a new attempt due says so, and the next look submits it.
        """
        last = f"${self._watched}"
        due = f'{last}.status = "SUBMIT"'
        looking: dict[str, Template] = {
            "action": Jsonata(f'{due} ? "submit" : "check"'),
            "attempt": Jsonata(f"{due} ? {last}.attempt : 0"),
            "run": Jsonata(f"{last}.run"),
        }
        return Fragment(
            {
                self.name: self._call({"action": "submit", "attempt": 0}, then=f"{self.name}: wait"),
                f"{self.name}: wait": Wait(Jsonata(f"{last}.wait_seconds"), next=f"{self.name}: check"),
                f"{self.name}: check": self._call(looking, then=f"{self.name}: done?"),
                f"{self.name}: done?": Choice(
                    (Rule(Jsonata(f'{last}.status = "DONE"'), EXIT),), default=f"{self.name}: wait"
                ),
            },
            result=self.variable,
        )

    def bind(self, binding: Binding) -> None:
        """Lets the state machine call the workspace's Lambda, and the cluster read and write the step's data."""
        profile = self._cluster.instance_profile
        if profile and profile.role:
            grant_read_asset(self._script, profile.role)
            for location in self._inputs.values():
                grant_spark(location.place, profile.role, binding.storage, writes=False)
            for location in self._outputs.values():
                grant_spark(location.place, profile.role, binding.storage, writes=True)
        binding.allow(["lambda:InvokeFunction"], [self._workspace.function.function_arn])
        binding.on_stop(self._workspace.function)

    @property
    def _watched(self) -> str:
        return f"{self.variable}_run"

    def _call(self, payload: Mapping[str, Template], *, then: str) -> Task:
        return Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments={
                "FunctionName": self._workspace.function.function_arn,
                "Payload": {
                    **payload,
                    "execution": ExecutionId(),
                    "step": self.name,
                    "item": Turn(),
                    "redrive": Jsonata(REDRIVE_COUNT),
                    "max_attempts": _TRANSIENT_ATTEMPTS,
                    "request": {"tasks": self._tasks, "timeout_seconds": self._seconds},
                },
            },
            timeout_seconds=CALL_SECONDS,
            assign={
                self._watched: Jsonata("$states.result.Payload"),
                self.variable: Jsonata("$states.result.Payload.run"),
            },
            retry=(LAMBDA, _THROTTLED),
            next=then,
        )


def _argument(value: Scalar | Expression) -> Template:
    match value:
        case RunLocation():
            return value
        case Expression():
            return AsString(value)
        case _:
            return str(value)
