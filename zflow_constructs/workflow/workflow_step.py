"""Workflows as steps of other workflows."""

from collections.abc import Mapping, Sequence

from constructs import Construct

from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.states.run_parameters import STARTED_BY
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.references import ExecutionId, JobName, field_path
from zflow_constructs.core.values.templates import Template
from zflow_constructs.resources.state_machine import executions_of
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.retry import EXECUTION
from zflow_constructs.steps.step import Step, StepGroup
from zflow_constructs.workflow.ml_workflow import MlWorkflow


class WorkflowStep(Step):
    """Runs another workflow, and waits for its end: a part with a history, a log and permissions of its own.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        workflow: the other workflow; it can be in another stack.
        parameters: its run parameters; outputs of other steps may stand in them. Default: its own defaults
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: the other workflow has no such parameter, or would refuse its value.

    Example:
        score = WorkflowStep(self, "Score", workflow=scoring, parameters={"model": train.model_data.uri})
        ... score.outputs["auc"] >= 0.75
    """

    kind = "workflow"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        workflow: MlWorkflow,
        parameters: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._workflow = workflow
        check_json(self.label, "parameters", parameters)
        self._given = dict(parameters or {})
        workflow.run_parameters.check_given(self.label, self._given)
        # A retry whose first call was accepted, though its answer was lost, finds the execution of that name.
        self._execution = JobName(self.name, max_length=80, new_at_retry=False)
        self._outputs = Outputs(
            self.name,
            {name: self.result("outputs", name) for name in workflow.outputs},
            declare=f'Declare it in MlWorkflow "{workflow.node.id}": outputs={{name: an output of a step}}.',
        )

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """What the other workflow outputs, by name."""
        return self._outputs

    @property
    def execution_arn(self) -> Expression:
        """The ARN of the other workflow's execution."""
        return self.result("execution", kind="string")

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what the other workflow outputs."""
        return bool(self._outputs)

    def fragment(self) -> Fragment:
        """One state: `{"Resource": "arn:aws:states:::states:startExecution.sync:2", "Arguments": {...}}`."""
        outputs = {name: Jsonata(field_path("$states.result.Output", name)) for name in self._outputs}
        task = Task(
            resource="arn:aws:states:::states:startExecution.sync:2",
            arguments={
                "StateMachineArn": self._workflow.state_machine.state_machine_arn,
                "Name": self._execution,
                "Input": {**self._given, STARTED_BY: ExecutionId()},
            },
            timeout_seconds=self._workflow.timeout_seconds,
            assign={self.variable: {"execution": Jsonata("$states.result.ExecutionArn"), "outputs": outputs}},
            retry=(EXECUTION,),
        )
        return Fragment({self.name: task}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the state machine start, watch and stop the executions of the other one."""
        machine = self._workflow.state_machine
        executions = executions_of(machine, f":{self._execution.prefix(binding.name)}*")
        binding.allow(["states:StartExecution"], [machine.state_machine_arn])
        binding.allow(["states:DescribeExecution", "states:StopExecution"], [executions])
        binding.allow_managed_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule")
