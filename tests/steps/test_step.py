"""What all steps have in common."""

import re

import pytest

from tests.core.machines import evaluate
from tests.parts import count, stack
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope

SAGEMAKERS_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def named(
    step: str = "Train",
    *,
    workflow: str = "Scoring",
    execution: str = "monday",
    retry: int = 0,
    redrive: int | None = 0,
) -> str:
    """The name that a job gets."""
    context: dict[str, Json] = {
        "Execution": {
            "Id": f"arn:aws:states:eu-central-1:111122223333:execution:Scoring:{execution}",
            **({} if redrive is None else {"RedriveCount": redrive}),
        },
        "State": {"Name": step, "RetryCount": retry},
    }
    rendered = JobName(step).render(Scope(workflow=workflow))
    return str(evaluate(rendered, {"states": {"context": context}}))


def test_a_job_is_named_after_workflow_and_step() -> None:
    assert re.fullmatch("scoring-train-[0-9a-f]{20}", named())


def test_a_job_of_an_execution_never_redriven_has_a_name_too() -> None:
    assert re.fullmatch("scoring-train-[0-9a-f]{20}", named(redrive=None))


def test_each_execution_retry_and_redrive_gives_the_job_another_name() -> None:
    names = [
        named(),
        named(execution="tuesday"),
        named(retry=1),
        named(redrive=1),
        named(retry=1, redrive=1),
    ]
    assert len(set(names)) == len(names)
    assert named() == named()


@pytest.mark.parametrize(
    ("workflow", "step"),
    [
        ("A", "B"),
        ("Risk_Scoring-", "Train model_2"),
        ("W" * 40, "S" * 50),
        ("Scoring", "Train" + "-" * 40 + "now"),
        ("Scoring_", "-".join("ab" * 12)),
    ],
)
def test_sagemaker_takes_every_job_name(workflow: str, step: str) -> None:
    name = named(step, workflow=workflow)
    assert SAGEMAKERS_NAME.fullmatch(name), name
    assert name.startswith(JobName(step).prefix(workflow))


@pytest.mark.parametrize("id", ["a", "Train", "Train model 2", "train_model-2", "T" * 50])
def test_an_id_names_the_state_and_the_variable(id: str) -> None:
    step = count(stack(), id)
    assert step.name == id
    assert step.label == f'Step "{id}"'
    assert step.path == f"Team/{id}"
    assert re.fullmatch(r"[A-Za-z_]\w*", step.variable)
