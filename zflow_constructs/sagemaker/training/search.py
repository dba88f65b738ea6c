"""What a tuning job searches, what for, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal, TypeAlias

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.jobs.hyperparameters import CategoricalRange, Range

Strategy: TypeAlias = Literal["Bayesian", "Random", "Hyperband", "Grid"]
Direction: TypeAlias = Literal["Maximize", "Minimize"]


@dataclass(frozen=True)
class WarmStart:
    """What a tuning job goes on from: the results of others, which it needn't find out again.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html

    Args:
        parents: 1 to 5 tuning jobs: their names, or the `job_name` of other steps.
        kind: whether the data and the image are the parents' own. Default: they may be others

    Example:
        `WarmStart([coarse.job_name])`
    """

    parents: Sequence[str | Expression]
    kind: Literal["IdenticalDataAndAlgorithm", "TransferLearning"] = "TransferLearning"

    def render(self) -> Template:
        """The `WarmStartConfig` of the request."""
        parents = [{"HyperParameterTuningJobName": parent} for parent in self.parents]
        return {"ParentHyperParameterTuningJobs": parents, "WarmStartType": self.kind}


@dataclass(frozen=True)
class Objective:
    """The metric that tells which training job is best.

    Args:
        metric: its name.
        direction: whether more or less of it is better.
    """

    metric: str
    direction: Direction

    @classmethod
    def of(cls, owner: str, *, maximize: str | None, minimize: str | None, metrics: Mapping[str, str]) -> "Objective":
        """The objective that a step is given.

        Args:
            owner: the step, for messages: `Step "Tune"`.
            maximize: the metric, if more of it is better.
            minimize: the metric, if less of it is better.
            metrics: the metrics that the step declares.

        Raises:
            WorkflowError: there is none, or there are two, or it is not among the metrics.
        """
        match maximize, minimize:
            case str(name), None:
                objective = cls(name, "Maximize")
            case None, str(name):
                objective = cls(name, "Minimize")
            case _:
                raise WorkflowError(
                    f'{owner}: give either maximize="validation:auc" or minimize="validation:rmse", the one metric '
                    f"that tells which job is best. Received maximize={maximize!r} and minimize={minimize!r}."
                )
        if metrics and name not in metrics:
            raise WorkflowError(
                f'{owner}: the objective "{name}" is not among its metrics.{did_you_mean(name, metrics)} '
                f"They are: {one_of(metrics)}. Declare it in metrics={{name: regular expression}}."
            )
        return objective


@dataclass(frozen=True)
class Search:
    """A search over hyperparameters.

    Args:
        owner: the step, for messages: `Step "Tune"`.
        ranges: what is searched.
        objective: what for.
        strategy: how.
        max_jobs: the number of jobs. `None`: 10, or the combinations of a grid
        parallel: how many of them at once.
        early_stopping: whether hopeless jobs are stopped.

    Raises:
        WorkflowError: these don't go together.
    """

    owner: str
    ranges: Mapping[str, Range]
    objective: Objective
    strategy: Strategy
    max_jobs: int | None
    parallel: int
    early_stopping: bool

    def __post_init__(self) -> None:
        if not 1 <= len(self.ranges) <= 30:
            raise WorkflowError(
                f"{self.owner}: ranges has {len(self.ranges)} entries. A tuning job searches 1 to 30 hyperparameters, "
                'such as ranges={"eta": ContinuousRange(0.01, 0.3)}; for fixed ones alone there is TrainingStep.'
            )
        if self.strategy == "Hyperband" and self.early_stopping:
            raise WorkflowError(f"{self.owner}: Hyperband stops jobs early by itself. Leave out early_stopping=True.")
        if self.strategy == "Grid" and self.max_jobs not in {None, self._combinations}:
            raise WorkflowError(
                f"{self.owner}: max_jobs is {self.max_jobs}, and the grid has {self._combinations} combinations, all "
                'tried. Leave out max_jobs, or take strategy="Random".'
            )
        if self._jobs < 1:
            raise WorkflowError(f"{self.owner}: max_jobs is {self._jobs}. Give 1 or more.")
        if not 1 <= self.parallel <= self._jobs:
            raise WorkflowError(
                f"{self.owner}: max_parallel_jobs is {self.parallel}. Give 1 to {self._jobs}, the number of jobs."
            )

    def config(self, *, decoded: bool) -> Mapping[str, Template]:
        """The `HyperParameterTuningJobConfig` of the request.

        Args:
            decoded: Whether the container decodes hyperparameters as JSON.
        """
        fields = dict.fromkeys(each.field for each in self.ranges.values())
        return {
            "Strategy": self.strategy,
            "HyperParameterTuningJobObjective": {
                "Type": self.objective.direction,
                "MetricName": self.objective.metric,
            },
            "ResourceLimits": {
                # SageMaker counts a grid's combinations itself.
                **({} if self.strategy == "Grid" else {"MaxNumberOfTrainingJobs": self._jobs}),
                "MaxParallelTrainingJobs": self.parallel,
            },
            "ParameterRanges": {
                field: [each.render(name, decoded=decoded) for name, each in self.ranges.items() if each.field == field]
                for field in fields
            },
            "TrainingJobEarlyStoppingType": "Auto" if self.early_stopping else "Off",
        }

    @property
    def rounds(self) -> int:
        """How often all jobs that run at once take their time, one after the other."""
        return ceil(self._jobs / self.parallel)

    @property
    def _jobs(self) -> int:
        if self.strategy == "Grid":
            return self._combinations
        return 10 if self.max_jobs is None else self.max_jobs

    @property
    def _combinations(self) -> int:
        return prod(len(self._category(name).values) for name in self.ranges)

    def _category(self, name: str) -> CategoricalRange:
        given = self.ranges[name]
        if not isinstance(given, CategoricalRange):
            raise WorkflowError(
                f'{self.owner}: the strategy Grid tries every value, and "{name}" is a {given!r}. Give '
                "CategoricalRange([...]) with the values to try, or take another strategy."
            )
        return given
