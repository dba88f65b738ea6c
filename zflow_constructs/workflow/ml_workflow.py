"""The workflow: its steps as one state machine, with roles, logs, a schedule and alarms."""

import json
import re
from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.picture.declaration import picture_of
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import GRAPH_METADATA
from zflow_constructs.core.rendezvous.arrangement import Join, needless_waits
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.states.membership import check_at_the_end, check_members
from zflow_constructs.core.states.run_parameters import PARAMETERS_METADATA, RunParameters
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.parameters import RunParameter, Value
from zflow_constructs.core.values.templates import Scope, Template
from zflow_constructs.data.storage import RunStorage
from zflow_constructs.resources.private_bucket import private_bucket
from zflow_constructs.resources.queues import dead_letter_queue
from zflow_constructs.resources.state_machine import machine_role
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.retry import Retry
from zflow_constructs.steps.step import Step, StepGroup, every_step, listed_steps, with_loops
from zflow_constructs.steps.timeouts import DEFAULTS, Timeouts
from zflow_constructs.workflow.compiled_workflow import CompiledWorkflow
from zflow_constructs.workflow.finally_ import FinallySteps
from zflow_constructs.workflow.triggers import call_on_stop, start_on_schedule

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_YEAR = 365 * 86_400
_MOST_TOLD = 10


