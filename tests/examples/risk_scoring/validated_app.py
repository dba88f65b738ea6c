"""The example's stack, and beside it one with nothing acknowledged and a mistake, both looked at by all validators.

An app of its own, since the CDK reads CDK_VALIDATION when its process starts.
"""

from contextlib import suppress
from unittest import mock

from aws_cdk import App, CfnResource, Validations
from cdk_nag import AwsSolutionsChecks

from examples.risk_scoring.workflow import RiskScoring

app = App()
RiskScoring(app, "RiskScoring")
with mock.patch("examples.risk_scoring.workflow.acknowledge_findings"):
    bare = RiskScoring(app, "Bare")
CfnResource(bare, "Misspelt", type="AWS::SNS::Topic", properties={"TopikName": "scores"})
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
with suppress(RuntimeError):
    app.synth()
