"""The workflows of a stack: their state machines among the others, and what these say of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zflow_constructs.assembly.cloud_assembly import Stack, load_stack
from zflow_constructs.assembly.input_error import AssemblyError, listed
from zflow_constructs.assembly.json_document import fields, items
from zflow_constructs.core.picture.picture import GRAPH_METADATA, MACHINERY_METADATA, Picture
from zflow_constructs.core.states.run_parameters import PARAMETERS_METADATA
from zflow_constructs.core.values.parameters import RunParameter
from zflow_constructs.core.values.templates import Json

_STATE_MACHINE = "AWS::StepFunctions::StateMachine"


@dataclass(frozen=True)
class Workflow:
    """A workflow of a stack.

    Args:
        stack: Its stack.
        logical_id: The logical id of its state machine.
    """

    stack: Stack
    logical_id: str

    @property
    def picture(self) -> Picture:
        """What is drawn of it.

        Raises:
            AssemblyError: Its state machine doesn't say what to draw, or not in a form that is known here.
        """
        try:
            return Picture.from_json(fields(self._metadata[GRAPH_METADATA]))
        except (KeyError, TypeError) as error:
            raise AssemblyError(
                f"The state machine {self.logical_id} of the stack {self.stack.name} doesn't say what to draw: it was "
                "made by an older zflow_constructs, or by something else. Synthesize it again."
            ) from error

    @property
    def parameters(self) -> Mapping[str, RunParameter]:
        """The run parameters that it declares; none if its state machine doesn't say.

        Raises:
            AssemblyError: They have a form that is not known here.
        """
        declared = fields(self._metadata.get(PARAMETERS_METADATA))
        try:
            return {name: RunParameter.from_metadata(fields(parameter)) for name, parameter in declared.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise AssemblyError(
                f"The run parameters of the state machine {self.logical_id} of the stack {self.stack.name} can't be "
                "read: it was made by another version of zflow_constructs. Synthesize it again."
            ) from error

    @property
    def _metadata(self) -> Mapping[str, Json]:
        return fields(self.stack.resources[self.logical_id].get("Metadata"))


def load_workflow(folder: Path, stack: str = "", workflow: str = "") -> Workflow:
    """Read a workflow.

    Args:
        folder: The assembly, usually `cdk.out`.
        stack: Its stack: the id in the app, or the name. Default: the assembly's only one.
        workflow: Its id in the stack. Default: the stack's only one.

    Raises:
        AssemblyError: There is no assembly, stack or workflow, or it isn't clear which.
    """
    return find_workflow(load_stack(folder, stack), workflow)


def find_workflow(stack: Stack, workflow: str = "") -> Workflow:
    """Choose a workflow of a stack.

    Args:
        stack: The stack.
        workflow: The workflow's id in the stack. Default: the stack's only one.

    Raises:
        AssemblyError: There is no such workflow, or it isn't clear which.
    """
    following = set(_following(stack))
    machines = {
        _construct_id(stack, key, resource): key
        for key, resource in stack.resources_of(_STATE_MACHINE).items()
        if key not in following and not _is_machinery(resource)
    }
    # Without the paths that only the CDK's command writes, the logical id begins with the workflow's.
    named = [machines[workflow]] if workflow in machines else []
    matching = named or [key for key in machines.values() if workflow and key.startswith(workflow)]
    if len(matching) == 1:
        return Workflow(stack, matching[0])
    if workflow:
        raise AssemblyError(f"The stack {stack.name} has no workflow {workflow!r}, but: {listed(machines, workflow)}")
    if len(machines) == 1:
        return Workflow(stack, next(iter(machines.values())))
    names = ", ".join(sorted(machines)) or "none"
    raise AssemblyError(f"The stack {stack.name} has {len(machines)} workflows; choose one with --workflow: {names}")


def machinery(stack: Stack) -> list[str]:
    """List the logical ids of the state machines that do a step's work for workflows, and are none themselves.

    Args:
        stack: The stack.
    """
    return [key for key, resource in stack.resources_of(_STATE_MACHINE).items() if _is_machinery(resource)]


def _is_machinery(resource: Mapping[str, Json]) -> bool:
    return MACHINERY_METADATA in fields(resource.get("Metadata"))


def _following(stack: Stack) -> Iterator[str]:
    """The logical ids of what rules start when an execution ends: no workflow, but what comes after one."""
    for rule in stack.resources_of("AWS::Events::Rule").values():
        properties = fields(rule.get("Properties"))
        if fields(properties.get("EventPattern")).get("source") == ["aws.states"]:
            for target in items(properties.get("Targets")):
                arn = fields(target).get("Arn")
                yield str(fields(arn).get("Ref", "") if isinstance(arn, Mapping) else arn)


def _construct_id(stack: Stack, logical_id: str, machine: Mapping[str, Json]) -> str:
    """The id in its stack of the workflow that a state machine belongs to, with those of the constructs around it.

    `Nightly` for a machine at `Demo/Nightly/StateMachine/Resource`; without CDK's metadata, the logical id.
    """
    path = str(fields(machine.get("Metadata")).get("aws:cdk:path", ""))
    inside = path.removeprefix(f"{stack.path or stack.name}/").removesuffix("/Resource").removesuffix("/StateMachine")
    return inside or logical_id
