"""Writes docs/requests.md: every field of the requests that steps send, and the keyword that sets it.

Run it when a step learns a keyword, or when botocore knows more fields:

    python tools/generate_request_fields.py
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import botocore.loaders
from botocore.model import ListShape, ServiceModel, StructureShape

PAGE = Path(__file__).parent.parent / "docs" / "requests.md"
OVERRIDES = "request_overrides"
NOT_YET = "*not yet*"
_INTRODUCTION = """# Every field of AWS's requests

What a step's keywords don't set, `request_overrides` does: it is laid over the request, field by field, and the whole
is checked against botocore's own model of it. It grants nothing: grant the step's role what such a field uses.

Where this page says *not yet*, nothing reaches the field: `request_overrides` is for one request of the step, and a
list in it replaces the step's own list, the fields of whose entries are marked `[]` here.
`python tools/generate_request_fields.py` writes this page.
"""
_ID = "*the step's id*"
_FOLDER = "*the step's folder in the run's*"
_TUNING = "HyperParameterTuningJobConfig"
_TRAINING = "TrainingJobDefinition"
_CLUSTER = "ProcessingResources.ClusterConfig"
_ENDPOINT = {"EndpointName": "endpoint_name", "EndpointConfigName": "*the run's configuration*"}


@dataclass(frozen=True)
class Step:
    """A step, and what sets the fields of its request.

    Args:
        name: its class, or those of all steps that send the request.
        fields: for each field, by its path, the keywords that set it, or other words in `*`. `List[].Name` is a field
            of a list's entries.
        others: what reaches the fields that are not named. Default: `request_overrides`
        of_entries: what reaches those of a list's entries. Default: nothing yet
    """

    name: str
    fields: Mapping[str, str]
    others: str = OVERRIDES
    of_entries: str = NOT_YET


STEPS: Mapping[str, Step] = {
    "CreateHyperParameterTuningJob": Step(
        "TuningStep",
        {
            "HyperParameterTuningJobName": _ID,
            f"{_TUNING}.Strategy": "strategy",
            f"{_TUNING}.HyperParameterTuningJobObjective": "maximize, minimize",
            f"{_TUNING}.ResourceLimits.MaxNumberOfTrainingJobs": "max_jobs",
            f"{_TUNING}.ResourceLimits.MaxParallelTrainingJobs": "max_parallel_jobs",
            f"{_TUNING}.ParameterRanges.ContinuousParameterRanges": "ranges",
            f"{_TUNING}.ParameterRanges.IntegerParameterRanges": "ranges",
            f"{_TUNING}.ParameterRanges.CategoricalParameterRanges": "ranges",
            f"{_TUNING}.TrainingJobEarlyStoppingType": "early_stopping",
            f"{_TRAINING}.AlgorithmSpecification.MetricDefinitions": "metrics",
            f"{_TRAINING}.AlgorithmSpecification.TrainingImage": "image",
            f"{_TRAINING}.AlgorithmSpecification.TrainingInputMode": "input_mode",
            f"{_TRAINING}.EnableInterContainerTrafficEncryption": "encrypt_traffic",
            f"{_TRAINING}.EnableManagedSpotTraining": "spot",
            f"{_TRAINING}.EnableNetworkIsolation": "network_isolation",
            f"{_TRAINING}.Environment": "environment",
            f"{_TRAINING}.InputDataConfig": "channels",
            f"{_TRAINING}.OutputDataConfig.KmsKeyId": "output_key",
            f"{_TRAINING}.OutputDataConfig.S3OutputPath": _FOLDER,
            f"{_TRAINING}.ResourceConfig.InstanceCount": "instance_count",
            f"{_TRAINING}.ResourceConfig.InstanceType": "instance_type",
            f"{_TRAINING}.ResourceConfig.VolumeKmsKeyId": "volume_key",
            f"{_TRAINING}.ResourceConfig.VolumeSizeInGB": "volume_size",
            f"{_TRAINING}.RetryStrategy": "max_retry_attempts",
            f"{_TRAINING}.RoleArn": "role",
            f"{_TRAINING}.StaticHyperParameters": "hyperparameters, code",
            f"{_TRAINING}.StoppingCondition.MaxRuntimeInSeconds": "max_runtime",
            f"{_TRAINING}.StoppingCondition.MaxWaitTimeInSeconds": "spot, max_wait",
            f"{_TRAINING}.VpcConfig.SecurityGroupIds": "vpc, security_groups",
            f"{_TRAINING}.VpcConfig.Subnets": "vpc, subnets",
            "WarmStartConfig": "warm_start",
            "Tags": "tags",
        },
    ),
    "CreateTrainingJob": Step(
        "TrainingStep",
        {
            "TrainingJobName": _ID,
            "HyperParameters": "hyperparameters, code",
            "AlgorithmSpecification.TrainingImage": "image",
            "AlgorithmSpecification.TrainingInputMode": "input_mode",
            "AlgorithmSpecification.MetricDefinitions": "metrics",
            "RoleArn": "role",
            "InputDataConfig": "channels",
            "OutputDataConfig.KmsKeyId": "output_key",
            "OutputDataConfig.S3OutputPath": _FOLDER,
            "ResourceConfig.InstanceType": "instance_type",
            "ResourceConfig.InstanceCount": "instance_count",
            "ResourceConfig.VolumeSizeInGB": "volume_size",
            "ResourceConfig.VolumeKmsKeyId": "volume_key",
            "ResourceConfig.KeepAlivePeriodInSeconds": "keep_alive",
            "ResourceConfig.InstanceGroups": "instance_groups",
            "StoppingCondition.MaxRuntimeInSeconds": "max_runtime",
            "StoppingCondition.MaxWaitTimeInSeconds": "spot, max_wait",
            "EnableManagedSpotTraining": "spot",
            "CheckpointConfig": "checkpoints",
            "VpcConfig.Subnets": "vpc, subnets",
            "VpcConfig.SecurityGroupIds": "vpc, security_groups",
            "EnableNetworkIsolation": "network_isolation",
            "EnableInterContainerTrafficEncryption": "encrypt_traffic",
            "Environment": "environment",
            "RetryStrategy": "max_retry_attempts",
            "ExperimentConfig": "experiment",
            "Tags": "tags",
        },
    ),
    "CreateProcessingJob": Step(
        "ProcessingStep",
        {
            "ProcessingJobName": _ID,
            "ProcessingInputs": "inputs, code, spark",
            "ProcessingOutputConfig.Outputs": "outputs, upload_mode, spark_event_logs",
            "ProcessingOutputConfig.KmsKeyId": "output_key",
            f"{_CLUSTER}.InstanceType": "instance_type",
            f"{_CLUSTER}.InstanceCount": "instance_count",
            f"{_CLUSTER}.VolumeSizeInGB": "volume_size",
            f"{_CLUSTER}.VolumeKmsKeyId": "volume_key",
            "StoppingCondition.MaxRuntimeInSeconds": "max_runtime",
            "AppSpecification.ImageUri": "image",
            "AppSpecification.ContainerEntrypoint": "entrypoint, code, spark",
            "AppSpecification.ContainerArguments": "arguments",
            "Environment": "environment",
            "NetworkConfig.EnableInterContainerTrafficEncryption": "encrypt_traffic",
            "NetworkConfig.EnableNetworkIsolation": "network_isolation",
            "NetworkConfig.VpcConfig.Subnets": "vpc, subnets",
            "NetworkConfig.VpcConfig.SecurityGroupIds": "vpc, security_groups",
            "RoleArn": "role",
            "Tags": "tags",
            "ExperimentConfig": "experiment",
        },
    ),
    "CreateTransformJob": Step(
        "BatchTransformStep",
        {
            "TransformJobName": _ID,
            "ModelName": "containers, model",
            "MaxConcurrentTransforms": "max_concurrency",
            "ModelClientConfig.InvocationsTimeoutInSeconds": "invocation_timeout",
            "ModelClientConfig.InvocationsMaxRetries": "invocation_retries",
            "MaxPayloadInMB": "max_payload",
            "BatchStrategy": "batch_strategy",
            "Environment": "environment",
            "TransformInput.DataSource": "data, manifest",
            "TransformInput.ContentType": "data",
            "TransformInput.CompressionType": "compression",
            "TransformInput.SplitType": "split",
            "TransformOutput.S3OutputPath": _FOLDER,
            "TransformOutput.Accept": "accept",
            "TransformOutput.AssembleWith": "assemble, split",
            "TransformOutput.KmsKeyId": "output_key",
            "DataCaptureConfig": "data_capture",
            "TransformResources.InstanceType": "instance_type",
            "TransformResources.InstanceCount": "instance_count",
            "TransformResources.VolumeKmsKeyId": "volume_key",
            "DataProcessing.InputFilter": "input_filter",
            "DataProcessing.OutputFilter": "output_filter",
            "DataProcessing.JoinSource": "join_input",
            "ExperimentConfig": "experiment",
            "Tags": "tags",
        },
    ),
    "CreateModel": Step(
        "BatchTransformStep, InferencePipelineEndpoint, ModelStep",
        {
            "ModelName": "*the step's id, or the endpoint's name*",
            "PrimaryContainer": "`containers`, *as below, if there is but one*",
            "Containers[].Image": "ModelContainer.image",
            "Containers[].ModelDataUrl": "ModelContainer.model_data",
            "Containers[].Environment": "ModelContainer.environment, ModelContainer.code",
            "ExecutionRoleArn": "role",
            "VpcConfig.Subnets": "vpc, subnets",
            "VpcConfig.SecurityGroupIds": "vpc, security_groups",
            "EnableNetworkIsolation": "network_isolation",
            "Tags": "tags",
        },
        others="`request_overrides` *of* `ModelStep`",
        of_entries="ModelContainer.overrides",
    ),
    "CreateModelPackage": Step(
        "RegisterModelStep",
        {
            "ModelPackageGroupName": "group",
            "ClientToken": "*new in each run*",
            "ModelPackageDescription": "description",
            "ModelApprovalStatus": "approval_status",
            "Domain": "domain",
            "Task": "task",
            "SamplePayloadUrl": "sample_payload",
            "InferenceSpecification.Containers[].Image": "ModelContainer.image",
            "InferenceSpecification.Containers[].ModelDataUrl": "ModelContainer.model_data",
            "InferenceSpecification.Containers[].Environment": "ModelContainer.environment, ModelContainer.code",
            "InferenceSpecification.SupportedContentTypes": "content_types",
            "InferenceSpecification.SupportedResponseMIMETypes": "response_types",
            "InferenceSpecification.SupportedRealtimeInferenceInstanceTypes": "realtime_instance_types",
            "InferenceSpecification.SupportedTransformInstanceTypes": "transform_instance_types",
            "ModelMetrics.ModelQuality": "model_metrics",
            "ModelMetrics.ModelDataQuality": "model_metrics",
            "ModelMetrics.Bias": "model_metrics",
            "ModelMetrics.Explainability": "model_metrics",
            "CustomerMetadataProperties": "customer_metadata",
        },
        of_entries="ModelContainer.overrides",
    ),
    "CreateEndpointConfig": Step(
        "InferencePipelineEndpoint",
        {
            "EndpointConfigName": "endpoint_name",
            "ProductionVariants[].VariantName": "variants",
            "ProductionVariants[].ModelName": "*the run's model*",
            "ProductionVariants[].InitialInstanceCount": "instance_count",
            "ProductionVariants[].InstanceType": "instance_type",
            "ProductionVariants[].InitialVariantWeight": "EndpointVariant.weight",
            "ProductionVariants[].ServerlessConfig": "serverless",
            "ProductionVariants[].VolumeSizeInGB": "EndpointVariant.volume_size",
            "ProductionVariants[].ModelDataDownloadTimeoutInSeconds": "EndpointVariant.model_download_timeout",
            "ProductionVariants[].ContainerStartupHealthCheckTimeoutInSeconds": (
                "EndpointVariant.container_startup_timeout"
            ),
            "DataCaptureConfig": "data_capture",
            "Tags": "tags",
            "KmsKeyId": "volume_key",
            "AsyncInferenceConfig": "asynchronous",
            "ShadowProductionVariants": "shadow_variants",
        },
        of_entries="EndpointVariant.overrides",
    ),
    "CreateEndpoint": Step(
        "InferencePipelineEndpoint",
        {**_ENDPOINT, "Tags": "tags"},
        others="*none: it is for updates, each of which has its own*",
    ),
    "UpdateEndpoint": Step(
        "InferencePipelineEndpoint",
        {
            **_ENDPOINT,
            "DeploymentConfig": "deployment, rollback",
            "RetainAllVariantProperties": "autoscaling",
            "ExcludeRetainedVariantProperties": "autoscaling",
        },
        others="*none: each update has a deployment of its own*",
    ),
}


@dataclass(frozen=True)
class Field:
    """A field of a request.

    Args:
        path: its name, after those of the fields around it.
        required: whether the request can't be without it, if it has the field around it.
        keywords: what sets it.
    """

    path: str
    required: bool
    keywords: str

    @property
    def row(self) -> str:
        """The field's line on the page."""
        words = self.keywords if "*" in self.keywords else _quoted(self.keywords)
        return f"| `{self.path}` | {'yes' if self.required else ''} | {words} |"


