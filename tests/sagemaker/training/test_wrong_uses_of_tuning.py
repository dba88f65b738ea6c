"""Wrong uses of tuning, each with the whole of what its user is told."""

from collections.abc import Callable, Mapping
from typing import Literal, cast

import pytest
from aws_cdk import Stack

import zflow_constructs as zflow
from tests.parts import OWN_IMAGE, SKLEARN, TRAIN_CODE, data, stack
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.jobs.hyperparameters import Range

CONTINUOUS = zflow.ContinuousRange(0.01, 0.3)
METRICS = {"validation:auc": "auc=([0-9.]+)"}


def tune(
    scope: Stack,
    *,
    image: zflow.ContainerImage = OWN_IMAGE,
    code: zflow.SourceCode | None = TRAIN_CODE,
    ranges: Mapping[str, Range] | None = None,
    maximize: str | None = "validation:auc",
    minimize: str | None = None,
    metrics: Mapping[str, str] | None = None,
    strategy: Literal["Bayesian", "Hyperband", "Grid"] = "Bayesian",
    max_jobs: int | None = None,
    max_parallel_jobs: int = 1,
    early_stopping: bool = False,
    warm_start: zflow.WarmStart | None = None,
    hyperparameters: Mapping[str, float] | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.TuningStep:
    return zflow.TuningStep(
        scope,
        "Tune",
        image=image,
        code=code,
        channels={"train": data(scope)},
        ranges={"eta": CONTINUOUS} if ranges is None else ranges,
        maximize=maximize,
        minimize=minimize,
        metrics=METRICS if metrics is None else metrics,
        strategy=strategy,
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
        early_stopping=early_stopping,
        warm_start=warm_start,
        hyperparameters=hyperparameters,
        request_overrides=request_overrides,
    )


REFUSED = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html"
CASES: Mapping[str, tuple[Callable[[Stack], object], str]] = {
    "a fixed value and a range": (
        lambda scope: tune(scope, hyperparameters={"eta": 0.1}),
        'Step "Tune": "eta" is fixed in hyperparameters and searched in ranges. Remove it from one.',
    ),
    "no ranges": (
        lambda scope: tune(scope, ranges={}),
        (
            'Step "Tune": ranges has 0 entries. A tuning job searches 1 to 30 hyperparameters, such as '
            'ranges={"eta": ContinuousRange(0.01, 0.3)}; for fixed ones alone there is TrainingStep.'
        ),
    ),
    "31 ranges": (
        lambda scope: tune(scope, ranges={f"p{number}": CONTINUOUS for number in range(31)}),
        (
            'Step "Tune": ranges has 31 entries. A tuning job searches 1 to 30 hyperparameters, such as '
            'ranges={"eta": ContinuousRange(0.01, 0.3)}; for fixed ones alone there is TrainingStep.'
        ),
    ),
    "no objective": (
        lambda scope: tune(scope, maximize=None),
        (
            'Step "Tune": give either maximize="validation:auc" or minimize="validation:rmse", the one metric that '
            "tells which job is best. Received maximize=None and minimize=None."
        ),
    ),
    "two objectives": (
        lambda scope: tune(scope, minimize="loss"),
        (
            'Step "Tune": give either maximize="validation:auc" or minimize="validation:rmse", the one metric that '
            "tells which job is best. Received maximize='validation:auc' and minimize='loss'."
        ),
    ),
    "an objective that is no metric": (
        lambda scope: tune(scope, maximize="validation:acu"),
        (
            'Step "Tune": the objective "validation:acu" is not among its metrics. Did you mean "validation:auc"? They '
            'are: "validation:auc". Declare it in metrics={name: regular expression}.'
        ),
    ),
    "a script without metrics": (
        lambda scope: tune(scope, metrics={}),
        (
            'Step "Tune": SageMaker finds the objective in the log of your script. Declare how: '
            'metrics={"validation:auc": regular expression}.'
        ),
    ),
    "a framework image without a script": (
        lambda scope: tune(scope, image=SKLEARN, code=None),
        (
            'Step "Tune": a framework image trains with a script of yours. Give code=SourceCode.from_file(...) or '
            "SourceCode.from_directory(...)."
        ),
    ),
    "a grid of continuous ranges": (
        lambda scope: tune(scope, strategy="Grid"),
        (
            'Step "Tune": the strategy Grid tries every value, and "eta" is a ContinuousRange(least=0.01, most=0.3, '
            "scale='Auto'). Give CategoricalRange([...]) with the values to try, or take another strategy."
        ),
    ),
    "fewer jobs than a grid has combinations": (
        lambda scope: tune(scope, strategy="Grid", ranges={"eta": zflow.CategoricalRange([0.1, 0.2])}, max_jobs=1),
        (
            'Step "Tune": max_jobs is 1, and the grid has 2 combinations, all tried. Leave out max_jobs, or take '
            'strategy="Random".'
        ),
    ),
    "no jobs": (
        lambda scope: tune(scope, max_jobs=0),
        'Step "Tune": max_jobs is 0. Give 1 or more.',
    ),
    "more jobs at once than there are": (
        lambda scope: tune(scope, max_jobs=3, max_parallel_jobs=4),
        'Step "Tune": max_parallel_jobs is 4. Give 1 to 3, the number of jobs.',
    ),
    "Hyperband and early stopping": (
        lambda scope: tune(scope, strategy="Hyperband", early_stopping=True),
        'Step "Tune": Hyperband stops jobs early by itself. Leave out early_stopping=True.',
    ),
    "a strategy that there isn't": (
        lambda scope: tune(scope, strategy=cast("Literal['Grid']", "Bayes")),
        (
            'Step "Tune": CreateHyperParameterTuningJob would refuse this request.\n'
            '  HyperParameterTuningJobConfig.Strategy: received "Bayes", but it must be one of "Bayesian", "Grid", '
            '"Hyperband", "Random". Did you mean "Bayesian"?\n'
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
    "a warm start from nothing": (
        lambda scope: tune(scope, warm_start=zflow.WarmStart([])),
        (
            'Step "Tune": CreateHyperParameterTuningJob would refuse this request.\n'
            "  WarmStartConfig.ParentHyperParameterTuningJobs: received 0 items, but it must be at least 1 items.\n"
            f"Put it right, or see {REFUSED} (update boto3 if AWS added it lately)."
        ),
    ),
    "a fixed name": (
        lambda scope: tune(scope, request_overrides={"HyperParameterTuningJobName": "tune"}),
        (
            "Step \"Tune\": request_overrides sets HyperParameterTuningJobName to 'tune'. A fixed name is taken when "
            "the job is retried, redriven or run again; the step makes a new one each time. Remove it, and use the "
            "step's id for the readable part."
        ),
    ),
    "a hyperparameter that isn't searched": (
        lambda scope: tune(scope).best_hyperparameter("etta"),
        'Step "Tune" doesn\'t search the hyperparameter "etta". Did you mean "eta"? It searches: "eta".',
    ),
    "bounds the wrong way round": (
        lambda _: zflow.ContinuousRange(1, 0.1),
        "ContinuousRange(least=1, most=0.1, scale='Auto'): the lower bound must be less than the upper one.",
    ),
    "a logarithm of 0": (
        lambda _: zflow.IntegerRange(0, 10, scale="Logarithmic"),
        "IntegerRange(least=0, most=10, scale='Logarithmic'): a logarithmic scale begins above 0.",
    ),
    "a reverse logarithm of 1": (
        lambda _: zflow.ContinuousRange(0, 1, scale="ReverseLogarithmic"),
        (
            "ContinuousRange(least=0, most=1, scale='ReverseLogarithmic'): a reverse logarithmic scale lies within 0 "
            "and 1, without the 1."
        ),
    ),
    "bounds that are no whole numbers": (
        lambda _: zflow.IntegerRange(cast("int", 0.5), 10),
        "IntegerRange(least=0.5, most=10, scale='Auto'): its bounds are whole numbers. For others use ContinuousRange.",
    ),
    "no categories": (
        lambda _: zflow.CategoricalRange([]),
        'CategoricalRange(values=[]): give a list of different values, such as CategoricalRange(["a", "b"]).',
    ),
    "a category twice": (
        lambda _: zflow.CategoricalRange([1, "1"]),
        'CategoricalRange(values=[1, \'1\']): give a list of different values, such as CategoricalRange(["a", "b"]).',
    ),
    "a string of categories": (
        lambda _: zflow.CategoricalRange("ab"),
        'CategoricalRange(values=\'ab\'): give a list of different values, such as CategoricalRange(["a", "b"]).',
    ),
}


@pytest.mark.parametrize(("use", "message"), CASES.values(), ids=CASES)
def test_a_wrong_use_of_tuning_is_told_what_is_wrong_and_what_to_do(
    use: Callable[[Stack], object], message: str
) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message
