"""How long a step may take: its own limit, else its workflow's, never longer than AWS allows."""

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from zflow_constructs.steps.time_limit import Inherited, TimeLimit

TIMEOUTS = zflow.Timeouts(job=Duration.hours(3), endpoint=Duration.minutes(20), function=Duration.seconds(30))


@pytest.mark.parametrize(("inherits", "seconds"), [("job", 10_800), ("endpoint", 1_200), ("function", 30)])
def test_a_step_without_a_limit_has_that_of_its_workflow(inherits: Inherited, seconds: int) -> None:
    limit = TimeLimit.of('Step "A"', "timeout", None, inherits=inherits, least=1, most=86_400)
    assert (limit.own, limit.seconds(TIMEOUTS)) == (None, seconds)


def test_what_it_inherits_is_cut_to_what_is_allowed() -> None:
    assert TimeLimit("job", most=600).seconds(TIMEOUTS) == 600


def test_its_own_limit_counts_whatever_the_workflow_has() -> None:
    limit = TimeLimit.of('Step "A"', "timeout", Duration.minutes(2), inherits="job", least=1, most=86_400)
    assert (limit.own, limit.seconds(TIMEOUTS)) == (120, 120)


def test_a_limit_out_of_bounds_is_refused_by_its_keyword() -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        TimeLimit.of('Step "A"', "max_runtime", Duration.days(2), inherits="job", least=60, most=86_400)
    assert str(raised.value) == (
        'Step "A": max_runtime is 172800 seconds. Give 60 to 86400 seconds (Duration.hours(...)).'
    )