def fields(operation: str) -> list[Field]:
    """All fields of an operation's request: those that the step sets in part are taken apart.

    Args:
        operation: as the API names it.
    """
    loader = botocore.loaders.Loader()
    service = ServiceModel(loader.load_service_model("sagemaker", "service-2"))
    shape = service.operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    return list(_within(shape, "", STEPS[operation], STEPS[operation].others))


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for operation, step in sorted(STEPS.items()):
        rows = "\n".join(field.row for field in fields(operation))
        link = f"https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_{operation}.html"
        head = f"## {_quoted(step.name)}: [{operation}]({link})\n\n| Field | Required | Set by |\n|---|---|---|"
        parts.append(f"{head}\n{rows}\n")
    return "\n".join(parts)


def _within(shape: StructureShape, around: str, step: Step, others: str) -> Iterator[Field]:
    for name, member in shape.members.items():
        path = f"{around}{name}"
        if any(each.startswith(f"{path}.") for each in step.fields):
            assert isinstance(member, StructureShape)
            yield from _within(member, f"{path}.", step, others)
        elif any(each.startswith(f"{path}[].") for each in step.fields):
            assert isinstance(member, ListShape)
            assert isinstance(member.member, StructureShape)
            # An override would replace the list, and so what the step itself has to say in it.
            yield from _within(member.member, f"{path}[].", step, step.of_entries)
        else:
            yield Field(path, name in shape.required_members, step.fields.get(path, others))


def _quoted(words: str) -> str:
    return ", ".join(f"`{word}`" for word in words.split(", "))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
