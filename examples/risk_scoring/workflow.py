"""The risk-scoring workflow: from credit applications to a live endpoint, every night."""

from pathlib import Path

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

import zflow_constructs as zflow
from examples.risk_scoring.acknowledgements import acknowledge_findings

HERE = Path(__file__).parent


class RiskScoring(Stack):
    """Databricks prepares, SageMaker trains and predicts, Databricks reports, and a good model goes live."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        databricks = zflow.DatabricksWorkspace(
            self,
            "Databricks",
            host="https://dbc-a1b2c3d4-e5f6.cloud.databricks.com",
            credentials=zflow.DatabricksCredentials.from_oauth_secret(
                secretsmanager.Secret.from_secret_name_v2(self, "DatabricksSecret", "risk-scoring/databricks")
            ),
        )
        # What the clusters may do on AWS: the steps grant it their data. Databricks must know the profile.
        profile = iam.InstanceProfile(
            self,
            "ClusterProfile",
            role=iam.Role(self, "ClusterRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")),
        )
        cluster = zflow.JobCluster(
            spark_version="16.4.x-cpu-ml-scala2.12", node_type="m5.xlarge", instance_profile=profile
        )
        sklearn = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
        xgboost = zflow.ContainerImage.from_framework("xgboost", "1.7-1")

        applications = zflow.DataLocation.from_asset(self, "Applications", str(HERE / "data/german_credit.csv"))

        extract = zflow.DatabricksJobStep(
            self,
            "Extract",
            workspace=databricks,
            task=zflow.SparkPythonTask(zflow.SourceCode.from_file(str(HERE / "jobs/extract.py"))),
            cluster=cluster,
            inputs={"applications": applications},
            outputs=["history", "holdout"],
            timeout=Duration.hours(1),
        )
        fit = zflow.TrainingStep(
            self,
            "FitPreprocessor",
            image=sklearn,
            code=zflow.SourceCode.from_directory(str(HERE / "preprocessing"), entry_point="fit.py"),
            channels={"history": extract.outputs["history"]},
            instance_type=ec2.InstanceType("m5.large"),
            max_runtime=Duration.hours(1),
        )
        preprocessor = zflow.ModelContainer(
            image=sklearn,
            model_data=fit.model_data,
            code=zflow.SourceCode.from_directory(str(HERE / "preprocessing"), entry_point="serve.py"),
        )
        # Of each row, the first 17 columns are the features; the id and the outcome stay beside what is made of them.
        preprocess = zflow.BatchTransformStep(
            self,
            "Preprocess",
            containers=[preprocessor],
            data=extract.outputs["history"],
            input_filter="$[0:17]",
            join_input=True,
            output_filter="$[17:]",
            timeout=Duration.hours(1),
        )
        train = zflow.TrainingStep(
            self,
            "Train",
            image=xgboost,
            code=zflow.SourceCode.from_directory(str(HERE / "classifier"), entry_point="train.py"),
            channels={"train": preprocess.output},
            hyperparameters={"max_depth": zflow.Parameter("max_depth"), "eta": 0.05},
            metrics={
                "validation:auc": r"validation:auc=([0-9.]+)",
                "validation:logloss": r"validation:logloss=([0-9.]+)",
            },
            instance_type=ec2.InstanceType("m5.xlarge"),
            max_runtime=Duration.hours(4),
        )
        classifier = zflow.ModelContainer(
            image=xgboost,
            model_data=train.model_data,
            code=zflow.SourceCode.from_directory(str(HERE / "classifier"), entry_point="serve.py"),
        )
        predict = zflow.BatchTransformStep(
            self,
            "Predict",
            containers=[preprocessor, classifier],
            data=extract.outputs["holdout"],
            input_filter="$[0:17]",
            join_input=True,
            output_filter="$[17:]",
            timeout=Duration.hours(1),
        )
        report = zflow.DatabricksJobStep(
            self,
            "Report",
            workspace=databricks,
            task=zflow.SparkPythonTask(zflow.SourceCode.from_file(str(HERE / "jobs/report.py"))),
            cluster=cluster,
            inputs={"predictions": predict.output},
            outputs=["report"],
            parameters={"threshold": zflow.Parameter("threshold")},
            timeout=Duration.hours(1),
        )
        self.endpoint = zflow.InferencePipelineEndpoint(
            self,
            "Endpoint",
            containers=[preprocessor, classifier],
            endpoint_name="risk-scoring",
            after=[report],
            when=train.metric("validation:auc") >= zflow.Parameter("least_auc"),
        )
        self.workflow = zflow.MlWorkflow(
            self,
            "RiskScoring",
            steps=[extract, fit, preprocess, train, predict, report, self.endpoint],
            parameters={"max_depth": 3, "least_auc": 0.75, "threshold": 0.3},
            schedule=scheduler.ScheduleExpression.cron(hour="3", minute="0", time_zone=TimeZone.EUROPE_BERLIN),
            timeout=Duration.hours(12),
        )
        acknowledge_findings(
            self.workflow, databricks, sagemaker_steps=[fit, preprocess, train, predict, self.endpoint]
        )
