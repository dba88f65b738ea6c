"""SageMaker's tuning jobs: training jobs of the local run, a few at once, and the best of them.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.sagemaker_jobs import Jobs, Request
from zflow_constructs.local.aws.sagemaker_search import Trial, trials

_KIND = "HyperParameterTuningJob"
_REASON_CHARACTERS = 1024
_AT_ONCE = 2
"""How many training jobs run at once, at most: they share one machine."""
_OF_TUNING = ("DefinitionName", "HyperParameterRanges", "StaticHyperParameters", "TuningObjective")
_NOT_HERE = {
    "Autotune",
    "HyperParameterTuningJobConfig.TuningJobCompletionCriteria",
    "TrainingJobDefinition.HyperParameterTuningResourceConfig",
    "TrainingJobDefinitions",
}
_ENDS = {"Completed", "Failed", "Stopped"}

_log = logging.getLogger(__name__)


@dataclass
class _Tuning:
    name: str
    arn: str
    request: Request
    description: dict[str, object]
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: list[str] = field(default_factory=list)
    ended: list[Mapping[str, object]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def config(self) -> Mapping[str, object]:
        return cast("Mapping[str, object]", self.request[f"{_KIND}Config"])

    @property
    def objective(self) -> Mapping[str, str]:
        return cast("Mapping[str, str]", self.config[f"{_KIND}Objective"])

    @property
    def definition(self) -> Mapping[str, object]:
        return cast("Mapping[str, object]", self.request["TrainingJobDefinition"])


class TuningJobs:
    """The tuning jobs of a local run.

    Args:
        jobs: Runs their training jobs.
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        on_line: Hears how far a tuning job is, with its name. Default: nobody listens.
    """

    def __init__(
        self,
        jobs: Jobs,
        *,
        region: str,
        account: str,
        on_line: Callable[[str, str], None] = lambda _job, _line: None,
    ) -> None:
        self._training = jobs
        self._on_line = on_line
        self._arn = f"arn:aws:sagemaker:{region}:{account}:hyper-parameter-tuning-job"
        self._lock = threading.Lock()
        self._jobs: dict[str, _Tuning] = {}
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            f"Create{_KIND}": self._create,
            f"Describe{_KIND}": lambda request: self._job(request).description,
            f"Stop{_KIND}": self._stop,
        }

    def stop(self) -> None:
        """Stop the running jobs and wait for their end."""
        for job in list(self._jobs.values()):
            self._end(job)
        for job in list(self._jobs.values()):
            job.done.wait(timeout=10)

    def _create(self, request: Request) -> Mapping[str, object]:
        name = str(request[f"{_KIND}Name"])
        arn = f"{self._arn}/{name}"
        now = datetime.now(tz=UTC)
        with self._lock:
            if name in self._jobs:
                raise ApiError("ResourceInUse", f"{_KIND} names must be unique within an AWS account: {arn}")
            job = _Tuning(name, arn, request, {**request, f"{_KIND}Arn": arn, "CreationTime": now})
            self._jobs[name] = job
            _describe(job)
        threading.Thread(target=self._run, args=(job,), name=f"tuning-{name}", daemon=True).start()
        return {f"{_KIND}Arn": arn}

    def _stop(self, request: Request) -> Mapping[str, object]:
        job = self._job(request)
        if job.description[f"{_KIND}Status"] == "InProgress":
            self._end(job)
        return {}

    def _job(self, request: Request) -> _Tuning:
        name = str(request[f"{_KIND}Name"])
        if name not in self._jobs:
            raise ApiError("ResourceNotFound", f"Amazon SageMaker can't find a tuning job with name: {name}.")
        return self._jobs[name]

    def _run(self, job: _Tuning) -> None:
        try:
            status, reason = self._searched(job)
        # A job must end, whatever happens: its status is all that a caller sees.
        except Exception as error:  # noqa: BLE001
            _log.exception("the tuning job %s broke", job.name)
            status, reason = "Failed", f"{type(error).__name__}: {error}"
        _describe(job, status, reason)
        job.done.set()

    def _searched(self, job: _Tuning) -> tuple[str, str]:
        unknown = _unknown(job.request)
        if unknown:
            return "Failed", f"The local engine doesn't have {', '.join(unknown)} of Create{_KIND}."
        limits = cast("Mapping[str, int]", job.config["ResourceLimits"])
        with ThreadPoolExecutor(min(limits["MaxParallelTrainingJobs"], _AT_ONCE)) as pool:
            list(pool.map(lambda trial: self._train(job, *trial), enumerate(trials(job.config), start=1)))
        if job.stopping.is_set():
            return "Stopped", ""
        if _best(job.ended, job.objective["Type"]):
            return "Completed", ""
        return "Failed", _failure_reason(job.ended)

    def _train(self, job: _Tuning, number: int, trial: Trial) -> None:
        unique = hashlib.sha256(f"{job.name}/{number}".encode()).hexdigest()[:8]
        name = f"{job.name}-{number:03}-{unique}"
        with job.lock:
            if job.stopping.is_set():
                return
            self._training.create_training_job(_training_request(job, name, trial), tuning_job_arn=job.arn)
            job.started.append(name)
        _describe(job)
        ended = _summary(job, trial, self._training.wait_for_training_job(name))
        with job.lock:
            job.ended.append(ended)
            self._on_line(job.name, _progress(job))
        _describe(job)

    def _end(self, job: _Tuning) -> None:
        with job.lock:
            job.stopping.set()
        _describe(job)
        for name in job.started:
            self._training.actions["StopTrainingJob"]({"TrainingJobName": name})


def _unknown(request: Request) -> Sequence[str]:
    """The fields of a request that would change what is searched, and can't be honoured."""
    below = {f"{name}.{part}" for name, value in request.items() if isinstance(value, Mapping) for part in value}
    return sorted(_NOT_HERE & {*request, *below})


