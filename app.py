"""The examples as one CDK app: `cdk synth`, `cdk deploy RiskScoring`."""

from aws_cdk import App

from examples.champion_challenger.workflow import ChampionChallenger
from examples.per_country.workflow import PerCountry
from examples.risk_scoring.workflow import RiskScoring
from examples.tuning.workflow import Tuning

app = App()
ChampionChallenger(app, "ChampionChallenger")
PerCountry(app, "PerCountry")
RiskScoring(app, "RiskScoring")
Tuning(app, "Tuning")
app.synth()
