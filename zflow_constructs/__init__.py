"""Machine-learning workflows as AWS CDK constructs.

Declare steps; what a step uses of another makes the order. `MlWorkflow` synthesizes them into a Step Functions state
machine with its roles, logs and schedule.

The stages: steps are constructs that describe themselves (`step`); `MlWorkflow` checks them, binds them to its role and
bucket (`Binding`), and compiles their fragments of states into one definition (`core`).

Names are imported when they are first used: the local engine's processes are of this package too, and start without the
CDK and its Node.js.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zflow_constructs.alternatives import first_of
    from zflow_constructs.approval import ApprovalStep
    from zflow_constructs.approval_page import ApprovalPage
    from zflow_constructs.batch_data_capture import BatchDataCapture
    from zflow_constructs.batch_transform import BatchTransformStep
    from zflow_constructs.binding import Binding
    from zflow_constructs.containers import ContainerImage, ModelContainer
    from zflow_constructs.core.errors import WorkflowError
    from zflow_constructs.core.expressions import Condition, Expression, Jsonata
    from zflow_constructs.core.outcome import Outcome
    from zflow_constructs.core.parameters import RunParameter
    from zflow_constructs.core.references import Item, Parameter
    from zflow_constructs.databricks.code import GitFile, GitSource, WorkspaceFile
    from zflow_constructs.databricks.compute import ExistingCluster, JobCluster, ServerlessCompute
    from zflow_constructs.databricks.credentials import DatabricksCredentials
    from zflow_constructs.databricks.job_step import DatabricksJobStep
    from zflow_constructs.databricks.libraries import DatabricksLibrary
    from zflow_constructs.databricks.options import DatabricksTask
    from zflow_constructs.databricks.permissions import RunPermission
    from zflow_constructs.databricks.queries import DbtTask, PipelineTask, RunJobTask, SqlTask
    from zflow_constructs.databricks.tasks import JarTask, NotebookTask, PythonWheelTask, SparkPythonTask
    from zflow_constructs.databricks.workspace import DatabricksWorkspace
    from zflow_constructs.endpoint.async_inference import AsyncInference
    from zflow_constructs.endpoint.autoscaling import AutoScaling, ScalingTarget, ScheduledCapacity
    from zflow_constructs.endpoint.data_capture import DataCapture
    from zflow_constructs.endpoint.deployment import Capacity, Deployment
    from zflow_constructs.endpoint.rollback import Rollback
    from zflow_constructs.endpoint.smoke_test import SmokeTest
    from zflow_constructs.endpoint.variants import EndpointVariant, Serverless
    from zflow_constructs.endpoint_deletion import DeleteEndpointStep
    from zflow_constructs.experiment import ExperimentConfig
    from zflow_constructs.for_each import ForEach
    from zflow_constructs.functions import LambdaStep
    from zflow_constructs.hyperparameters import CategoricalRange, ContinuousRange, IntegerRange
    from zflow_constructs.inference_endpoint import InferencePipelineEndpoint
    from zflow_constructs.model import Model
    from zflow_constructs.model_package import ModelPackage, ModelPackageGroup, RegisteredGroup
    from zflow_constructs.model_registry import RegisterModelStep
    from zflow_constructs.model_step import ModelStep
    from zflow_constructs.native import NativeStep
    from zflow_constructs.processing import ProcessingStep
    from zflow_constructs.processing_input import ProcessingInput
    from zflow_constructs.registry_approval import RegistryApprovalStep
    from zflow_constructs.retry import Retry
    from zflow_constructs.sources import DataLocation, ModelData, SourceCode
    from zflow_constructs.spark_options import SparkOptions
    from zflow_constructs.step import Step, StepGroup
    from zflow_constructs.sub_workflow import WorkflowStep
    from zflow_constructs.timeouts import Timeouts
    from zflow_constructs.training import TrainingStep
    from zflow_constructs.training_channels import TrainingChannel
    from zflow_constructs.training_machines import InstanceGroup
    from zflow_constructs.tuning import TuningStep
    from zflow_constructs.tuning_search import WarmStart
    from zflow_constructs.workflow import MlWorkflow

__all__ = [
    "ApprovalPage",
    "ApprovalStep",
    "AsyncInference",
    "AutoScaling",
    "BatchDataCapture",
    "BatchTransformStep",
    "Binding",
    "Capacity",
    "CategoricalRange",
    "Condition",
    "ContainerImage",
    "ContinuousRange",
    "DataCapture",
    "DataLocation",
    "DatabricksCredentials",
    "DatabricksJobStep",
    "DatabricksLibrary",
    "DatabricksTask",
    "DatabricksWorkspace",
    "DbtTask",
    "DeleteEndpointStep",
    "Deployment",
    "EndpointVariant",
    "ExistingCluster",
    "ExperimentConfig",
    "Expression",
    "ForEach",
    "GitFile",
    "GitSource",
    "InferencePipelineEndpoint",
    "InstanceGroup",
    "IntegerRange",
    "Item",
    "JarTask",
    "JobCluster",
    "Jsonata",
    "LambdaStep",
    "MlWorkflow",
    "Model",
    "ModelContainer",
    "ModelData",
    "ModelPackage",
    "ModelPackageGroup",
    "ModelStep",
    "NativeStep",
    "NotebookTask",
    "Outcome",
    "Parameter",
    "PipelineTask",
    "ProcessingInput",
    "ProcessingStep",
    "PythonWheelTask",
    "RegisterModelStep",
    "RegisteredGroup",
    "RegistryApprovalStep",
    "Retry",
    "Rollback",
    "RunJobTask",
    "RunParameter",
    "RunPermission",
    "ScalingTarget",
    "ScheduledCapacity",
    "Serverless",
    "ServerlessCompute",
    "SmokeTest",
    "SourceCode",
    "SparkOptions",
    "SparkPythonTask",
    "SqlTask",
    "Step",
    "StepGroup",
    "Timeouts",
    "TrainingChannel",
    "TrainingStep",
    "TuningStep",
    "WarmStart",
    "WorkflowError",
    "WorkflowStep",
    "WorkspaceFile",
    "first_of",
]

_MODULES = {
    "ApprovalPage": "approval_page",
    "ApprovalStep": "approval",
    "AsyncInference": "endpoint.async_inference",
    "AutoScaling": "endpoint.autoscaling",
    "BatchDataCapture": "batch_data_capture",
    "BatchTransformStep": "batch_transform",
    "Binding": "binding",
    "Capacity": "endpoint.deployment",
    "CategoricalRange": "hyperparameters",
    "Condition": "core.expressions",
    "ContainerImage": "containers",
    "ContinuousRange": "hyperparameters",
    "DataCapture": "endpoint.data_capture",
    "DataLocation": "sources",
    "DatabricksCredentials": "databricks.credentials",
    "DatabricksJobStep": "databricks.job_step",
    "DatabricksLibrary": "databricks.libraries",
    "DatabricksTask": "databricks.options",
    "DatabricksWorkspace": "databricks.workspace",
    "DbtTask": "databricks.queries",
    "DeleteEndpointStep": "endpoint_deletion",
    "Deployment": "endpoint.deployment",
    "EndpointVariant": "endpoint.variants",
    "ExistingCluster": "databricks.compute",
    "ExperimentConfig": "experiment",
    "Expression": "core.expressions",
    "ForEach": "for_each",
    "GitFile": "databricks.code",
    "GitSource": "databricks.code",
    "InferencePipelineEndpoint": "inference_endpoint",
    "InstanceGroup": "training_machines",
    "IntegerRange": "hyperparameters",
    "Item": "core.references",
    "JarTask": "databricks.tasks",
    "JobCluster": "databricks.compute",
    "Jsonata": "core.expressions",
    "LambdaStep": "functions",
    "MlWorkflow": "workflow",
    "Model": "model",
    "ModelContainer": "containers",
    "ModelData": "sources",
    "ModelPackage": "model_package",
    "ModelPackageGroup": "model_package",
    "ModelStep": "model_step",
    "NativeStep": "native",
    "NotebookTask": "databricks.tasks",
    "Outcome": "core.outcome",
    "Parameter": "core.references",
    "PipelineTask": "databricks.queries",
    "ProcessingInput": "processing_input",
    "ProcessingStep": "processing",
    "PythonWheelTask": "databricks.tasks",
    "RegisterModelStep": "model_registry",
    "RegisteredGroup": "model_package",
    "RegistryApprovalStep": "registry_approval",
    "Retry": "retry",
    "Rollback": "endpoint.rollback",
    "RunJobTask": "databricks.queries",
    "RunParameter": "core.parameters",
    "RunPermission": "databricks.permissions",
    "ScalingTarget": "endpoint.autoscaling",
    "ScheduledCapacity": "endpoint.autoscaling",
    "Serverless": "endpoint.variants",
    "ServerlessCompute": "databricks.compute",
    "SmokeTest": "endpoint.smoke_test",
    "SourceCode": "sources",
    "SparkOptions": "spark_options",
    "SparkPythonTask": "databricks.tasks",
    "SqlTask": "databricks.queries",
    "Step": "step",
    "StepGroup": "step",
    "Timeouts": "timeouts",
    "TrainingChannel": "training_channels",
    "TrainingStep": "training",
    "TuningStep": "tuning",
    "WarmStart": "tuning_search",
    "WorkflowError": "core.errors",
    "WorkflowStep": "sub_workflow",
    "WorkspaceFile": "databricks.code",
    "first_of": "alternatives",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *globals()]
