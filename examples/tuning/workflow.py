"""Tune, pick the best, register, approve, deploy with a canary."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

import zflow_constructs as zflow
from examples.tuning.acknowledgements import acknowledge_findings

HERE = Path(__file__).parent
DATA = str(HERE.parent / "risk_scoring/data/german_credit.csv")
SKLEARN = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
TAGS = {"team": "risk"}


class Tuning(Stack):
    """SageMaker tunes and tests a model, people approve it, and a part of the traffic tries it first."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        applications = zflow.DataLocation.from_asset(self, "Applications", DATA, content_type="text/csv")
        split = self._process("Split", inputs={"applications": applications}, outputs=["history", "holdout"])
        tune = zflow.TuningStep(
            self,
            "Tune",
            image=SKLEARN,
            code=zflow.SourceCode.from_directory(str(HERE / "model"), entry_point="train.py"),
            channels={"history": split.outputs["history"]},
            ranges={
                "learning_rate": zflow.ContinuousRange(0.01, 0.3, scale="Logarithmic"),
                "max_depth": zflow.IntegerRange(1, 5),
                "subsample": zflow.ContinuousRange(0.5, 1),
            },
            hyperparameters={"trees": 100},
            metrics={"validation:auc": "validation:auc=([0-9.]+)"},
            maximize="validation:auc",
            max_jobs=6,
            max_parallel_jobs=2,
            max_runtime=Duration.hours(1),
            tags=TAGS,
        )
        evaluate = self._process(
            "Evaluate",
            inputs={"model": tune.model_data.location, "holdout": split.outputs["holdout"]},
            outputs=["evaluation"],
            reports={"metrics": "evaluation/metrics.json"},
        )
        auc = evaluate.report("metrics.binary_classification_metrics.auc.value")
        best = {name: tune.best_hyperparameter(name) for name in ("learning_rate", "max_depth", "subsample")}
        model = zflow.ModelContainer(
            image=SKLEARN,
            model_data=tune.model_data,
            code=zflow.SourceCode.from_directory(str(HERE / "model"), entry_point="serve.py"),
        )
        register = zflow.RegisterModelStep(
            self,
            "Register",
            group=zflow.ModelPackageGroup(self, "Models", name="credit-scoring", tags=TAGS),
            containers=[model],
            domain="MACHINE_LEARNING",
            task="CLASSIFICATION",
            model_metrics={
                "quality": evaluate.outputs["evaluation"].file("metrics.json", content_type="application/json")
            },
            customer_metadata={
                **best,
                "auc": auc,
                "tuning job": tune.job_name,
                "training job": tune.best_job_name,
                "evaluation job": evaluate.job_name,
            },
            when=auc >= zflow.Parameter("least_auc"),
        )
        key = kms.Key(self, "Key", description="Encrypts messages to those who approve", enable_key_rotation=True)
        approvals = zflow.ApprovalPage(self, "Approvals")
        approve = zflow.ApprovalStep(
            self,
            "Approve",
            page=approvals,
            topic=sns.Topic(self, "RiskTeam", master_key=key, enforce_ssl=True),
            question="Shall this model score credit applications from now on?",
            details={
                "AUC on the hold-out": auc,
                "95 % interval, from": evaluate.report("metrics.auc_interval.low"),
                "95 % interval, to": evaluate.report("metrics.auc_interval.high"),
                "applications in the hold-out": evaluate.report("metrics.dataset.item_count"),
                "AUC in cross-validation": tune.best_metric,
                **best,
                "version": register.model_package_arn,
            },
            model_package=register.model_package,
            timeout=Duration.days(3),
            escalate_after=Duration.days(1),
            escalation_topic=sns.Topic(self, "HeadsOfRisk", master_key=key, enforce_ssl=True),
        )
        self.deploy = zflow.InferencePipelineEndpoint(
            self,
            "Deploy",
            containers=[model],
            endpoint_name="credit-scoring",
            deployment=zflow.Deployment.canary(zflow.Capacity.percent(10), wait_interval=Duration.minutes(10)),
            rollback=zflow.Rollback(error_percent=1, latency_p99=Duration.millis(500)),
            smoke_test=zflow.SmokeTest.from_file(str(HERE / "sample.csv"), content_type="text/csv", contains="0."),
            data_capture=zflow.DataCapture(percent=20),
            instance_type=ec2.InstanceType("m5.large"),
            instance_count=2,
            autoscaling=zflow.AutoScaling(
                min_capacity=2, max_capacity=10, targets=[zflow.ScalingTarget.invocations_per_instance(3000)]
            ),
            tags=TAGS,
            when=approve.approved,
        )
        self.workflow = zflow.MlWorkflow(
            self,
            "Tuning",
            steps=[split, tune, evaluate, register, approve, self.deploy],
            parameters={"least_auc": zflow.RunParameter.number(default=0.75, least=0, most=1)},
            outputs={
                "auc": auc,
                **best,
                "version": register.version,
                "decision": approve.decision,
                "decided_by": approve.decided_by,
                "live": self.deploy.config_name,
            },
        )
        acknowledge_findings(self.workflow, sagemaker_steps=[split, tune, evaluate, self.deploy], approvals=approvals)

    def _process(
        self,
        id: str,
        *,
        inputs: Mapping[str, zflow.DataLocation],
        outputs: Sequence[str],
        reports: Mapping[str, str] | None = None,
    ) -> zflow.ProcessingStep:
        return zflow.ProcessingStep(
            self,
            id,
            image=SKLEARN,
            code=zflow.SourceCode.from_file(str(HERE / f"jobs/{id.lower()}.py")),
            inputs=inputs,
            outputs=outputs,
            reports=reports,
            max_runtime=Duration.hours(1),
            tags=TAGS,
        )
