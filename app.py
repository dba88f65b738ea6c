"""The examples as one CDK app: `cdk synth`, `cdk deploy RiskScoring`."""

from aws_cdk import App

from examples.risk_scoring.workflow import RiskScoring

app = App()
RiskScoring(app, "RiskScoring")
app.synth()
