"""Machine-learning workflows as AWS CDK constructs.

Declare steps; what a step uses of another makes the order. `MlWorkflow` synthesizes them into a Step Functions state
machine with its roles, logs and schedule.

The stages: steps are constructs that describe themselves (`steps`); `MlWorkflow` checks them, binds them to its role
and bucket (`Binding`), and compiles their fragments of states into one definition (`core`).

Names are imported when they are first used: the local engine's processes are of this package too, and start without the
CDK and its Node.js.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zflow_constructs.approval.approval_step import ApprovalStep
    from zflow_constructs.approval.page import ApprovalPage
    from zflow_constructs.approval.registry_approval_step import RegistryApprovalStep
    from zflow_constructs.core.states.outcome import Outcome
    from zflow_constructs.core.values.errors import WorkflowError
    from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
    from zflow_constructs.core.values.iterations import Item
    from zflow_constructs.core.values.parameters import RunParameter
    from zflow_constructs.core.values.references import Parameter
    from zflow_constructs.data.sources import DataLocation, ModelData, SourceCode
    from zflow_constructs.databricks.step.job_step import DatabricksJobStep
    from zflow_constructs.databricks.step.permissions import RunPermission
    from zflow_constructs.databricks.tasks.cluster_tasks import JarTask, NotebookTask, PythonWheelTask, SparkPythonTask
    from zflow_constructs.databricks.tasks.code import GitFile, GitSource, WorkspaceFile
    from zflow_constructs.databricks.tasks.compute import ExistingCluster, JobCluster, ServerlessCompute
    from zflow_constructs.databricks.tasks.libraries import DatabricksLibrary
    from zflow_constructs.databricks.tasks.task import DatabricksTask
    from zflow_constructs.databricks.tasks.warehouse_tasks import DbtTask, PipelineTask, RunJobTask, SqlTask
    from zflow_constructs.databricks.workspace.credentials import DatabricksCredentials
    from zflow_constructs.databricks.workspace.workspace import DatabricksWorkspace
    from zflow_constructs.sagemaker.endpoint.delete_endpoint_step import DeleteEndpointStep
    from zflow_constructs.sagemaker.endpoint.inference_pipeline_endpoint import InferencePipelineEndpoint
    from zflow_constructs.sagemaker.endpoint.settings.async_inference import AsyncInference
    from zflow_constructs.sagemaker.endpoint.settings.autoscaling import AutoScaling, ScalingTarget, ScheduledCapacity
    from zflow_constructs.sagemaker.endpoint.settings.data_capture import DataCapture
    from zflow_constructs.sagemaker.endpoint.settings.deployment import Capacity, Deployment
    from zflow_constructs.sagemaker.endpoint.settings.rollback import Rollback
    from zflow_constructs.sagemaker.endpoint.settings.smoke_test import SmokeTest
    from zflow_constructs.sagemaker.endpoint.settings.variants import EndpointVariant, Serverless
    from zflow_constructs.sagemaker.images.containers import ContainerImage, ModelContainer
    from zflow_constructs.sagemaker.jobs.experiment import ExperimentConfig
    from zflow_constructs.sagemaker.jobs.hyperparameters import CategoricalRange, ContinuousRange, IntegerRange
    from zflow_constructs.sagemaker.model.model import Model
    from zflow_constructs.sagemaker.model.model_step import ModelStep
    from zflow_constructs.sagemaker.model.package import ModelPackage, ModelPackageGroup, RegisteredGroup
    from zflow_constructs.sagemaker.model.register_model_step import RegisterModelStep
    from zflow_constructs.sagemaker.processing.inputs import ProcessingInput
    from zflow_constructs.sagemaker.processing.processing_step import ProcessingStep
    from zflow_constructs.sagemaker.processing.spark_options import SparkOptions
    from zflow_constructs.sagemaker.training.channels import TrainingChannel
    from zflow_constructs.sagemaker.training.instance_groups import InstanceGroup
    from zflow_constructs.sagemaker.training.search import WarmStart
    from zflow_constructs.sagemaker.training.training_step import TrainingStep
    from zflow_constructs.sagemaker.training.tuning_step import TuningStep
    from zflow_constructs.sagemaker.transform.batch_transform_step import BatchTransformStep
    from zflow_constructs.sagemaker.transform.data_capture import BatchDataCapture
    from zflow_constructs.steps.binding import Binding
    from zflow_constructs.steps.first_of import first_of
    from zflow_constructs.steps.for_each import ForEach
    from zflow_constructs.steps.lambda_step import LambdaStep
    from zflow_constructs.steps.native_step import NativeStep
    from zflow_constructs.steps.retry import Retry
    from zflow_constructs.steps.step import Step, StepGroup
    from zflow_constructs.steps.timeouts import Timeouts
    from zflow_constructs.workflow.ml_workflow import MlWorkflow
    from zflow_constructs.workflow.workflow_step import WorkflowStep

__version__ = "0.1.0"

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
    "ApprovalPage": "approval.page",
    "ApprovalStep": "approval.approval_step",
    "AsyncInference": "sagemaker.endpoint.settings.async_inference",
    "AutoScaling": "sagemaker.endpoint.settings.autoscaling",
    "BatchDataCapture": "sagemaker.transform.data_capture",
    "BatchTransformStep": "sagemaker.transform.batch_transform_step",
    "Binding": "steps.binding",
    "Capacity": "sagemaker.endpoint.settings.deployment",
    "CategoricalRange": "sagemaker.jobs.hyperparameters",
    "Condition": "core.values.expressions",
    "ContainerImage": "sagemaker.images.containers",
    "ContinuousRange": "sagemaker.jobs.hyperparameters",
    "DataCapture": "sagemaker.endpoint.settings.data_capture",
    "DataLocation": "data.sources",
    "DatabricksCredentials": "databricks.workspace.credentials",
    "DatabricksJobStep": "databricks.step.job_step",
    "DatabricksLibrary": "databricks.tasks.libraries",
    "DatabricksTask": "databricks.tasks.task",
    "DatabricksWorkspace": "databricks.workspace.workspace",
    "DbtTask": "databricks.tasks.warehouse_tasks",
    "DeleteEndpointStep": "sagemaker.endpoint.delete_endpoint_step",
    "Deployment": "sagemaker.endpoint.settings.deployment",
    "EndpointVariant": "sagemaker.endpoint.settings.variants",
    "ExistingCluster": "databricks.tasks.compute",
    "ExperimentConfig": "sagemaker.jobs.experiment",
    "Expression": "core.values.expressions",
    "ForEach": "steps.for_each",
    "GitFile": "databricks.tasks.code",
    "GitSource": "databricks.tasks.code",
    "InferencePipelineEndpoint": "sagemaker.endpoint.inference_pipeline_endpoint",
    "InstanceGroup": "sagemaker.training.instance_groups",
    "IntegerRange": "sagemaker.jobs.hyperparameters",
    "Item": "core.values.iterations",
    "JarTask": "databricks.tasks.cluster_tasks",
    "JobCluster": "databricks.tasks.compute",
    "Jsonata": "core.values.expressions",
    "LambdaStep": "steps.lambda_step",
    "MlWorkflow": "workflow.ml_workflow",
    "Model": "sagemaker.model.model",
    "ModelContainer": "sagemaker.images.containers",
    "ModelData": "data.sources",
    "ModelPackage": "sagemaker.model.package",
    "ModelPackageGroup": "sagemaker.model.package",
    "ModelStep": "sagemaker.model.model_step",
    "NativeStep": "steps.native_step",
    "NotebookTask": "databricks.tasks.cluster_tasks",
    "Outcome": "core.states.outcome",
    "Parameter": "core.values.references",
    "PipelineTask": "databricks.tasks.warehouse_tasks",
    "ProcessingInput": "sagemaker.processing.inputs",
    "ProcessingStep": "sagemaker.processing.processing_step",
    "PythonWheelTask": "databricks.tasks.cluster_tasks",
    "RegisterModelStep": "sagemaker.model.register_model_step",
    "RegisteredGroup": "sagemaker.model.package",
    "RegistryApprovalStep": "approval.registry_approval_step",
    "Retry": "steps.retry",
    "Rollback": "sagemaker.endpoint.settings.rollback",
    "RunJobTask": "databricks.tasks.warehouse_tasks",
    "RunParameter": "core.values.parameters",
    "RunPermission": "databricks.step.permissions",
    "ScalingTarget": "sagemaker.endpoint.settings.autoscaling",
    "ScheduledCapacity": "sagemaker.endpoint.settings.autoscaling",
    "Serverless": "sagemaker.endpoint.settings.variants",
    "ServerlessCompute": "databricks.tasks.compute",
    "SmokeTest": "sagemaker.endpoint.settings.smoke_test",
    "SourceCode": "data.sources",
    "SparkOptions": "sagemaker.processing.spark_options",
    "SparkPythonTask": "databricks.tasks.cluster_tasks",
    "SqlTask": "databricks.tasks.warehouse_tasks",
    "Step": "steps.step",
    "StepGroup": "steps.step",
    "Timeouts": "steps.timeouts",
    "TrainingChannel": "sagemaker.training.channels",
    "TrainingStep": "sagemaker.training.training_step",
    "TuningStep": "sagemaker.training.tuning_step",
    "WarmStart": "sagemaker.training.search",
    "WorkflowError": "core.values.errors",
    "WorkflowStep": "workflow.workflow_step",
    "WorkspaceFile": "databricks.tasks.code",
    "first_of": "steps.first_of",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *globals()]
