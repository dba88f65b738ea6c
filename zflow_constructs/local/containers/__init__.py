"""SageMaker's container contract, honoured by local processes without Docker.

A training or processing job is a script's process (`training`, `processing`), a model one HTTP server a container
(`inference`), a batch transform such a model fed with records from S3 (`transform`). The framework images are known by
their repository (`images`); what runs in a server's process is in `toolkit/`, which imports nothing of this package.
"""

from zflow_constructs.local.containers.errors import UnsupportedImageError, UnsupportedRequestError
from zflow_constructs.local.containers.inference import InferenceModel
from zflow_constructs.local.containers.outcome import JobOutcome
from zflow_constructs.local.containers.processing import ProcessingContainer
from zflow_constructs.local.containers.serving import InferenceResponse, ModelStartError
from zflow_constructs.local.containers.training import TrainingContainer
from zflow_constructs.local.containers.transform import TransformContainer

__all__ = [
    "InferenceModel",
    "InferenceResponse",
    "JobOutcome",
    "ModelStartError",
    "ProcessingContainer",
    "TrainingContainer",
    "TransformContainer",
    "UnsupportedImageError",
    "UnsupportedRequestError",
]
