"""Durations as requests take them."""

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from zflow_constructs.steps.durations import whole_seconds


@pytest.mark.parametrize(("seconds", "fits"), [(59, False), (60, True), (3600, True), (3601, False)])
def test_a_duration_is_taken_within_its_bounds(seconds: int, *, fits: bool) -> None:
    def taken() -> int:
        return whole_seconds('Step "Train"', "timeout", Duration.seconds(seconds), least=60, most=3600)

    if fits:
        assert taken() == seconds
    else:
        with pytest.raises(zflow.WorkflowError, match=f"timeout is {seconds} seconds. Give 60 to 3600 seconds"):
            taken()
