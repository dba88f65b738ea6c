"""What the local engine honours: checked before a run, so that nothing is skipped in silence."""

import re
from collections.abc import Iterator, Mapping

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.json_document import fields, items
from zflow_constructs.core.states.asl import states_in
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws.resource_types import HONOURED_TYPES

INTEGRATIONS = (
    "lambda:invoke(\\.waitForTaskToken)?",
    "sagemaker:(createTrainingJob|createTransformJob|createProcessingJob|createHyperParameterTuningJob)(\\.sync)?",
    "sagemaker:(createModel|createEndpointConfig|createEndpoint|updateEndpoint)",
    "aws-sdk:sagemaker:(create|describe|delete)(Model|EndpointConfig|Endpoint)",
    "aws-sdk:sagemaker:(create|describe|stop)(TrainingJob|TransformJob|ProcessingJob|HyperParameterTuningJob)",
    "aws-sdk:sagemaker:(create|describe|update)ModelPackage",
    "aws-sdk:sagemaker:(updateEndpoint|listEndpoints|listEndpointConfigs|listModels|listModelPackages|addTags|listTags)",
    "aws-sdk:applicationautoscaling:[a-zA-Z]+",
    "aws-sdk:(cloudwatch|dynamodb|eventbridge|lambda|s3|secretsmanager|sfn|sns|sqs|ssm):[a-zA-Z0-9]+(\\.waitForTaskToken)?",
    "dynamodb:(getItem|putItem|updateItem|deleteItem)",
    "events:putEvents",
    "sns:publish",
    "sqs:sendMessage(\\.waitForTaskToken)?",
    "states:startExecution(\\.sync(:2)?|\\.waitForTaskToken)?",
)
"""The service integrations of a Task, as regular expressions of what follows `arn:aws:states:::`."""

_TASK = re.compile(f"arn:aws:(states:::({'|'.join(INTEGRATIONS)})|lambda:.*:function:.*)")

_NOT_HERE = ("ItemBatcher", "ItemReader", "ResultWriter")
"""Fields of a Distributed Map that need S3."""


def check_resources(stack: Stack) -> None:
    """Refuse a stack that has resources which the engine can't honour.

    Args:
        stack: The stack.

    Raises:
        AssemblyError: Naming each such resource by its logical id and type.
    """
    refusals = [refusal for name, resource in stack.resources.items() for refusal in _refusals(name, resource)]
    if refusals:
        raise AssemblyError(
            f"The local engine can't run the stack {stack.name}:\n  "
            + "\n  ".join(refusals)
            + f"\nIt honours these types: {', '.join(sorted(HONOURED_TYPES))}."
        )


def check_tasks(machine: str, definition: Mapping[str, Json]) -> None:
    """Refuse a state machine that has integrations which the engine can't honour.

    Args:
        machine: The machine's name.
        definition: The machine in the Amazon States Language, its tokens resolved.

    Raises:
        AssemblyError: Naming each such state and its resource.
    """
    refusals = [
        f"{name}: {state['Resource']}"
        for name, state in states_in(definition)
        if state["Type"] == "Task" and not _TASK.fullmatch(str(state["Resource"]))
    ]
    refusals += [f"{name}: {field}" for name, state in states_in(definition) for field in _NOT_HERE if field in state]
    if refusals:
        known = ", ".join(integration.replace("\\", "") for integration in INTEGRATIONS)
        raise AssemblyError(
            f"The local engine can't run these states of {machine}:\n  "
            + "\n  ".join(refusals)
            + f"\nIt honours these integrations: {known}."
        )


def _refusals(name: str, resource: Mapping[str, Json]) -> Iterator[str]:
    kind = str(resource.get("Type", "no type"))
    properties = fields(resource.get("Properties"))
    if kind not in HONOURED_TYPES:
        yield f"{name}: {kind}"
    elif kind == "AWS::Lambda::Function":
        runtime = str(properties.get("Runtime", properties.get("PackageType", "none")))
        if not runtime.startswith("python3."):
            yield f"{name}: {kind} with runtime {runtime}; only Python handlers run here"
        if "Layers" in properties:
            yield f"{name}: {kind} with layers"
    elif kind == "AWS::Lambda::Url" and properties.get("InvokeMode", "BUFFERED") != "BUFFERED":
        yield f"{name}: {kind} that streams its answers"
    elif kind == "AWS::Events::Rule":
        for target in map(fields, items(properties.get("Targets"))):
            if "EcsParameters" in target or "KinesisParameters" in target:
                yield f"{name}: {kind} with a target other than a Lambda function or a queue"
