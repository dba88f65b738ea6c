"""The engine of a local run: from a workflow of a cloud assembly to one that is deployed on the local AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from moto.stepfunctions.parser.backend.execution import Execution

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.workflows import Workflow, machinery
from zflow_constructs.local.approvals import Approvals
from zflow_constructs.local.aws.events import send_status
from zflow_constructs.local.aws.messages import Message
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.stepfunctions import stepfunctions
from zflow_constructs.local.bootstrap import bootstrap, deploy, upload_assets
from zflow_constructs.local.deployed_workflow import DeployedWorkflow
from zflow_constructs.local.executions import Executions
from zflow_constructs.local.honoured import check_resources
from zflow_constructs.local.processes import Processes
from zflow_constructs.local.record import keep_message, make_run_folder
from zflow_constructs.local.run import DEFAULT_ACCOUNT, DEFAULT_REGION, RunResult, RunSettings
from zflow_constructs.local.services import Services
from zflow_constructs.local.steps import Step

__all__ = ["Engine", "RunResult", "RunSettings"]


class Engine:
    """What one local run needs while it lasts: the local AWS, its services, and who follows the executions.

    Args:
        workflow: The workflow to run.
        settings: How to run it.
        on_step: Hears of each change of a step. It is called from other threads. Default: nobody listens.
        say: Shows what a person should know meanwhile: messages, what waits for a decision. Default: nobody listens.

    Raises:
        InputError: The engine can't run the workflow, or the run folder can't be used.

    Example:
        with Engine(load_workflow(Path("cdk.out")), RunSettings(folder=Path("run"))) as engine:
            result = engine.deploy().run()
    """

    def __init__(
        self,
        workflow: Workflow,
        settings: RunSettings,
        *,
        on_step: Callable[[Step], None] = lambda _step: None,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        for stack in workflow.stack.in_order:
            check_resources(stack)
        make_run_folder(settings.folder)
        self._workflow = workflow
        # Absolute, because the children have working folders of their own.
        self._settings = replace(settings, folder=settings.folder.resolve())
        self._closed = False
        with ExitStack() as opened:
            processes = opened.enter_context(Processes())
            self.aws = opened.enter_context(
                AwsServer(
                    account=workflow.stack.account or DEFAULT_ACCOUNT,
                    region=workflow.stack.region or DEFAULT_REGION,
                    time_scale=settings.time_scale,
                    log=self._settings.folder / "aws.log",
                )
            )
            self._executions = Executions(self.aws, on_step=on_step)
            self._approvals = Approvals(
                self.aws, approved=settings.approve, say=say, place_of=self._executions.place_of
            )
            self._services = Services(
                aws=self.aws,
                processes=processes,
                folder=self._settings.folder,
                time_scale=settings.time_scale,
                start=self._executions.start,
                on_job_line=self._executions.on_line,
                on_step_line=self._executions.on_step_line,
                on_state_line=self._executions.on_state_line,
                on_message=self._on_message,
            )
            self.aws.use(self._services.hooks)
            # Last in and first out: an execution's end is an event, which the others deliver.
            self.aws.use([stepfunctions(on_history=self._on_history, on_status=self._on_status)])
            opened.callback(self._services.stop)
            self._running = opened.pop_all()

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

    def deploy(self) -> DeployedWorkflow:
        """Create the workflow's stack, and those that it needs, of their templates, unchanged.

        Returns:
            The workflow, ready to run.

        Raises:
            InputError: The engine can't run it.
        """
        outputs: Mapping[str, str] = {}
        for stack in self._workflow.stack.in_order:
            bootstrap(self.aws, stack)
            upload_assets(self.aws, stack)
            outputs = deploy(self.aws, stack)
        state_machine = self._arn(self._workflow.stack, self._workflow.logical_id)
        self._executions.show(state_machine, self.aws.account, self.aws.region, machinery=frozenset(self._machinery()))
        self._services.serve_databricks(self._settings.spark, jobs=self._settings.databricks_jobs)
        return DeployedWorkflow(
            state_machine=state_machine,
            outputs=outputs,
            settings=self._settings,
            aws=self.aws,
            services=self._services,
            executions=self._executions,
        )

    def close(self) -> None:
        """Stop everything that runs. Idempotent."""
        self._closed = True
        self._running.close()

    def _machinery(self) -> Iterator[str]:
        for stack in self._workflow.stack.in_order:
            for logical_id in machinery(stack):
                yield self._arn(stack, logical_id)

    def _arn(self, stack: Stack, logical_id: str) -> str:
        """The ARN of a state machine that was created."""
        resource = self.aws.clients.cloudformation.describe_stack_resource(
            StackName=stack.name, LogicalResourceId=logical_id
        )
        return resource["StackResourceDetail"].get("PhysicalResourceId", "")

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
