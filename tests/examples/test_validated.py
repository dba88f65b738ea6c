"""What cdk-nag and the CDK's own validation say of the examples: synthesized once, with both."""

from pathlib import Path

import pytest

from tests.examples.findings import acknowledgements, violations

BARE = {
    "RiskScoring": "Bare",
    "Tuning": "BareTuning",
    "PerCountry": "BarePerCountry",
    "ChampionChallenger": "BareChampionChallenger",
}
"""For each example, the same stack without its acknowledgements."""


@pytest.mark.parametrize("stack", BARE)
def test_cdk_nag_finds_nothing_but_what_is_acknowledged_with_a_reason(validated: Path, stack: str) -> None:
    acknowledged = acknowledgements(validated, stack)
    found = violations(validated, "AwsSolutions")

    assert [rule for rule, found_in in found if found_in == stack] == []
    assert set(acknowledged) == {rule for rule, found_in in found if found_in == BARE[stack]}
    assert all(len(reason) > 20 for reason in acknowledged.values())


def test_the_cdk_finds_no_property_that_cloudformation_would_refuse(validated: Path) -> None:
    assert violations(validated, "CloudFormation Validate") == {("F3002", "Bare")}
