"""The local engine: runs the workflow of a synthesized cloud assembly for real on this machine.

load the assembly -> start the local AWS -> upload the assets -> create the stack -> run the workflow -> keep everything

Nothing is enforced that only AWS can: permissions, quotas, prices.
"""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from moto.stepfunctions.parser.backend.execution import Execution

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.assembly.workflows import load_workflow, machinery
from zflow_constructs.local.approvals import Approvals
from zflow_constructs.local.aws.events import send_status
from zflow_constructs.local.aws.messages import Message
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.stepfunctions import stepfunctions
from zflow_constructs.local.bootstrap import bootstrap, deploy, upload_assets
from zflow_constructs.local.executions import Executions
from zflow_constructs.local.honoured import check_resources
from zflow_constructs.local.processes import Processes
from zflow_constructs.local.record import keep_message, mirror_objects, write_record
from zflow_constructs.local.run import DEFAULT_ACCOUNT, DEFAULT_REGION, RunResult, RunSettings
from zflow_constructs.local.services import Services
from zflow_constructs.local.steps import Step

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeStateMachineOutputTypeDef

__all__ = ["Engine", "RunResult", "RunSettings"]

_STOP_SECONDS = 20.0
"""How long an interrupted run's own clean-up may take: jobs that stop, runs that are cancelled."""


class Engine:
    """One local run, from the cloud assembly to its results.

    Args:
        settings: What to run.
        on_step: Hears of each change of a step. It is called from other threads. Default: nobody listens.
        say: Shows what a person should know meanwhile: messages, what waits for a decision. Default: nobody listens.

    Example:
        with Engine(RunSettings(assembly=Path("cdk.out"), folder=Path("run"))) as engine:
            engine.deploy()
            result = engine.run()
    """

    def __init__(
        self,
        settings: RunSettings,
        *,
        on_step: Callable[[Step], None] = lambda _step: None,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        # Absolute, because the children have working folders of their own.
        self._settings = replace(settings, folder=settings.folder.resolve())
        self._workflow = load_workflow(settings.assembly, settings.stack, settings.workflow)
        self._stack = self._workflow.stack
        for stack in self._stack.in_order:
            check_resources(stack)
        if (settings.folder / "run.json").exists():
            raise InputError(f"{settings.folder} keeps an earlier run: choose another --run-folder, or remove it")
        settings.folder.mkdir(parents=True, exist_ok=True)
        self._on_step = on_step
        self._say = say
        self._ended = threading.Event()
        self._execution_arn = ""
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
        """The steps of the workflow, and of what rules start after it, from `deploy` on."""
        return list(self._executions)

    def deploy(self) -> Mapping[str, str]:
        """Create the stack, and those that it needs, of their templates, unchanged.

        Returns:
            The stack's outputs.

        Raises:
            AssemblyError: The engine can't run it.
        """
        outputs: Mapping[str, str] = {}
        for stack in self._stack.in_order:
            bootstrap(self.aws, stack)
            upload_assets(self.aws, stack)
            outputs = deploy(self.aws, stack)
        self._machine = self._find_machine()
        self._executions.show(
            self._machine["stateMachineArn"], self.aws.account, self.aws.region, machinery=frozenset(self._machinery())
        )
        self._services.serve_databricks(self._settings.spark, jobs=self._settings.databricks_jobs)
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
            self._wait_for(self._ended.is_set)
            self._wait_for(self._all_is_quiet)
        except BaseException:
            self._abort()
            raise
        finally:
            if not self._services.deliveries.wait(0):
                self._services.functions.undelivered.append(
                    f"a function still works on an event after {_STOP_SECONDS:.0f} s"
                )
            self._executions.end()
            result = self._result()
            self._keep(result)
        return result

    def _wait_for(self, condition: Callable[[], bool], *, seconds: float = math.inf) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.1)

    def _all_is_quiet(self) -> bool:
        """Whether what rules have started has ended, too: one may start another."""
        # A function that hangs on an event is not waited for any longer.
        waited_for = self._services.deliveries.wait(_STOP_SECONDS)
        return self._executions.quiet and (not waited_for or self._services.deliveries.wait(0))

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
        self._executions = Executions(self.aws, on_step=self._on_step)
        self._approvals = Approvals(self.aws, approved=self._settings.approve, say=self._say)
        self._services = Services(
            aws=self.aws,
            processes=self._processes,
            folder=folder,
            time_scale=self._settings.time_scale,
            start=self._executions.start,
            on_job_line=self._executions.on_line,
            on_step_line=self._executions.on_step_line,
            on_message=self._on_message,
        )
        self.aws.use(self._services.hooks)
        # Last in and first out: an execution's end is an event, which the others deliver.
        self.aws.use([stepfunctions(on_history=self._on_history, on_status=self._on_status)])
        closing.callback(self._services.stop)

    def _find_machine(self) -> DescribeStateMachineOutputTypeDef:
        arn = self._machine_arn(self._stack, self._workflow.logical_id)
        return self.aws.clients.stepfunctions.describe_state_machine(stateMachineArn=arn)

    def _machinery(self) -> Iterator[str]:
        for stack in self._stack.in_order:
            for logical_id in machinery(stack):
                yield self._machine_arn(stack, logical_id)

    def _machine_arn(self, stack: Stack, logical_id: str) -> str:
        resource = self.aws.clients.cloudformation.describe_stack_resource(
            StackName=stack.name, LogicalResourceId=logical_id
        )
        return resource["StackResourceDetail"].get("PhysicalResourceId", "")

    def _abort(self) -> None:
        client, cause = self.aws.clients.stepfunctions, "The local run was interrupted."
        if self._ended.is_set():
            self._executions.stop(cause)
        else:
            client.stop_execution(executionArn=self._execution_arn, cause=cause)
        self._wait_for(self._ended.is_set, seconds=_STOP_SECONDS)
        # What cleans up after a stopped workflow, cleans up here too.
        self._wait_for(self._all_is_quiet, seconds=_STOP_SECONDS)

    def _on_history(self, execution: str, event: Mapping[str, object]) -> None:
        self._executions.on_history(execution, event)
        self._approvals.on_history(execution, event)

    def _on_message(self, message: Message) -> None:
        keep_message(self._settings.folder, message)
        self._approvals.on_message(message)

    def _on_status(self, execution: Execution) -> None:
        if not self._closed:
            send_status(execution)
        self._executions.on_status(execution)
        if execution.status != "RUNNING" and execution.exec_arn == self._execution_arn:
            self._ended.set()

    def _result(self) -> RunResult:
        described = self.aws.clients.stepfunctions.describe_execution(executionArn=self._execution_arn)
        return RunResult(
            execution=self._execution_arn,
            input=self._settings.parameters,
            status=described["status"],
            output=json.loads(described["output"]) if "output" in described else None,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            steps=self._executions.steps,
            outputs=self._outputs,
            endpoints=self._services.endpoints.in_service,
            undelivered=list(self._services.functions.undelivered),
            follow_ups=self._executions.follow_ups(),
        )

    def _keep(self, result: RunResult) -> None:
        mirror_objects(self.aws, self._settings.folder / "objects")
        write_record(self._settings.folder, result)
