"""The local engine: runs the workflow of a synthesized cloud assembly for real on this machine.

load the assembly -> start the local AWS -> upload the assets -> create the stack -> run the workflow -> keep everything

Nothing is enforced that only AWS can: permissions, quotas, prices.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from moto.stepfunctions.parser.backend.execution import Execution

from zflow_constructs.local.assembly import AssemblyError, load_stack, state_machine
from zflow_constructs.local.aws.events import Deliveries, events, send_status
from zflow_constructs.local.aws.lambda_ import Functions, lambda_functions
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.stepfunctions import stepfunctions
from zflow_constructs.local.bootstrap import bootstrap, deploy, upload_assets
from zflow_constructs.local.containers import InferenceModel, TrainingContainer, TransformContainer
from zflow_constructs.local.databricks.scripts import ScriptRunner
from zflow_constructs.local.databricks.server import DatabricksServer
from zflow_constructs.local.databricks.spark import SparkChoice, SparkUnavailableError
from zflow_constructs.local.honoured import check_resources, check_tasks
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes
from zflow_constructs.local.record import mirror_objects, write_record
from zflow_constructs.local.steps import Step, Steps
from zflow_constructs.local.workspace import credentials, databricks_functions

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateTrainingJobRequestTypeDef
    from mypy_boto3_stepfunctions.type_defs import DescribeStateMachineOutputTypeDef

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-central-1"
DEFAULT_TIME_SCALE = 0.05

_STOP_SECONDS = 20.0
"""How long an interrupted run's own clean-up may take: jobs that stop, runs that are cancelled."""


