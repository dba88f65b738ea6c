"""What a run leaves in its folder: the objects of S3 as files, and `run.json`.

run folder/
  run.json      the result: the execution, each step's states, times, cause and jobs
  objects/      S3: a folder a bucket
  jobs/         SageMaker's jobs, a folder each, with its log
  databricks/   Databricks' runs, a folder each, with the logs of its tasks
  endpoints/    the endpoints' logs
  functions/    the Lambda functions' logs
  messages.txt  what was sent to topics
  aws.log       the local AWS itself
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.local.aws.messages import Message
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.run import RunResult
from zflow_constructs.local.steps import Step


def make_run_folder(folder: Path) -> None:
    """Make the run folder, unless it exists.

    Args:
        folder: The run folder.

    Raises:
        InputError: It keeps an earlier run, or can't be written.
    """
    try:
        if (folder / "run.json").exists():
            raise InputError(f"{folder} keeps an earlier run: choose another --run-folder, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "aws.log").touch()
    except OSError as error:
        raise InputError(f"{folder} can't be written: {error.strerror}. Choose another --run-folder.") from error


def mirror_objects(aws: AwsServer, folder: Path) -> None:
    """Write all objects of S3, but the stack's assets, to files.

    Args:
        aws: The local AWS.
        folder: Where they go: `bucket/key`.
    """
    s3 = aws.clients.s3
    for bucket in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        if bucket.startswith("cdk-"):
            continue
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for content in page.get("Contents", []):
                file = folder / bucket / content["Key"]
                if content["Key"].endswith("/") or not file.resolve().is_relative_to(folder.resolve()):
                    continue
                file.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(bucket, content["Key"], str(file))


def keep_message(folder: Path, message: Message) -> None:
    """Add a message to `messages.txt`.

    Args:
        folder: The run folder.
        message: The message.
    """
    with (folder / "messages.txt").open("a", encoding="utf-8") as file:
        file.write(f"To: {message.topic}\nSubject: {message.subject}\n\n{message.text}\n\n")


def write_record(folder: Path, result: RunResult) -> None:
    """Write `run.json`.

    Args:
        folder: The run folder.
        result: What became of the run.
    """
    record = {
        "status": result.status,
        "execution": result.execution,
        "input": result.input,
        "output": result.output,
        "error": result.error,
        "cause": result.cause,
        "steps": [_step(folder, step) for step in result.steps],
        "outputs": dict(result.outputs),
        "endpoints": result.endpoints,
        "undelivered": result.undelivered,
        "follow_ups": [
            {
                "execution": follow_up.execution,
                "status": follow_up.status,
                "error": follow_up.error,
                "cause": follow_up.cause,
                "steps": [_step(folder, step) for step in follow_up.steps],
            }
            for follow_up in result.follow_ups
        ],
    }
    (folder / "run.json").write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def step_logs(folder: Path, step: Step) -> list[Path]:
    """The log files of a step that exist: functions' first, then the newest last.

    Args:
        folder: The run folder.
        step: The step.
    """
    patterns = [f"{kind}/{job}/**/log.txt" for job in step.jobs for kind in ("functions", "jobs", "endpoints")]
    # A Databricks run's folder is named after its step; that of a job's run after the job.
    patterns.append(f"databricks/{re.sub(r'[^A-Za-z0-9.-]+', '_', step.id)[:80]}-[0-9]*/**/log.txt")
    patterns += [f"databricks/*-{job}/**/log.txt" for job in step.jobs if job.isdecimal()]
    logs = {log for pattern in patterns for log in folder.glob(pattern) if log.is_file()}
    return sorted(logs, key=lambda log: (log.relative_to(folder).parts[0] != "functions", log.stat().st_mtime))


def _step(folder: Path, step: Step) -> Mapping[str, object]:
    return {
        "id": step.id,
        "status": step.status.value,
        "started": step.started.isoformat() if step.started else None,
        "ended": step.ended.isoformat() if step.ended and step.started else None,
        "seconds": round(step.seconds, 3),
        "error": step.error,
        "cause": step.cause,
        "jobs": step.jobs,
        "logs": [log.relative_to(folder).as_posix() for log in step_logs(folder, step)],
        **_in_loops(step),
        "states": [{"name": visit.name, "entered": visit.entered, "exited": visit.exited} for visit in step.visits],
    }


def _in_loops(step: Step) -> Mapping[str, object]:
    """What there is to say of a loop, and of a step in one: that of each item."""
    if step.items:
        return {"items": step.items, "items_done": step.done}
    if not step.loop:
        return {}
    iterations = [
        {"item": iteration.item, "status": iteration.status.value, "error": iteration.error, "cause": iteration.cause}
        for iteration in step.iterations.values()
    ]
    return {"loop": step.loop, "iterations": iterations}