class MlWorkflow(Construct):
    """A machine-learning workflow: steps that run as soon as what they need is there.

    Args:
        scope: the construct that owns it.
        id: its id; names of jobs begin with it.
        steps: all its steps and groups of them, in any order: what a step uses decides when it runs.
        finally_: steps that run when all others have ended, whether the run succeeded, failed or was stopped: they tear
            down, or tell somebody. They read run parameters and `zflow.Outcome(...)`. Default: none
        join: how branches meet where Step Functions can't nest them: through a table in DynamoDB, each step as soon as
            what it needs is there; or with `barrier` without a table, some steps waiting for more than they need (which
            is told at synth). Default: rendezvous
        outputs: what a run outputs, by name, null where a step was skipped; `WorkflowStep` hands it to other workflows.
            Default: the results of the steps that nothing comes after
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
        retry: how often what fails is tried again, in steps of SageMaker, Databricks and Lambda that say nothing
            themselves, those of loops, groups and `finally_` included.
            Default: `Retry()`: throttling and a lack of machines are waited out
        timeouts: how long the steps may take that say nothing themselves, those of loops, groups and `finally_`
            included. Default: a day for a job, 2 hours for an endpoint, 15 minutes for a Lambda

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
        steps: Sequence[Step | StepGroup],
        finally_: Sequence[Step | StepGroup] = (),
        join: Join = "rendezvous",
        outputs: Mapping[str, Template] | None = None,
        parameters: Mapping[str, RunParameter | Value] | None = None,
        bucket: s3.IBucket | None = None,
        schedule: scheduler.ScheduleExpression | None = None,
        schedule_parameters: Mapping[str, Value] | None = None,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays | None = None,
        retry: Retry | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not _NAME.fullmatch(id):
            raise WorkflowError(
                f'MlWorkflow "{id}": an id starts with a letter and has letters, digits, "-" and "_", 40 at most. '
                "It is the beginning of every job's name. Rename the workflow."
            )
        self._parameters = RunParameters.of(id, parameters or {})
        label = f'MlWorkflow "{id}"'
        members, last = listed_steps(label, "steps", steps), listed_steps(label, "finally_", finally_)
        nodes, at_the_end = self._nodes(members, last, outputs or {}, retry or Retry(), timeouts or DEFAULTS)
        self._picture = picture_of(id, nodes, at_the_end)
        if schedule or schedule_parameters:
            self._parameters.check_schedule(schedule_parameters or {})
        self._seconds = whole_seconds(label, "timeout", timeout or Duration.days(7), least=60, most=_YEAR)
        self._bucket = bucket or private_bucket(self, "Bucket", versioned=True)
        self._outputs = dict(outputs or {})
        self._role = machine_role(self)
        storage = RunStorage(self._bucket, id)
        binding = Binding(self, id, self._role, storage)
        for step in every_step(members):
            step.bind(binding)
        retention = log_retention or logs.RetentionDays.THREE_MONTHS
        self._machine = CompiledWorkflow.of(
            self,
            workflow=id,
            nodes=nodes,
            start=self._parameters.start(),
            names=self._scope(),
            role=self._role,
            timeout_seconds=self._seconds,
            join=join,
            log_retention=retention,
            outputs=outputs,
            metadata=self._metadata(),
        )
        for level in filter(None, (nodes, at_the_end)):
            self._report(level, join)
        self._state_machines: list[sfn.IStateMachine] = [self.state_machine]
        if not (schedule or binding.stoppers or last):
            return
        queue = dead_letter_queue(self, "DeadLetterQueue")
        if schedule:
            start_on_schedule(
                self, machine=self.state_machine, schedule=schedule, parameters=schedule_parameters or {}, queue=queue
            )
        if binding.stoppers:
            call_on_stop(self, machine=self.state_machine, functions=binding.stoppers, queue=queue)
        if last:
            finally_steps = FinallySteps(
                self,
                "Finally",
                name=id,
                steps=every_step(last),
                nodes=at_the_end,
                parameters=self._parameters,
                storage=storage,
                after=self.state_machine,
                queue=queue,
                log_retention=retention,
                join=join,
            )
            self._state_machines.append(finally_steps.state_machine)

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine."""
        return self._machine.state_machine

    @property
    def state_machines(self) -> Sequence[sfn.IStateMachine]:
        """The state machine, and the one of the steps at the end, if there are any: both are worth an alarm."""
        return tuple(self._state_machines)

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
        return self._machine.log_group

    @property
    def run_parameters(self) -> RunParameters:
        """What a run may be given."""
        return self._parameters

    @property
    def outputs(self) -> Mapping[str, Template]:
        """What a run outputs, by name."""
        return self._outputs

    @property
    def timeout_seconds(self) -> int:
        """How long a run may take, in seconds."""
        return self._seconds

    def to_mermaid(self) -> str:
        """A picture of the workflow as it was declared, in Mermaid, for a README; `zflow graph` draws SVG and HTML."""
        return to_mermaid(self._picture)

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone start runs.

        Args:
            grantee: a role, a user, or what has one.
        """
        return self._machine.state_machine.grant_start_execution(grantee)

    def metric_failed(self) -> cloudwatch.Metric:
        """How many executions failed, in five minutes."""
        return self._machine.state_machine.metric_failed()

    def metric_succeeded(self) -> cloudwatch.Metric:
        """How many executions succeeded, in five minutes."""
        return self._machine.state_machine.metric_succeeded()

    def metric_duration(self) -> cloudwatch.Metric:
        """How long executions took, in milliseconds."""
        return self._machine.state_machine.metric_time()

    def _scope(self) -> Scope:
        location = json.dumps(f"s3://{self._bucket.bucket_name}/{self.node.id}/")
        return Scope(
            run_location=f"{location} & $states.context.Execution.Name",
            workflow=self.node.id,
            kinds=self._parameters.kinds,
        )

    def _report(self, nodes: Sequence[StepNode], join: Join) -> None:
        """Says at synth what may surprise whoever runs it."""
        waits = needless_waits(nodes) if join == "barrier" else []
        for earlier, later in waits[:_MOST_TOLD]:
            Annotations.of(self).add_info(
                f'join="barrier": step "{later}" waits for "{earlier}", which it doesn\'t need.'
            )
        if more := waits[_MOST_TOLD:]:
            Annotations.of(self).add_info(f'join="barrier": {len(more)} more such waits.')

    def _metadata(self) -> dict[str, object]:
        parameters = {PARAMETERS_METADATA: self._parameters.metadata()} if self._parameters.declared else {}
        return {GRAPH_METADATA: self._picture.to_json(), **parameters}

    def _nodes(
        self,
        steps: Sequence[Step],
        at_the_end: Sequence[Step],
        outputs: Mapping[str, Template],
        retry: Retry,
        timeouts: Timeouts,
    ) -> tuple[list[StepNode], list[StepNode]]:
        """The steps as the compiler takes them, once it is sure that they belong together."""
        name = self.node.id
        if not steps:
            raise WorkflowError(f'MlWorkflow "{name}": steps is empty. List the steps that it runs.')
        places: dict[Step, str] = {}
        for keyword, given in (("steps=", steps), ("finally_=", at_the_end)):
            for step, loop in with_loops(given):
                place = f'the steps of the loop "{loop.name}"' if loop else keyword
                if (known_place := places.setdefault(step, place)) != place:
                    raise WorkflowError(
                        f'MlWorkflow "{name}": step "{step.name}" is in {known_place} and in {place}. '
                        "A step has one place: take it out of one of them."
                    )
        seen: dict[str, Step] = {}
        for step in places:
            if (known := seen.setdefault(step.name, step)) is not step:
                raise WorkflowError(
                    f'MlWorkflow "{name}": two steps have the id "{step.name}", {known.path} and {step.path}. '
                    "Ids name the states of one state machine: rename one."
                )
            step.inherit(retry, timeouts)
        nodes, last = [step.compiled() for step in steps], [step.compiled() for step in at_the_end]
        check_members(name, nodes, self._parameters, outputs)
        check_at_the_end(name, nodes, last, self._parameters)
        return nodes, last