def _training_request(job: _Tuning, name: str, trial: Trial) -> Request:
    static = cast("Mapping[str, str]", job.definition.get("StaticHyperParameters", {}))
    return {
        **{field: value for field, value in job.definition.items() if field not in _OF_TUNING},
        "TrainingJobName": name,
        "HyperParameters": {**static, "_tuning_objective_metric": job.objective["MetricName"], **trial},
    }


def _summary(job: _Tuning, trial: Trial, ended: Mapping[str, object]) -> Mapping[str, object]:
    """A training job's `HyperParameterTrainingJobSummary`."""
    metrics = cast("Sequence[Mapping[str, object]]", ended.get("FinalMetricDataList", []))
    values = [each["Value"] for each in metrics if each["MetricName"] == job.objective["MetricName"]]
    succeeded = bool(values) and ended["TrainingJobStatus"] == "Completed"
    shown = ("CreationTime", "FailureReason", "TrainingEndTime", "TrainingStartTime")
    return {
        "TrainingJobName": ended["TrainingJobName"],
        "TrainingJobArn": ended["TrainingJobArn"],
        "TrainingJobStatus": ended["TrainingJobStatus"],
        "TunedHyperParameters": trial,
        "ObjectiveStatus": "Succeeded" if succeeded else "Failed",
        **{name: ended[name] for name in shown if name in ended},
        **({f"Final{_KIND}ObjectiveMetric": {**job.objective, "Value": values[-1]}} if succeeded else {}),
    }


def _best(ended: Sequence[Mapping[str, object]], direction: str) -> Mapping[str, object]:
    """The best training job's summary; an empty one if none has a value of the objective."""
    succeeded = [each for each in ended if each["ObjectiveStatus"] == "Succeeded"]
    sign = -1 if direction == "Maximize" else 1
    return min(succeeded, key=lambda each: (sign * _value(each), str(each["TrainingJobName"])), default={})


def _progress(job: _Tuning) -> str:
    """How far it is: `training jobs ended: 4, best validation:auc: 0.7856`."""
    best = _best(job.ended, job.objective["Type"])
    found = f", best {job.objective['MetricName']}: {_value(best):g}" if best else ""
    return f"training jobs ended: {len(job.ended)}{found}"


def _value(summary: Mapping[str, object]) -> float:
    metric = summary[f"Final{_KIND}ObjectiveMetric"]
    assert isinstance(metric, Mapping)
    return float(metric["Value"])


def _failure_reason(ended: Sequence[Mapping[str, object]]) -> str:
    """Why no training job is best, in AWS's words; and why the first failed."""
    if any(each["TrainingJobStatus"] == "Completed" for each in ended):
        return (
            f"No objective metrics found after running {len(ended)} training jobs. Please ensure that the custom "
            "algorithm is emitting the objective metric as defined by the regular expression provided."
        )
    first = min(ended, key=lambda each: str(each["TrainingJobName"]))
    reason = (
        "All training jobs failed. Please take a look at the training jobs failures to get more details. "
        f"{first['TrainingJobName']}: {first.get('FailureReason', first['TrainingJobStatus'])}"
    )
    return reason[:_REASON_CHARACTERS]


def _describe(job: _Tuning, end: str = "", reason: str = "") -> None:
    """Say where a job stands: one assignment, so that nobody sees the status without the fields that come with it."""
    with job.lock:
        if job.description.get(f"{_KIND}Status") in _ENDS:
            return
        ended, started = list(job.ended), len(job.started)
        now = datetime.now(tz=UTC)
        by_status = Counter(str(each["TrainingJobStatus"]) for each in ended)
        by_objective = Counter(str(each["ObjectiveStatus"]) for each in ended)
        best = _best(ended, job.objective["Type"])
        job.description = {
            **job.description,
            f"{_KIND}Status": end or ("Stopping" if job.stopping.is_set() else "InProgress"),
            "LastModifiedTime": now,
            "TrainingJobStatusCounters": {
                "Completed": by_status["Completed"],
                "InProgress": started - len(ended),
                "RetryableError": 0,
                "NonRetryableError": by_status["Failed"],
                "Stopped": by_status["Stopped"],
            },
            "ObjectiveStatusCounters": {
                "Succeeded": by_objective["Succeeded"],
                "Pending": started - len(ended),
                "Failed": by_objective["Failed"],
            },
            **({"BestTrainingJob": best} if best else {}),
            **({"FailureReason": reason} if reason else {}),
            **({"HyperParameterTuningEndTime": now} if end else {}),
        }
