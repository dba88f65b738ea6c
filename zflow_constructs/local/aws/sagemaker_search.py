"""The hyperparameters that a tuning job tries.

See https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import cast

Range = Mapping[str, object]
Trial = Mapping[str, str]
"""A value for each hyperparameter that is searched."""


def trials(config: Mapping[str, object]) -> Iterator[Trial]:
    """What each training job tries: a grid's combinations, else values at random, the same in each run.

    The Bayesian strategy and Hyperband learn from the jobs before, by models that AWS doesn't publish: here they are
    random, too.

    Args:
        config: The `HyperParameterTuningJobConfig` of the request.
    """
    ranges = cast("Mapping[str, Sequence[Range]]", config["ParameterRanges"])
    if config["Strategy"] == "Grid":
        categories = ranges["CategoricalParameterRanges"]
        values = [cast("Sequence[str]", category["Values"]) for category in categories]
        for combination in product(*values):
            yield {str(category["Name"]): value for category, value in zip(categories, combination, strict=True)}
        return
    draw = random.Random(cast("int", config.get("RandomSeed", 0)))
    limits = cast("Mapping[str, int]", config["ResourceLimits"])
    for _ in range(limits["MaxNumberOfTrainingJobs"]):
        yield {str(each["Name"]): _DRAWN[kind](each, draw) for kind, listed in ranges.items() for each in listed}


def _continuous(of: Range, draw: random.Random) -> str:
    least, most = float(str(of["MinValue"])), float(str(of["MaxValue"]))
    match of.get("ScalingType"):
        case "Logarithmic":
            value = math.exp(draw.uniform(math.log(least), math.log(most)))
        case "ReverseLogarithmic":
            value = 1 - math.exp(draw.uniform(math.log(1 - most), math.log(1 - least)))
        case _:
            value = draw.uniform(least, most)
    # A logarithm's rounding may lead beyond the bounds.
    return str(min(max(value, least), most))


def _integer(of: Range, draw: random.Random) -> str:
    if of.get("ScalingType") == "Logarithmic":
        return str(round(float(_continuous(of, draw))))
    return str(draw.randint(int(str(of["MinValue"])), int(str(of["MaxValue"]))))


def _category(of: Range, draw: random.Random) -> str:
    return draw.choice(cast("Sequence[str]", of["Values"]))


_DRAWN: Mapping[str, Callable[[Range, random.Random], str]] = {
    "ContinuousParameterRanges": _continuous,
    "IntegerParameterRanges": _integer,
    "CategoricalParameterRanges": _category,
}
