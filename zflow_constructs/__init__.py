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
    from zflow_constructs.batch_transform import BatchTransformStep
    from zflow_constructs.binding import Binding
    from zflow_constructs.containers import ContainerImage, ModelContainer
    from zflow_constructs.core.errors import WorkflowError
    from zflow_constructs.core.expressions import Condition, Expression, Jsonata
    from zflow_constructs.core.outcome import Outcome
    from zflow_constructs.core.parameters import RunParameter
    from zflow_constructs.core.references import Item, Parameter
    from zflow_constructs.databricks import DatabricksJobStep, JobCluster, SparkPythonTask
    from zflow_constructs.databricks_workspace import DatabricksCredentials, DatabricksWorkspace
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
    from zflow_constructs.registry_approval import RegistryApprovalStep
    from zflow_constructs.retry import Retry
    from zflow_constructs.sources import DataLocation, ModelData, SourceCode
    from zflow_constructs.step import Step, StepGroup
    from zflow_constructs.sub_workflow import WorkflowStep
    from zflow_constructs.training import TrainingStep
    from zflow_constructs.tuning import TuningStep
    from zflow_constructs.tuning_search import WarmStart
    from zflow_constructs.workflow import MlWorkflow

__all__ = [
    "ApprovalPage",
    "ApprovalStep",
    "BatchTransformStep",
    "Binding",
    "CategoricalRange",
    "Condition",
    "ContainerImage",
    "ContinuousRange",
    "DataLocation",
    "DatabricksCredentials",
    "DatabricksJobStep",
    "DatabricksWorkspace",
    "Expression",
    "ForEach",
    "InferencePipelineEndpoint",
    "IntegerRange",
    "Item",
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
    "Outcome",
    "Parameter",
    "ProcessingStep",
    "RegisterModelStep",
    "RegisteredGroup",
    "RegistryApprovalStep",
    "Retry",
    "RunParameter",
    "SourceCode",
    "SparkPythonTask",
    "Step",
    "StepGroup",
    "TrainingStep",
    "TuningStep",
    "WarmStart",
    "WorkflowError",
    "WorkflowStep",
    "first_of",
]

_MODULES = {
    "ApprovalPage": "approval_page",
    "ApprovalStep": "approval",
    "BatchTransformStep": "batch_transform",
    "Binding": "binding",
    "CategoricalRange": "hyperparameters",
    "Condition": "core.expressions",
    "ContainerImage": "containers",
    "ContinuousRange": "hyperparameters",
    "DataLocation": "sources",
    "DatabricksCredentials": "databricks_workspace",
    "DatabricksJobStep": "databricks",
    "DatabricksWorkspace": "databricks_workspace",
    "Expression": "core.expressions",
    "ForEach": "for_each",
    "InferencePipelineEndpoint": "inference_endpoint",
    "IntegerRange": "hyperparameters",
    "Item": "core.references",
    "JobCluster": "databricks",
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
    "Outcome": "core.outcome",
    "Parameter": "core.references",
    "ProcessingStep": "processing",
    "RegisterModelStep": "model_registry",
    "RegisteredGroup": "model_package",
    "RegistryApprovalStep": "registry_approval",
    "Retry": "retry",
    "RunParameter": "core.parameters",
    "SourceCode": "sources",
    "SparkPythonTask": "databricks",
    "Step": "step",
    "StepGroup": "step",
    "TrainingStep": "training",
    "TuningStep": "tuning",
    "WarmStart": "tuning_search",
    "WorkflowError": "core.errors",
    "WorkflowStep": "sub_workflow",
    "first_of": "alternatives",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *globals()]
