"""The services of a local run whose work is done by local processes: Lambda, SageMaker, Databricks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.local.aws.callers import Caller
from zflow_constructs.local.aws.cloudformation import function_url_type, model_package_group_type, resource_types
from zflow_constructs.local.aws.events import Deliver, Deliveries, events
from zflow_constructs.local.aws.function_urls import FunctionUrls
from zflow_constructs.local.aws.lambda_ import Functions, lambda_functions
from zflow_constructs.local.aws.messages import Message, messages
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_registry import ModelRegistry
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.scaling import application_autoscaling
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.web_identity import WebIdentityTokens, web_identity
from zflow_constructs.local.containers import InferenceModel, ProcessingContainer, TrainingContainer, TransformContainer
from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.credentials import credentials, databricks_functions
from zflow_constructs.local.databricks.jobs import GivenJobs
from zflow_constructs.local.databricks.requests import NO_JOBS
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripts import ScriptRunner
from zflow_constructs.local.databricks.server import DatabricksServer
from zflow_constructs.local.databricks.spark import SparkChoice, SparkUnavailableError
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateTrainingJobRequestTypeDef

LineReporter = Callable[[str, str], None]
"""Hears the name of a job, function, endpoint or Databricks step, and a line of its log."""


class Services:
    """What Lambda, SageMaker and Databricks are in a local run.

    Args:
        aws: The local AWS.
        processes: Starts all processes.
        folder: The run folder.
        time_scale: What a second between two tries of an event's delivery lasts, in seconds.
        start: Starts an execution of a state machine, which a rule wants.
        on_job_line: Hears the logs of jobs, functions and endpoints.
        on_step_line: Hears the logs of Databricks runs, with the step's id.
        on_state_line: Hears the logs of functions that a state has called, with its execution and its name.
        on_message: Hears of messages to topics.
    """

    def __init__(
        self,
        *,
        aws: AwsServer,
        processes: Processes,
        folder: Path,
        time_scale: float,
        start: Deliver,
        on_job_line: LineReporter,
        on_step_line: LineReporter,
        on_state_line: Callable[[str, str, str], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self._aws = aws
        self._processes = processes
        self._objects = ObjectStore(aws.clients.s3)
        self._folder = folder
        self._on_job_line = on_job_line
        self._on_step_line = on_step_line
        self._on_state_line = on_state_line
        self._on_message = on_message
        self._databricks_functions: frozenset[str] = frozenset()
        self._running = ExitStack()
        self._web_identity_tokens = WebIdentityTokens(account=aws.account)
        self.functions = Functions(
            folder=folder / "functions",
            processes=processes,
            environment=aws.environment,
            time_scale=time_scale,
            on_line=self._on_function_line,
        )
        self.deliveries = Deliveries({"lambda": self.functions.invoke_event, "states": start})
        self.models = Models(region=aws.region, account=aws.account)
        self.endpoints = self._make_endpoints()
        self.jobs = self._make_jobs()
        self.tuning = TuningJobs(self.jobs, region=aws.region, account=aws.account, on_line=on_job_line)
        self.registry = ModelRegistry(region=aws.region, account=aws.account, exists=self._objects.exists)
        self.urls = FunctionUrls(self.functions.call)

    @property
    def hooks(self) -> Sequence[AbstractContextManager[None]]:
        """What puts them into the local AWS."""
        return [
            sagemaker(
                jobs=self.jobs,
                tuning=self.tuning,
                models=self.models,
                endpoints=self.endpoints,
                registry=self.registry,
            ),
            application_autoscaling(self.endpoints.scaling),
            lambda_functions(self.functions, send=self.deliveries.send),
            resource_types(
                {
                    "AWS::Lambda::Url": function_url_type(self.urls.serve),
                    "AWS::SageMaker::ModelPackageGroup": model_package_group_type(self.registry.create_group),
                }
            ),
            messages(self._on_message),
            events(self.deliveries),
            web_identity(self._web_identity_tokens),
        ]

    def serve_databricks(self, spark: SparkChoice, *, jobs: Mapping[int, Mapping[str, object]] = NO_JOBS) -> None:
        """Start a Databricks workspace, and lead the functions to it that call one; without such functions, don't.

        Args:
            spark: Which Spark its scripts get.
            jobs: The settings of the jobs that are there, by their ids. Default: none.

        Raises:
            InputError: That Spark isn't on this machine.
        """
        functions = databricks_functions(self._aws)
        if not functions:
            return
        self._databricks_functions = frozenset(functions)
        accepted = credentials(self._aws, functions.values())

        def trusts(client: str, token: str) -> bool:
            audience = accepted.audiences.get(client)
            return audience is not None and self._web_identity_tokens.accepts(token, audience=audience)

        try:
            runner = ScriptRunner(
                s3=self._aws.clients.s3, processes=self._processes, environment=self._aws.environment, spark=spark
            )
        except SparkUnavailableError as error:
            raise InputError(str(error)) from error
        server = DatabricksServer(
            Scheduler(
                runner=runner,
                folder=self._folder / "databricks",
                jobs=GivenJobs(jobs),
                on_line=self._on_run_line,
            ),
            authority=Authority(tokens=accepted.tokens, clients=accepted.clients, trusts=trusts),
        )
        self._running.enter_context(server)
        self.functions.override("DATABRICKS_HOST", server.url)

    def stop(self) -> None:
        """Stop all that runs in them. Idempotent."""
        self._running.close()
        self.urls.stop()
        self.tuning.stop()
        self.jobs.stop()
        self.endpoints.stop()
        self.functions.stop()

    def _make_endpoints(self) -> Endpoints:
        return Endpoints(
            self.models,
            region=self._aws.region,
            account=self._aws.account,
            folder=self._folder / "endpoints",
            model=lambda containers, folder, on_line: InferenceModel(
                containers, objects=self._objects, processes=self._processes, folder=folder, on_line=on_line
            ),
            store=self._objects,
            tell=self._tell,
            on_line=self._on_job_line,
        )

    def _make_jobs(self) -> Jobs:
        return Jobs(
            region=self._aws.region,
            account=self._aws.account,
            folder=self._folder / "jobs",
            training=lambda request, folder, on_line: TrainingContainer(
                cast("CreateTrainingJobRequestTypeDef", request),
                objects=self._objects,
                processes=self._processes,
                folder=folder,
                on_line=on_line,
            ),
            transform=lambda request, folder, on_line: TransformContainer(
                request,
                self.models.containers(request["ModelName"]),
                objects=self._objects,
                processes=self._processes,
                folder=folder,
                on_line=on_line,
            ),
            processing=lambda request, folder, on_line: ProcessingContainer(
                request, objects=self._objects, processes=self._processes, folder=folder, on_line=on_line
            ),
            on_line=self._on_job_line,
        )

    def _tell(self, topic: str, message: str) -> None:
        self._aws.clients("sns").publish(TopicArn=topic, Message=message)  # type: ignore[attr-defined]

    def _on_function_line(self, function: str, caller: Caller | None, line: str) -> None:
        # What a Databricks step has to say comes from its script, not from the function that watches it.
        if function in self._databricks_functions:
            return
        if caller is None:
            self._on_job_line(function, line)
        else:
            self._on_state_line(caller.execution, caller.state, line)

    def _on_run_line(self, run: str, line: str) -> None:
        # A one-time run is named after machine, execution and step; that of a job is known by its id.
        if run.isdecimal():
            self._on_job_line(run, line)
        else:
            self._on_step_line(run.rsplit(":", 1)[-1], line)
