"""Training: SageMaker's training container as a local process."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zflow_constructs.local.containers.archives import pack
from zflow_constructs.local.containers.checkpoints import Checkpoints
from zflow_constructs.local.containers.environment import container_environment
from zflow_constructs.local.containers.errors import UnsupportedRequestError, refuse_others, refuse_present
from zflow_constructs.local.containers.images import training_image
from zflow_constructs.local.containers.job_process import JobProcess, last_error
from zflow_constructs.local.containers.metrics import MetricReader
from zflow_constructs.local.containers.outcome import REASON_CHARACTERS, JobOutcome, JobStatus
from zflow_constructs.local.containers.script import decode_hyperparameters, training_script
from zflow_constructs.local.containers.training_folder import (
    TrainingFolder,
    own_hyperparameters,
    script_arguments,
    training_environment,
)
from zflow_constructs.local.objects import ObjectStore, StorageError
from zflow_constructs.local.processes import Process, Processes, Reporter, StoppedError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ChannelUnionTypeDef, CreateTrainingJobRequestTypeDef

_DEFAULT_MAX_RUNTIME_SECONDS = 86_400
_CHECKPOINTS = "/opt/ml/checkpoints"


class TrainingContainer:
    """A training job in script mode, as one process on this machine.

    The script finds its channels, its hyperparameters and its folders as in a framework container on AWS, below
    `folder` instead of /opt/ml. One host runs, whatever the instance count.

    Follows https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html

    Args:
        request: The CreateTrainingJob request.
        objects: The S3 of the local run.
        processes: Who starts and ends the script.
        folder: The job's folder, which no other job has.
        on_line: Called with each line that the script prints.

    Raises:
        UnsupportedRequestError: The request needs what a local run doesn't have.
        UnsupportedImageError: The image is no framework image.

    Example:
        outcome = TrainingContainer(request, objects=objects, processes=processes, folder=folder, on_line=print).run()
    """

    def __init__(
        self,
        request: Mapping[str, object],
        *,
        objects: ObjectStore,
        processes: Processes,
        folder: Path,
        on_line: Reporter,
    ) -> None:
        refuse_present("ServerlessJobConfig", request)
        self._request = cast("CreateTrainingJobRequestTypeDef", request)
        algorithm = self._request["AlgorithmSpecification"]
        refuse_present("AlgorithmName", algorithm)
        refuse_present("ContainerEntrypoint", algorithm)
        refuse_present("InstanceGroups", self._request["ResourceConfig"])
        compression = self._request["OutputDataConfig"].get("CompressionType", "GZIP")
        refuse_others("OutputDataConfig.CompressionType", compression, ("GZIP",))
        refuse_others("TrainingInputMode", algorithm.get("TrainingInputMode", "File"), ("File", "FastFile"))
        image = training_image(algorithm.get("TrainingImage", ""))
        self._channels = {channel["ChannelName"]: channel for channel in self._request.get("InputDataConfig", [])}
        for channel in self._channels.values():
            _check_channel(channel)
        self._script = training_script(self._request.get("HyperParameters", {}), image)
        self._metrics = MetricReader([*self._script.metric_definitions, *algorithm.get("MetricDefinitions", [])])
        self._objects = objects
        self._folder = TrainingFolder(folder.resolve())
        self._checkpoints = self._kept_checkpoints()
        self._log = self._folder.root / "log.txt"
        self._on_line = on_line
        self._process = JobProcess(processes, log=self._log, on_line=self._read)

    def run(self) -> JobOutcome:
        """Fetch the data and the script, run it, and upload what it made. Blocks until the job has ended."""
        self._folder.make()
        self._log.touch()
        try:
            process = self._start(self._fetch())
        except (StorageError, OSError, tarfile.TarError) as error:
            return self._ended("Failed", f"ClientError: Data download failed: {error}")
        except StoppedError as error:
            return self._ended("Stopped", str(error))
        try:
            outcome = self._follow(process)
            if self._checkpoints is not None:
                self._checkpoints.keep(self._objects)
            return outcome
        except (StorageError, OSError) as error:
            return self._ended("Failed", f"ClientError: Artifact upload failed: {error}")

    def stop(self) -> None:
        """Stop the job, from another thread: `run` returns with the status Stopped."""
        self._process.stop()

    def _kept_checkpoints(self) -> Checkpoints | None:
        config = self._request.get("CheckpointConfig")
        if config is None:
            return None
        folder = config.get("LocalPath", _CHECKPOINTS).rstrip("/")
        return Checkpoints(config["S3Uri"], folder, self._folder.checkpoints)

    def _fetch(self) -> Path:
        for name, channel in self._channels.items():
            source = channel["DataSource"]["S3DataSource"]
            self._objects.download(source["S3Uri"], self._folder.channel(name))
        code = self._script.fetch(
            self._folder.code, model=self._folder.model, objects=self._objects, on_line=self._on_line
        )
        if self._checkpoints is not None:
            self._checkpoints.fetch(code, self._objects)
        return code

    def _start(self, code: Path) -> Process:
        return self._process.start(self._command(), env=self._environment(code), cwd=code)

    def _follow(self, process: Process) -> JobOutcome:
        limit = self._request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_MAX_RUNTIME_SECONDS)
        try:
            code = process.wait(limit)
        except TimeoutError:
            process.stop()
            reason = f"MaxRuntimeExceeded: the script ran longer than {limit} seconds."
            return self._ended("Stopped", reason, self._upload())
        if self._process.stopped:
            return self._ended("Stopped", "The training job was stopped.")
        if code != 0:
            return self._ended("Failed", self._failure_reason(process, code))
        return self._ended("Completed", "", self._upload())

    def _command(self) -> list[str]:
        return [sys.executable, self._script.program, *script_arguments(self._own_hyperparameters())]

    def _own_hyperparameters(self) -> dict[str, object]:
        return own_hyperparameters(self._hyperparameters())

    def _hyperparameters(self) -> dict[str, object]:
        return decode_hyperparameters(self._given())

    def _given(self) -> dict[str, str]:
        return {name: self._here(value) for name, value in self._request.get("HyperParameters", {}).items()}

    def _here(self, text: str) -> str:
        """A text with this machine's folder of checkpoints in the place of the container's."""
        return text if self._checkpoints is None else self._checkpoints.here(text)

    def _environment(self, code: Path) -> dict[str, str]:
        hosts = self._request["ResourceConfig"]
        if hosts.get("InstanceCount", 1) > 1:
            self._on_line(f"A local run trains on one host instead of {hosts['InstanceCount']}.")
        name = self._request["TrainingJobName"]
        return {
            **container_environment(objects=self._objects, imports=(code,)),
            **training_environment(
                self._folder,
                program=self._script.program,
                submit_directory=self._script.submit_directory,
                given=self._given(),
                hyperparameters=self._hyperparameters(),
                channels={name: self._data_config(channel) for name, channel in self._channels.items()},
                instance_type=hosts.get("InstanceType", "local"),
            ),
            "TRAINING_JOB_NAME": name,
            "TRAINING_JOB_ARN": f"arn:aws:sagemaker:{self._objects.environment['AWS_REGION']}:"
            f"123456789012:training-job/{name}",
            **{name: self._here(value) for name, value in self._request.get("Environment", {}).items()},
        }

    def _data_config(self, channel: ChannelUnionTypeDef) -> Mapping[str, str]:
        """The channel's entry of inputdataconfig.json: one machine gets all objects, its share of them or not."""
        algorithm = self._request["AlgorithmSpecification"]
        config = {
            "TrainingInputMode": channel.get("InputMode", algorithm.get("TrainingInputMode", "File")),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": "None",
        }
        return config | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})

    def _read(self, line: str) -> None:
        self._metrics.read(line)
        self._on_line(line)

    def _upload(self) -> str:
        """Upload output.tar.gz and model.tar.gz; nothing where the script wrote nothing."""
        target = self._request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        prefix = f"{target}/{self._request['TrainingJobName']}/output"
        artifacts = ""
        for folder, archive in ((self._folder.output_data, "output.tar.gz"), (self._folder.model, "model.tar.gz")):
            if any(folder.iterdir()):
                artifacts = f"{prefix}/{archive}"
                pack(folder, self._folder.root / archive)
                self._objects.upload(self._folder.root / archive, artifacts)
        return artifacts if artifacts.endswith("model.tar.gz") else ""

    def _failure_reason(self, process: Process, code: int) -> str:
        failure = self._folder.output / "failure"
        if failure.is_file():
            return f"AlgorithmError: {failure.read_text(errors='replace')}"[:REASON_CHARACTERS]
        command = " ".join(["python", *self._command()[1:]])
        head = f'AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "'
        tail = f'"\nCommand "{command}", exit code: {code}'[: REASON_CHARACTERS // 2]
        message = last_error(process)
        return head + message[-(REASON_CHARACTERS - len(head) - len(tail)) :] + tail

    def _ended(self, status: JobStatus, reason: str, artifacts: str = "") -> JobOutcome:
        return JobOutcome(status, reason, artifacts, dict(self._metrics.final), self._log)


def _check_channel(channel: ChannelUnionTypeDef) -> None:
    path = f"InputDataConfig[{channel['ChannelName']}]"
    source = channel["DataSource"]
    if "FileSystemDataSource" in source:
        raise UnsupportedRequestError(
            f"{path} is in a file system, which this machine doesn't have: for a local run, give the channel a "
            "DataLocation in S3."
        )
    refuse_others(f"{path}.DataSource", ", ".join(source), ("S3DataSource",))
    refuse_others(f"{path}.S3DataType", source["S3DataSource"].get("S3DataType", "S3Prefix"), ("S3Prefix",))
    refuse_others(f"{path}.InputMode", channel.get("InputMode", "File"), ("File", "FastFile"))
    refuse_others(f"{path}.CompressionType", channel.get("CompressionType", "None"), ("None",))
    refuse_others(f"{path}.RecordWrapperType", channel.get("RecordWrapperType", "None"), ("None",))