@dataclass(frozen=True)
class RunSettings:
    """What to run, and how.

    Args:
        assembly: The cloud assembly, usually `cdk.out`.
        folder: The run folder, which keeps everything.
        stack: The stack. Default: the assembly's only one.
        workflow: The workflow's id in the stack. Default: the stack's only one.
        parameters: The execution's input. Default: none.
        time_scale: What a second of a Wait state or a retry's interval lasts, in seconds. Default: 0.05.
        spark: Which Spark the Databricks scripts get: `auto`, `classic` or `sail`. Default: `auto`.
    """

    assembly: Path
    folder: Path
    stack: str = ""
    workflow: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    time_scale: float = DEFAULT_TIME_SCALE
    spark: SparkChoice = "auto"


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Args:
        execution: The execution's ARN.
        input: The execution's input.
        status: The execution's status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: The execution's output, where it succeeded.
        error: The error's name, where it failed.
        cause: The error's cause, where it failed.
        steps: The workflow's steps.
        outputs: The stack's outputs.
        endpoints: The endpoints in service.
        undelivered: The functions that failed on an event, and how.
    """

    execution: str
    input: Mapping[str, object]
    status: str
    output: object
    error: str
    cause: str
    steps: list[Step]
    outputs: Mapping[str, str]
    endpoints: list[str]
    undelivered: list[str]


class Engine:
    """One local run, from the cloud assembly to its results.

    Args:
        settings: What to run.
        on_step: Hears of each change of a step. It is called from other threads. Default: nobody listens.

    Example:
        with Engine(RunSettings(assembly=Path("cdk.out"), folder=Path("run"))) as engine:
            engine.deploy()
            result = engine.run()
    """

    def __init__(self, settings: RunSettings, *, on_step: Callable[[Step], None] = lambda _step: None) -> None:
        # Absolute, because the children have working folders of their own.
        self._settings = replace(settings, folder=settings.folder.resolve())
        self._stack = load_stack(settings.assembly, settings.stack)
        for stack in self._stack.in_order:
            check_resources(stack)
        state_machine(self._stack, settings.workflow)
        settings.folder.mkdir(parents=True, exist_ok=True)
        self._on_step = on_step
        self._steps = Steps({"States": {}}, on_change=on_step)
        self._ended = threading.Event()
        self._execution_arn = ""
        self._databricks_functions: frozenset[str] = frozenset()
        self._closed = False
        self._closing = ExitStack()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the local AWS is."""
        return self.aws.url

    @property
    def steps(self) -> list[Step]:
        """The workflow's steps, from `deploy` on."""
        return list(self._steps)

    def deploy(self) -> Mapping[str, str]:
        """Create the stack, and those that it needs, of their templates, unchanged.

        Returns:
            The stack's outputs.

        Raises:
            AssemblyError: The engine can't run it.
        """
        bootstrap(self.aws)
        outputs: Mapping[str, str] = {}
        for stack in self._stack.in_order:
            upload_assets(self.aws, stack)
            outputs = deploy(self.aws, stack)
        self._machine = self._find_machine()
        definition = json.loads(self._machine["definition"])
        check_tasks(self._machine["name"], definition)
        self._steps = Steps(definition, on_change=self._on_step)
        self._serve_databricks()
        self._outputs = outputs
        return outputs

    def run(self) -> RunResult:
        """Run the workflow to its end; an interrupt stops it, cleanly, and is raised again.

        Returns:
            What became of it; `run.json` in the run folder has it too.
        """
        machine = self._machine["stateMachineArn"]
        name = f"local-{datetime.now(tz=UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
        # Known before the start: the first events come before the answer.
        self._execution_arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        self.aws.clients.stepfunctions.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(self._settings.parameters)
        )
        return self._watch()

    def redrive(self) -> RunResult:
        """Let a failed run go on from the states that didn't succeed.

        Returns:
            What became of it.
        """
        self._ended.clear()
        self.aws.clients.stepfunctions.redrive_execution(executionArn=self._execution_arn)
        return self._watch()

    def close(self) -> None:
        """Stop everything that runs. Idempotent."""
        self._closed = True
        self._closing.close()

    def _watch(self) -> RunResult:
        try:
            while not self._ended.wait(0.1):
                pass
        except BaseException:
            self._abort()
            raise
        finally:
            if not self._deliveries.wait(_STOP_SECONDS):
                self._functions.undelivered.append(f"a function still works on an event after {_STOP_SECONDS:.0f} s")
            result = self._result()
            self._keep(result)
        return result

    def _start(self) -> None:
        folder, closing = self._settings.folder, self._closing
        self._processes = closing.enter_context(Processes())
        self.aws = closing.enter_context(
            AwsServer(
                account=self._stack.account or DEFAULT_ACCOUNT,
                region=self._stack.region or DEFAULT_REGION,
                time_scale=self._settings.time_scale,
                log=folder / "aws.log",
            )
        )
        self._objects = ObjectStore(self.aws.clients.s3)
        self._functions = Functions(
            folder=folder / "functions",
            processes=self._processes,
            environment=self.aws.environment,
            time_scale=self._settings.time_scale,
            on_line=self._on_function_line,
        )
        self._deliveries = Deliveries(self._functions.invoke_event)
        self._make_sagemaker()
        self.aws.use(
            [
                sagemaker(jobs=self._jobs, endpoints=self._endpoints),
                lambda_functions(self._functions, send=self._deliveries.send),
                events(self._deliveries),
                stepfunctions(on_history=self._on_history, on_status=self._on_status),
            ]
        )
        # The last to start is the first to stop: first what makes calls, then what answers them.
        for stop in (self._functions.stop, self._endpoints.stop, self._jobs.stop):
            closing.callback(stop)

    def _make_sagemaker(self) -> None:
        region, account, folder = self.aws.region, self.aws.account, self._settings.folder
        objects, processes = self._objects, self._processes
        self._endpoints = Endpoints(
            region=region,
            account=account,
            folder=folder / "endpoints",
            model=lambda containers, at, on_line: InferenceModel(
                containers, objects=objects, processes=processes, folder=at, on_line=on_line
            ),
            on_line=self._on_line,
        )
        self._jobs = Jobs(
            region=region,
            account=account,
            folder=folder / "jobs",
            training=lambda request, at, on_line: TrainingContainer(
                cast("CreateTrainingJobRequestTypeDef", request),
                objects=objects,
                processes=processes,
                folder=at,
                on_line=on_line,
            ),
            transform=lambda request, at, on_line: TransformContainer(
                request,
                self._endpoints.containers(request["ModelName"]),
                objects=objects,
                processes=processes,
                folder=at,
                on_line=on_line,
            ),
            on_line=self._on_line,
        )

    def _serve_databricks(self) -> None:
        functions = databricks_functions(self.aws)
        if not functions:
            return
        self._databricks_functions = frozenset(functions)
        accepted = credentials(self.aws, functions.values())
        try:
            runner = ScriptRunner(
                s3=self.aws.clients.s3,
                processes=self._processes,
                environment=self.aws.environment,
                spark=self._settings.spark,
            )
        except SparkUnavailableError as error:
            raise AssemblyError(str(error)) from error
        server = DatabricksServer(
            runner=runner,
            folder=self._settings.folder / "databricks",
            tokens=accepted.tokens,
            clients=accepted.clients,
            on_line=self._on_databricks_line,
        )
        self._closing.enter_context(server)
        self._functions.override("DATABRICKS_HOST", server.url)

    def _find_machine(self) -> DescribeStateMachineOutputTypeDef:
        logical_id = state_machine(self._stack, self._settings.workflow)
        resource = self.aws.clients.cloudformation.describe_stack_resource(
            StackName=self._stack.name, LogicalResourceId=logical_id
        )
        arn = resource["StackResourceDetail"].get("PhysicalResourceId", "")
        return self.aws.clients.stepfunctions.describe_state_machine(stateMachineArn=arn)

    def _abort(self) -> None:
        client = self.aws.clients.stepfunctions
        client.stop_execution(executionArn=self._execution_arn, cause="The local run was interrupted.")
        self._ended.wait(_STOP_SECONDS)

    def _on_history(self, arn: str, event: Mapping[str, object]) -> None:
        if arn == self._execution_arn:
            self._steps.on_event(event)

    def _on_status(self, execution: Execution) -> None:
        if not self._closed:
            send_status(execution)
        if execution.status != "RUNNING" and execution.exec_arn == self._execution_arn:
            self._steps.end(execution.status)
            self._ended.set()

    def _on_line(self, job: str, line: str) -> None:
        self._steps.on_line(job, line)

    def _on_function_line(self, function: str, line: str) -> None:
        # What a Databricks step has to say comes from its script, not from the function that watches it.
        if function not in self._databricks_functions:
            self._steps.on_line(function, line)

    def _on_databricks_line(self, run_name: str, line: str) -> None:
        self._steps.on_step_line(run_name.rsplit(":", 1)[-1], line)

    def _result(self) -> RunResult:
        described = self.aws.clients.stepfunctions.describe_execution(executionArn=self._execution_arn)
        return RunResult(
            execution=self._execution_arn,
            input=self._settings.parameters,
            status=described["status"],
            output=json.loads(described["output"]) if "output" in described else None,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            steps=self.steps,
            outputs=self._outputs,
            endpoints=self._endpoints.in_service,
            undelivered=list(self._functions.undelivered),
        )

    def _keep(self, result: RunResult) -> None:
        mirror_objects(self.aws, self._settings.folder / "objects")
        write_record(self._settings.folder, result)
