"""Champion and challenger: two models are trained side by side, and the better one goes live."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

import zflow_constructs as zflow
from examples.champion_challenger.acknowledgements import acknowledge_findings

HERE = Path(__file__).parent
DATA = str(HERE.parent / "risk_scoring/data/german_credit.csv")
METRICS = {"auc": "auc=([0-9.]+)", "auc_error": "auc_error=([0-9.]+)"}


class ChampionChallenger(Stack):
    """Lambda checks and compares, SageMaker trains, and whatever happens, a summary is written."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
        )
        self._applications = zflow.DataLocation.from_asset(self, "Applications", DATA, content_type="text/csv")
        # The same object once more: the function that checks it is allowed to read it.
        checked = f"arn:{Aws.PARTITION}:s3:::{str(self._applications.uri).removeprefix('s3://')}"
        models = [self.bucket.arn_for_objects(f"ChampionChallenger/*/{step}/*") for step in ("Champion", "Refit")]
        live = "live/model.tar.gz"
        write = self._function("write", {"s3:PutObject": [self.bucket.arn_for_objects("reports/*")]})

        check = zflow.LambdaStep(
            self,
            "Check",
            function=self._function("check", {"s3:GetObject": [checked]}),
            payload={"applications": self._applications.uri},
            outputs=["rows", "bad_share"],
        )
        drift = zflow.LambdaStep(
            self,
            "Drift",
            function=self._function("drift"),
            payload={"bad_share": check.outputs["bad_share"], "expected": zflow.Parameter("expected_bad_share")},
            outputs=["shift"],
            optional=True,
        )
        champion = self._train("Champion", candidate="logistic", metrics=METRICS, after=[check])
        challenger = self._train("Challenger", candidate="forest", metrics=METRICS, after=[check])
        figures = {name: challenger.metric(name) for name in METRICS}
        compare = zflow.LambdaStep(
            self,
            "Compare",
            function=self._function("compare"),
            payload={"champion": {name: champion.metric(name) for name in METRICS}, "challenger": figures},
            outputs=["gain", "error"],
        )
        # Compare needs both models, and Card this one and Drift: no nest of branches says that.
        shift = zflow.first_of(drift.outputs["shift"], zflow.Jsonata("null"))
        card = zflow.LambdaStep(
            self,
            "Card",
            function=write,
            payload={
                "to": self._report(zflow.Jsonata("$states.context.Execution.Name"), "card"),
                "report": {**figures, "rows": check.outputs["rows"], "shift": shift},
            },
        )
        better = compare.outputs["gain"] >= zflow.Parameter("least_gain")
        refit = self._train("Refit", candidate="forest", holdout=0, when=better)
        publish = zflow.LambdaStep(
            self,
            "Publish",
            function=self._function(
                "publish", {"s3:GetObject": models, "s3:PutObject": [self.bucket.arn_for_objects(live)]}
            ),
            payload={
                "model": zflow.first_of(refit.model_data, champion.model_data).uri,
                "to": f"s3://{self.bucket.bucket_name}/{live}",
            },
            outputs=["model"],
        )
        outcome = {name: zflow.Outcome(name) for name in ("status", "error", "cause", "url")}
        summary = zflow.LambdaStep(
            self,
            "Summary",
            function=write,
            payload={
                "to": self._report(zflow.Outcome("name"), "summary"),
                "report": {**outcome, "least_gain": zflow.Parameter("least_gain")},
            },
        )
        self.workflow = zflow.MlWorkflow(
            self,
            "ChampionChallenger",
            steps=[check, drift, champion, challenger, compare, card, refit, publish],
            finally_=[summary],
            parameters={
                "expected_bad_share": zflow.RunParameter.number(default=0.3, least=0, most=1),
                "least_gain": zflow.RunParameter.number(default=0.01, least=-1, most=1),
            },
            outputs={"gain": compare.outputs["gain"], "model": publish.outputs["model"]},
            bucket=self.bucket,
        )
        acknowledge_findings(self.workflow, trainings=[champion, challenger, refit])

    def _train(
        self,
        id: str,
        *,
        candidate: str,
        holdout: float = 0.25,
        metrics: Mapping[str, str] | None = None,
        after: Sequence[zflow.Step] = (),
        when: zflow.Condition | None = None,
    ) -> zflow.TrainingStep:
        return zflow.TrainingStep(
            self,
            id,
            image=zflow.ContainerImage.from_framework("sklearn", "1.2-1"),
            code=zflow.SourceCode.from_directory(str(HERE / "candidates"), entry_point="train.py"),
            channels={"applications": self._applications},
            hyperparameters={"candidate": candidate, "holdout": holdout},
            metrics=metrics,
            instance_type=ec2.InstanceType("m5.large"),
            max_runtime=Duration.hours(1),
            after=after,
            when=when,
        )

    def _function(self, handler: str, allowed: Mapping[str, Sequence[str]] | None = None) -> lambda_.Function:
        return lambda_.Function(
            self,
            f"{handler.title()}Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler=f"handlers.{handler}",
            code=lambda_.Code.from_asset(str(HERE / "functions"), exclude=["__pycache__"]),
            timeout=Duration.minutes(1),
            initial_policy=[
                iam.PolicyStatement(actions=[action], resources=list(resources))
                for action, resources in (allowed or {}).items()
            ],
        )

    def _report(self, run: zflow.Expression, name: str) -> zflow.Expression:
        """Where a report of a run is written."""
        return f"s3://{self.bucket.bucket_name}/reports/" + run + f"/{name}.json"
