"""Rules about the requests of AWS calls, checked against AWS's own description of them.

Step Functions spells every field in PascalCase, whatever the API does.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.session import Session

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.machine import Machine, State, entries, fields, text
from zflow_constructs.local.sdk_names import BOTO_NAMES, JAVA_NAMES
from zflow_constructs.requests.aws import validate_request

_RESOURCE = re.compile(r"arn:[\w-]+:states:::(?P<sdk>aws-sdk:)?(?P<service>\w+):(?P<action>\w+)(?P<pattern>\.[\w:]+)?")
_OPTIMIZED = {
    "dynamodb": "dynamodb",
    "events": "events",
    "lambda": "lambda",
    "sagemaker": "sagemaker",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
}
"""The optimized integrations whose fields are the API's; others have fields of their own."""


@dataclass(frozen=True)
class _Call:
    """What a Task calls."""

    service: ServiceModel
    operation: str

    @property
    def input(self) -> StructureShape | None:
        """The shape of its request; None if it takes none."""
        shape = self.service.operation_model(self.operation).input_shape
        return shape if isinstance(shape, StructureShape) else None

    @property
    def exists(self) -> bool:
        """Whether the service has the operation."""
        return self.operation in self.service.operation_names


def _unknown_action(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        call = _call(state)
        if call is not None and not call.exists:
            suggestion = did_you_mean(call.operation, call.service.operation_names)
            yield Problem(
                state.name,
                f"it calls {call.operation}, which {call.service.service_id} doesn't have.{suggestion}",
                "Name an action of the service, its first letter small.",
            )


def _request(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        call = _call(state)
        arguments = state.definition.get("Arguments", {})
        if call is None or not call.exists or call.input is None or not isinstance(arguments, Mapping):
            continue
        try:
            validate_request(
                state.name,
                call.service.service_name,
                call.operation,
                _api_request(arguments, call.input),
            )
        except WorkflowError as error:
            said = str(error).partition("\n")[2].rpartition("\n")
            yield Problem(state.name, f"{call.operation} would refuse its Arguments.\n{said[0]}\n", said[2])


def _unknown_error(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        call, resource = _call(state), _RESOURCE.fullmatch(state.resource)
        if call is None or resource is None or not resource["sdk"] or resource["service"] not in JAVA_NAMES:
            continue
        prefix = JAVA_NAMES[resource["service"]]
        raised = _raised(call.service, prefix)
        for name in _handled(state):
            # Who answers a task token may name an error as they like.
            anyones = name.startswith("States.") or (resource["pattern"] == ".waitForTaskToken" and "." not in name)
            if name not in raised and not anyones:
                yield Problem(
                    state.name,
                    f'it handles "{name}", which {call.service.service_id} doesn\'t raise.{did_you_mean(name, raised)}',
                    f"Name it as the SDK for Java does: {prefix}.<Error>Exception.",
                )


def _raised(service: ServiceModel, prefix: str) -> list[str]:
    """The names of a service's errors in an AWS SDK integration; those that its API doesn't declare are its own."""
    declared = [shape.name.removesuffix("Fault").removesuffix("Exception") for shape in service.error_shapes]
    undeclared = [prefix, f"Amazon{prefix}", "SdkClient", "Throttling"]
    return [f"{prefix}.{name}Exception" for name in (*declared, *undeclared)]


def _handled(state: State) -> list[str]:
    handlers = [fields(handler) for field in ("Retry", "Catch") for handler in entries(state.definition.get(field))]
    return [text(error) for handler in handlers for error in entries(handler.get("ErrorEquals"))]


def _call(state: State) -> _Call | None:
    """What a Task calls, if botocore describes it."""
    resource = _RESOURCE.fullmatch(state.resource)
    if resource is None:
        return None
    name = resource["service"]
    service = _service(BOTO_NAMES.get(name, name) if resource["sdk"] else _OPTIMIZED.get(name, ""))
    return _Call(service, resource["action"][0].upper() + resource["action"][1:]) if service else None


@cache
def _service(name: str) -> ServiceModel | None:
    session = _session()
    names = {service.replace("-", ""): service for service in session.get_available_services()}
    try:
        return session.get_service_model(names.get(name, name))
    except UnknownServiceError:
        return None


@cache
def _session() -> Session:
    return Session()


def _api_request(request: Mapping[str, Json], shape: StructureShape) -> dict[str, Template]:
    """The request with the API's names; what is known only at run time becomes an expression."""
    members = {name[0].upper() + name[1:]: name for name in shape.members}
    known = {
        members[name]: _translated(value, shape.members[members[name]])
        for name, value in request.items()
        if name in members
    }
    unknown = {
        f"{name} (not in PascalCase)" if name in shape.members else name: None
        for name in request
        if name not in members
    }
    return {**known, **unknown}


def _translated(value: Json, shape: Shape) -> Template:
    match value:
        case Mapping() if isinstance(shape, StructureShape):
            return _api_request(value, shape)
        case Mapping() if isinstance(shape, MapShape):
            return {name: _translated(item, shape.value) for name, item in value.items()}
        case list() if isinstance(shape, ListShape):
            return [_translated(item, shape.member) for item in value]
        case str() if value.startswith("{%") or shape.type_name == "blob":
            return Jsonata(value)
        case Mapping() if shape.type_name in {"string", "blob"}:
            return Jsonata("a document, which Step Functions serializes")
    return value


INTEGRATION_RULES: Mapping[str, Rule] = {
    "unknown-action": _unknown_action,
    "request": _request,
    "unknown-error": _unknown_error,
}
"""The requests of AWS calls."""
