"""How a SageMaker job ended."""

import pytest

from tests.core.machines import QueryEvaluationError, evaluate
from zflow_constructs.core.values.templates import Scope
from zflow_constructs.sagemaker.jobs.job_fields import completed_name

NAME = completed_name('Step "Train"', "TrainingJob").render(Scope())


def ended(status: str) -> dict[str, object]:
    return {"states": {"result": {"TrainingJobName": "scoring-train-1a2b", "TrainingJobStatus": status}}}


def test_a_completed_job_is_known_by_its_name() -> None:
    assert evaluate(NAME, ended("Completed")) == "scoring-train-1a2b"


def test_a_stopped_job_is_no_success() -> None:
    with pytest.raises(QueryEvaluationError) as raised:
        evaluate(NAME, ended("Stopped"))
    assert 'Step "Train": the job scoring-train-1a2b ended Stopped.' in str(raised.value.__cause__)
