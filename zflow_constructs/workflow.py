"""The workflow: its steps as one state machine, with roles, logs, a schedule and alarms."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.declaration import picture_of
from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Scope, parts_of
from zflow_constructs.core.fragment import StepNode
from zflow_constructs.core.mermaid import to_mermaid
from zflow_constructs.core.parameters import RunParameter, Value
from zflow_constructs.core.picture import GRAPH_METADATA
from zflow_constructs.core.references import Parameter
from zflow_constructs.core.run_parameters import PARAMETERS_METADATA, RunParameters
from zflow_constructs.queues import dead_letter_queue
from zflow_constructs.rendezvous_table import rendezvous_table
from zflow_constructs.step import Step, whole_seconds
from zflow_constructs.storage import RunStorage
from zflow_constructs.triggers import call_on_stop, start_on_schedule

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_YEAR = 365 * 86_400


class MlWorkflow(Construct):
    """A machine-learning workflow: steps that run as soon as what they need is there.

    Args:
        scope: the construct that owns it.
        id: its id; names of jobs begin with it.
        steps: all its steps, in any order: what a step uses decides when it runs.
        parameters: the run parameters, read in steps by `zflow.Parameter(name)`: what a run may set by its input,
            `{"name": value}`. Each a `zflow.RunParameter`, or a plain value: its default, which says its type.
            Default: none
        bucket: where the runs keep their data, below `<workflow>/<execution>/<step>/`.
            Default: a new one, encrypted, kept when the stack is deleted
        schedule: when it runs by itself, with a time zone. Default: never
        schedule_parameters: the run parameters of scheduled runs; `<aws.scheduler.scheduled-time>` is the time for
            which a run was scheduled. Default: the parameters' defaults
        timeout: an execution is stopped, and fails, after this time. Default: 7 days
        log_retention: how long the executions' logs are kept. Default: 3 months

    Raises:
        WorkflowError: the steps don't fit together, or a value is out of bounds.

    Example:
        workflow = MlWorkflow(self, "RiskScoring", steps=[extract, train, endpoint],
                              schedule=ScheduleExpression.cron(hour="3", minute="0", time_zone=TimeZone.EUROPE_BERLIN))
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        steps: Sequence[Step],
        parameters: Mapping[str, RunParameter | Value] | None = None,
        bucket: s3.IBucket | None = None,
        schedule: scheduler.ScheduleExpression | None = None,
        schedule_parameters: Mapping[str, Value] | None = None,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not _NAME.fullmatch(id):
            raise WorkflowError(
                f'MlWorkflow "{id}": an id starts with a letter and has letters, digits, "-" and "_", 40 at most. '
                "It is the beginning of every job's name. Rename the workflow."
            )
        self._parameters = RunParameters.of(id, parameters or {})
        nodes = _checked_nodes(id, steps, self._parameters)
        self._picture = picture_of(id, nodes)
        if schedule or schedule_parameters:
            self._parameters.check_schedule(schedule_parameters or {})
        seconds = whole_seconds(f'MlWorkflow "{id}"', "timeout", timeout or Duration.days(7), least=60, most=_YEAR)
        self._bucket = bucket or self._new_bucket()
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        binding = Binding(self, id, self._role, RunStorage(self._bucket, id))
        for step in steps:
            step.bind(binding)
        self._definition = compile_workflow(
            nodes,
            start=self._parameters.start(),
            scope=self._scope(),
            timeout_seconds=seconds,
            table=lambda: rendezvous_table(self, role=self._role).table_name,
        )
        self._log_group = logs.LogGroup(
            self,
            "Logs",
            retention=log_retention or logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._state_machine = self._new_state_machine()
        if schedule or binding.stoppers:
            queue = dead_letter_queue(self, "DeadLetterQueue")
            if schedule:
                start_on_schedule(
                    self,
                    machine=self._state_machine,
                    schedule=schedule,
                    parameters=schedule_parameters or {},
                    queue=queue,
                )
            if binding.stoppers:
                call_on_stop(self, machine=self._state_machine, functions=binding.stoppers, queue=queue)

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine."""
        return self._state_machine

    @property
    def role(self) -> iam.IRole:
        """The role of the state machine."""
        return self._role

    @property
    def bucket(self) -> s3.IBucket:
        """Where the runs keep their data."""
        return self._bucket

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log of the executions."""
        return self._log_group

    def to_mermaid(self) -> str:
        """A picture of the workflow as it was declared, in Mermaid, for a README; `zflow graph` draws SVG and HTML."""
        return to_mermaid(self._picture)

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone start runs.

        Args:
            grantee: a role, a user, or what has one.
        """
        return self._state_machine.grant_start_execution(grantee)

    def metric_failed(self) -> cloudwatch.Metric:
        """How many executions failed, in five minutes."""
        return self._state_machine.metric_failed()

    def metric_succeeded(self) -> cloudwatch.Metric:
        """How many executions succeeded, in five minutes."""
        return self._state_machine.metric_succeeded()

    def metric_duration(self) -> cloudwatch.Metric:
        """How long executions took, in milliseconds."""
        return self._state_machine.metric_time()

    def _new_bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _scope(self) -> Scope:
        location = json.dumps(f"s3://{self._bucket.bucket_name}/{self.node.id}/")
        return Scope(run_location=f"{location} & $states.context.Execution.Name", workflow=self.node.id)

    def _new_state_machine(self) -> sfn.StateMachine:
        stack = Stack.of(self)
        # Steps name integrations as most regions do; in China and GovCloud their ARNs begin otherwise.
        definition = json.dumps(self._definition).replace('"arn:aws:states:::', f'"arn:{stack.partition}:states:::')
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(stack.to_json_string(json.loads(definition))),
            role=self._role,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=self._log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
        )
        resource = cast("sfn.CfnStateMachine", machine.node.default_child)
        resource.add_metadata(GRAPH_METADATA, self._picture.to_json())
        if self._parameters.declared:
            resource.add_metadata(PARAMETERS_METADATA, self._parameters.metadata())
        return machine


def _checked_nodes(workflow: str, steps: Sequence[Step], parameters: RunParameters) -> list[StepNode]:
    """The steps as the compiler takes them, once it is sure that they belong together."""
    if not steps:
        raise WorkflowError(f'MlWorkflow "{workflow}": steps is empty. List the steps that it runs.')
    seen: dict[str, Step] = {}
    for step in steps:
        if not isinstance(step, Step):
            raise WorkflowError(f'MlWorkflow "{workflow}": steps has {step!r}, which is no step. Hand it steps.')
        if seen.setdefault(step.name, step) is not step:
            raise WorkflowError(
                f'MlWorkflow "{workflow}": two steps have the id "{step.name}", {seen[step.name].path} and '
                f"{step.path}. Ids name the states of one state machine: rename one."
            )
    nodes = [step.compiled() for step in seen.values()]
    listed = {node.key for node in nodes}
    for node in nodes:
        for need in (*node.needs, *node.after):
            if need not in listed:
                missing = need.rsplit("/", 1)[-1]
                raise WorkflowError(
                    f'MlWorkflow "{workflow}": step "{node.name}" needs step "{missing}", which is not among its '
                    f"steps. Add it: steps=[..., {missing.lower().replace(' ', '_')}]."
                )
        for part in (*node.fragment.expressions(), *parts_of(node.when)):
            if isinstance(part, Parameter):
                parameters.check_used(f'step "{node.name}"', part.name)
    return nodes
