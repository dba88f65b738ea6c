"""The examples' stacks, and each once more with nothing acknowledged, looked at by all validators; one has a mistake.

An app of its own, since the CDK reads CDK_VALIDATION when its process starts.
"""

from contextlib import suppress
from unittest import mock

from aws_cdk import App, CfnResource, Validations
from cdk_nag import AwsSolutionsChecks

from examples.champion_challenger.workflow import ChampionChallenger
from examples.per_country.workflow import PerCountry
from examples.risk_scoring.workflow import RiskScoring
from examples.tuning.workflow import Tuning

app = App()
ChampionChallenger(app, "ChampionChallenger")
PerCountry(app, "PerCountry")
RiskScoring(app, "RiskScoring")
Tuning(app, "Tuning")
with mock.patch("examples.champion_challenger.workflow.acknowledge_findings"):
    ChampionChallenger(app, "BareChampionChallenger")
with mock.patch("examples.per_country.workflow.acknowledge_findings"):
    PerCountry(app, "BarePerCountry")
with mock.patch("examples.risk_scoring.workflow.acknowledge_findings"):
    bare = RiskScoring(app, "Bare")
with mock.patch("examples.tuning.workflow.acknowledge_findings"):
    Tuning(app, "BareTuning")
CfnResource(bare, "Misspelt", type="AWS::SNS::Topic", properties={"TopikName": "scores"})
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
with suppress(RuntimeError):
    app.synth()
