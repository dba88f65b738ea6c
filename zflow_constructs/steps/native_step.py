"""Any chain of the CDK's own Step Functions states as a step."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.states.asl import Native, states_in
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.references import field_path
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.outputs import Outputs
from zflow_constructs.steps.step import Step, StepGroup

_JSON_PATH_FIELDS = {"InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector"}


class NativeStep(Step):
    """A chain of the CDK's own states, for what has no step here.

    The chain runs in a Parallel state of one branch. Its variables stay its own; its states' names must be unique in
    the workflow, as AWS demands. It is written in JSONata (`sfn.Pass.jsonata(...)`), reads `payload` as
    `$states.input`, and its last state's output is the result.

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        chain: the states.
        payload: what the chain's first state gets as its input; outputs of other steps may stand in it. Default: {}
        outputs: the fields of the chain's output that other steps use, as `step.outputs[name]`. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: a state of the chain is written in JSONPath.

    Example:
        notify = NativeStep(self, "Notify", chain=tasks.SnsPublish.jsonata(self, "Publish", topic=topic, ...),
                            payload={"model": train.model_data.uri})
    """

    kind = "native states"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        chain: sfn.IChainable,
        payload: Mapping[str, Template] | None = None,
        outputs: Sequence[str] = (),
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._graph = sfn.StateGraph(chain.start_state, f"{id}, a native step")
        self._branch: Mapping[str, Json] = self._graph.to_graph_json(sfn.QueryLanguage.JSONATA)
        check_json(self.label, "payload", payload)
        self._input = dict(payload or {})
        self._outputs = Outputs(id, {name: self.result(name) for name in outputs})
        for name, fields in states_in(self._branch):
            if in_json_path := sorted(_JSON_PATH_FIELDS & fields.keys()):
                raise WorkflowError(
                    f'Step "{id}": the state "{name}" is written in JSONPath (it has {one_of(in_json_path)}), and a '
                    "workflow in JSONata. Make it by its jsonata() function, as in sfn.Pass.jsonata(...)."
                )

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """The fields of the chain's output, by name."""
        return self._outputs

    @property
    def unbounded(self) -> bool:
        """Whether its result may have any size: what the chain outputs."""
        return bool(self._outputs)

    def fragment(self) -> Fragment:
        """One state: `{"Type": "Parallel", "Branches": [<the chain>], "Arguments": {...}}`."""
        state = Native(
            definition={"Type": "Parallel", "Branches": [self._branch]},
            arguments=self._input,
            assign={self.variable: {name: Jsonata(field_path("$states.result[0]", name)) for name in self._outputs}},
        )
        return Fragment({self.name: state}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Grants the state machine what the chain's states need."""
        for statement in self._graph.policy_statements:
            binding.role.add_to_principal_policy(statement)
