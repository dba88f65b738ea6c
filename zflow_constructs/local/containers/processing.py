"""Processing: SageMaker's processing container as a local process."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zflow_constructs.local.containers.environment import container_environment
from zflow_constructs.local.containers.images import processing_image
from zflow_constructs.local.containers.job_process import JobProcess, last_error
from zflow_constructs.local.containers.outcome import REASON_CHARACTERS, JobOutcome, JobStatus
from zflow_constructs.local.containers.processing_folder import ProcessingFolder, checked_input, checked_output, program
from zflow_constructs.local.objects import ObjectStore, StorageError
from zflow_constructs.local.processes import Process, Processes, Reporter, StoppedError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateProcessingJobRequestTypeDef

_DEFAULT_MAX_RUNTIME_SECONDS = 86_400


class ProcessingContainer:
    """A processing job that runs Python, as one process on this machine.

    Its folder stands for /opt/ml: that path is replaced in the script's files, its arguments and its variables. One
    host runs, whatever the instance count.

    Follows https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html

    Args:
        request: The CreateProcessingJob request.
        objects: The S3 of the local run.
        processes: Who starts and ends the script.
        folder: The job's folder, which no other job has.
        on_line: Called with each line that the script prints.

    Raises:
        UnsupportedRequestError: The request needs what a local run doesn't have.
        UnsupportedImageError: The image is no framework image.
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
        self._request = cast("CreateProcessingJobRequestTypeDef", request)
        container = self._request["AppSpecification"]
        processing_image(container["ImageUri"])
        self._program = program(container.get("ContainerEntrypoint", []))
        self._arguments = container.get("ContainerArguments", [])
        self._folder = ProcessingFolder(folder.resolve())
        self._inputs = [checked_input(each) for each in self._request.get("ProcessingInputs", [])]
        written = self._request["ProcessingOutputConfig"]["Outputs"] if "ProcessingOutputConfig" in request else []
        self._outputs = [checked_output(each) for each in written]
        self._objects = objects
        self._on_line = on_line
        self._log = self._folder.root / "log.txt"
        self._process = JobProcess(processes, log=self._log, on_line=on_line)

    def run(self) -> JobOutcome:
        """Fetch the data and the script, run it, and upload what it wrote. Blocks until the job has ended."""
        self._folder.make(config=self._config(), outputs=[output["LocalPath"] for output in self._outputs])
        self._log.touch()
        try:
            process = self._start()
        except (StorageError, OSError, tarfile.TarError) as error:
            return self._ended("Failed", f"ClientError: Data download failed: {error}")
        except StoppedError as error:
            return self._ended("Stopped", str(error))
        try:
            return self._follow(process)
        except (StorageError, OSError) as error:
            return self._ended("Failed", f"ClientError: Artifact upload failed: {error}")

    def stop(self) -> None:
        """Stop the job, from another thread: `run` returns with the status Stopped."""
        self._process.stop()

    def _start(self) -> Process:
        for source in self._inputs:
            lists = source["S3DataType"] == "ManifestFile"
            download = self._objects.download_listed if lists else self._objects.download
            download(source["S3Uri"], self._folder.at(source["LocalPath"]))
        self._folder.prepare_code(unpacked=self._program.unpacked, on_line=self._on_line)
        hosts = self._request["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        if hosts > 1:
            self._on_line(f"A local run processes on one host instead of {hosts}.")
        words = [self._folder.here(word) for word in (*self._program.words, *self._arguments)]
        given = {name: self._folder.here(value) for name, value in self._request.get("Environment", {}).items()}
        environment = {**container_environment(objects=self._objects, imports=()), **given}
        return self._process.start([sys.executable, *words], env=environment, cwd=self._folder.code)

    def _follow(self, process: Process) -> JobOutcome:
        limit = self._request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_MAX_RUNTIME_SECONDS)
        try:
            code = process.wait(limit)
        except TimeoutError:
            process.stop()
            self._upload("Continuous")
            return self._ended("Stopped", f"MaxRuntimeExceeded: the script ran longer than {limit} seconds.")
        # What is uploaded while it is written is there however the script ends.
        self._upload("Continuous")
        if self._process.stopped:
            return self._ended("Stopped", "The processing job was stopped.")
        if code != 0:
            head, tail = "AlgorithmError: ", f", exit code: {code}"
            said = self._folder.message or last_error(process)
            return self._ended("Failed", head + said[-(REASON_CHARACTERS - len(head) - len(tail)) :] + tail)
        self._upload("EndOfJob")
        return self._ended("Completed", "")

    def _upload(self, mode: str) -> None:
        for target in self._outputs:
            if target["S3UploadMode"] == mode:
                self._objects.upload(self._folder.at(target["LocalPath"]), target["S3Uri"])

    def _config(self) -> Mapping[str, str]:
        """The files of /opt/ml/config."""
        resources = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        name, region = self._request["ProcessingJobName"], self._objects.environment["AWS_REGION"]
        arn = f"arn:aws:sagemaker:{region}:123456789012:processing-job/{name}"
        return {
            "resourceconfig.json": json.dumps(resources),
            "processingjobconfig.json": json.dumps({"ProcessingJobArn": arn, **self._request}, default=str),
        }

    def _ended(self, status: JobStatus, reason: str) -> JobOutcome:
        return JobOutcome(status, reason, "", {}, self._log, exit_message=self._folder.message)
