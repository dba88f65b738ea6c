"""The risk-scoring workflow in plain aws-cdk-lib, as one writes it without this package: the baseline.

It has the same seven steps, scripts, logs, schedule and dead-letter queue. It does not have what takes more than a few
lines of one's own: an update of a live endpoint without downtime, waiting until it serves and checking that it does,
steps that are skipped by a condition, retries by cause, cancelling Databricks runs when an execution stops, clean-up of
the transient models, job names that survive a redrive, permissions for the named resources alone, or a check of the
requests.
"""

import tarfile
from pathlib import Path

from aws_cdk import App, Duration, Size, Stack, TimeZone
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "risk_scoring"
BUILD = ROOT / "build" / "benchmark"
HOST = "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com"
SKLEARN = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"


class PlainRiskScoring(Stack):
    """Databricks prepares, SageMaker trains and predicts, Databricks reports, and the model goes live."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
        )
        self.role = iam.Role(self, "SageMakerRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        self.role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSageMakerFullAccess"))
        self.bucket.grant_read_write(self.role)
        secret = secretsmanager.Secret.from_secret_name_v2(self, "DatabricksSecret", "risk-scoring/databricks")
        self.databricks = lambda_.Function(
            self,
            "DatabricksFunction",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(ROOT / "zflow_constructs/runtime/databricks"), exclude=["**/__pycache__"]),
            timeout=Duration.minutes(2),
            environment={
                "DATABRICKS_HOST": HOST,
                "DATABRICKS_AUTH": "oauth-m2m",
                "DATABRICKS_SECRET_ARN": secret.secret_arn,
            },
        )
        secret.grant_read(self.databricks)
        applications = s3_assets.Asset(self, "Applications", path=str(EXAMPLE / "data/german_credit.csv"))
        self.preprocessing = self.packed("preprocessing")
        self.classifier = self.packed("classifier")

        extract = self.databricks_job(
            "Extract",
            "jobs/extract.py",
            {
                "--applications": applications.s3_object_url,
                "--history": self.here("history"),
                "--holdout": self.here("holdout"),
            },
        )
        fit = self.training_job(
            "FitPreprocessor",
            image=SKLEARN,
            code=self.preprocessing,
            program="fit.py",
            channels={"history": "history"},
            hyperparameters={},
        )
        preprocessor_model = self.model("PreprocessorModel", [self.preprocessor()])
        preprocess = self.transform_job("Preprocess", "PreprocessorModel", "history", "features")
        train = self.training_job(
            "Train",
            image=XGBOOST,
            code=self.classifier,
            program="train.py",
            channels={"train": "features"},
            hyperparameters={"max_depth": "3", "eta": "0.05"},
        )
        model = self.model("Model", [self.preprocessor(), self.container(XGBOOST, self.classifier, "Train")])
        predict = self.transform_job("Predict", "Model", "holdout", "predictions")
        report = self.databricks_job(
            "Report",
            "jobs/report.py",
            {"--predictions": self.here("predictions"), "--report": self.here("report"), "--threshold": "0.3"},
        )
        config = tasks.SageMakerCreateEndpointConfig(
            self,
            "EndpointConfig",
            endpoint_config_name=sfn.JsonPath.string_at(named("Endpoint")),
            production_variants=[
                tasks.ProductionVariant(
                    variant_name="All",
                    model_name=sfn.JsonPath.string_at(named("Model")),
                    instance_type=ec2.InstanceType("m5.large"),
                    initial_instance_count=1,
                )
            ],
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )
        endpoint = tasks.SageMakerCreateEndpoint(
            self,
            "Endpoint",
            endpoint_name="risk-scoring",
            endpoint_config_name=sfn.JsonPath.string_at(named("Endpoint")),
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )
        chain = extract
        for step in (fit, preprocessor_model, preprocess, train, model, predict, report, config, endpoint):
            chain = chain.next(step)
        self.state_machine(chain)

    def state_machine(self, chain: sfn.Chain) -> None:
        """The machine with its permissions, log and schedule."""
        machine = sfn.StateMachine(
            self,
            "RiskScoring",
            definition_body=sfn.DefinitionBody.from_chainable(chain),
            timeout=Duration.hours(12),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH), level=sfn.LogLevel.ALL
            ),
        )
        actions = ["CreateModel", "CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "AddTags"]
        machine.add_to_role_policy(
            iam.PolicyStatement(actions=[f"sagemaker:{action}" for action in actions], resources=["*"])
        )
        machine.add_to_role_policy(
            iam.PolicyStatement(
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                resources=[
                    self.format_arn(
                        service="events",
                        resource="rule",
                        resource_name="StepFunctionsGetEventsForSageMakerTransformJobsRule",
                    )
                ],
            )
        )
        self.role.grant_pass_role(machine.role)
        scheduler.Schedule(
            self,
            "Nightly",
            schedule=scheduler.ScheduleExpression.cron(hour="3", minute="0", time_zone=TimeZone.EUROPE_BERLIN),
            target=scheduler_targets.StepFunctionsStartExecution(
                machine, dead_letter_queue=sqs.Queue(self, "DeadLetters", enforce_ssl=True)
            ),
        )

    def packed(self, folder: str) -> s3_assets.Asset:
        """A folder of scripts as the tarball that the framework containers take."""
        BUILD.mkdir(parents=True, exist_ok=True)
        archive = BUILD / f"{folder}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for script in sorted((EXAMPLE / folder).glob("*.py")):
                tar.add(script, script.name)
        asset = s3_assets.Asset(self, folder.title(), path=str(archive))
        asset.grant_read(self.role)
        return asset

    def here(self, name: str) -> str:
        """Where this run keeps something, as an intrinsic function."""
        return f"States.Format('s3://{self.bucket.bucket_name}/risk-scoring/{{}}/{name}', $$.Execution.Name)"

    def training_job(
        self,
        id: str,
        *,
        image: str,
        code: s3_assets.Asset,
        program: str,
        channels: dict[str, str],
        hyperparameters: dict[str, str],
    ) -> tasks.SageMakerCreateTrainingJob:
        """A training job of a framework container that runs a script."""
        return tasks.SageMakerCreateTrainingJob(
            self,
            id,
            training_job_name=sfn.JsonPath.string_at(named(id)),
            integration_pattern=sfn.IntegrationPattern.RUN_JOB,
            role=self.role,
            algorithm_specification=tasks.AlgorithmSpecification(
                training_image=tasks.DockerImage.from_registry(image),
                training_input_mode=tasks.InputMode.FILE,
                metric_definitions=[tasks.MetricDefinition(name="validation:auc", regex="validation:auc=([0-9.]+)")],
            ),
            hyperparameters={
                "sagemaker_program": program,
                "sagemaker_submit_directory": code.s3_object_url,
                **hyperparameters,
            },
            input_data_config=[
                tasks.Channel(
                    channel_name=channel,
                    content_type="text/csv",
                    data_source=tasks.DataSource(
                        s3_data_source=tasks.S3DataSource(
                            s3_location=tasks.S3Location.from_json_expression(self.here(name)),
                            s3_data_type=tasks.S3DataType.S3_PREFIX,
                        )
                    ),
                )
                for channel, name in channels.items()
            ],
            output_data_config=tasks.OutputDataConfig(
                s3_output_location=tasks.S3Location.from_json_expression(self.here("models"))
            ),
            resource_config=tasks.ResourceConfig(
                instance_count=1, instance_type=ec2.InstanceType("m5.xlarge"), volume_size=Size.gibibytes(30)
            ),
            stopping_condition=tasks.StoppingCondition(max_runtime=Duration.hours(4)),
            task_timeout=sfn.Timeout.duration(Duration.hours(5)),
            result_path=f"$.{id}",
        )

    def preprocessor(self) -> dict[str, object]:
        """The container that turns raw features into the model's."""
        return self.container(SKLEARN, self.preprocessing, "FitPreprocessor")

    def container(self, image: str, code: s3_assets.Asset, trained_by: str) -> dict[str, object]:
        """A container with a trained model, which serves with a script."""
        return {
            "Image": image,
            "ModelDataUrl.$": f"$.{trained_by}.ModelArtifacts.S3ModelArtifacts",
            "Environment": {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": code.s3_object_url},
        }

    def model(self, id: str, containers: list[dict[str, object]]) -> sfn.CustomState:
        """A model of one container or several, which aws-cdk-lib's own task renders wrongly."""
        return self.custom(
            id,
            "createModel",
            {"ModelName.$": named(id), "ExecutionRoleArn": self.role.role_arn, "Containers": containers},
            timeout_seconds=60,
        )

    def transform_job(self, id: str, model: str, data: str, output: str) -> sfn.CustomState:
        """A batch transform that joins its input, which aws-cdk-lib's own task can't."""
        return self.custom(
            id,
            "createTransformJob.sync",
            {
                "TransformJobName.$": named(id),
                "ModelName.$": named(model),
                "TransformInput": {
                    "ContentType": "text/csv",
                    "SplitType": "Line",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": self.here(data)}},
                },
                "TransformOutput": {"S3OutputPath.$": self.here(output), "AssembleWith": "Line", "Accept": "text/csv"},
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                "DataProcessing": {"InputFilter": "$[0:17]", "JoinSource": "Input", "OutputFilter": "$[17:]"},
            },
            timeout_seconds=5400,
        )

    def custom(self, id: str, action: str, parameters: dict[str, object], *, timeout_seconds: int) -> sfn.CustomState:
        """A call of SageMaker in Amazon States Language."""
        return sfn.CustomState(
            self,
            id,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{self.partition}:states:::sagemaker:{action}",
                "Parameters": parameters,
                "TimeoutSeconds": timeout_seconds,
                "ResultPath": f"$.{id}",
            },
        )

    def databricks_job(self, id: str, script: str, parameters: dict[str, str]) -> sfn.Chain:
        """Submit, then look every 30 seconds until the run is done."""
        asset = s3_assets.Asset(self, f"{id}Script", path=str(EXAMPLE / script))
        task = {
            "task_key": id,
            "spark_python_task": {
                "python_file": asset.s3_object_url,
                "parameters": sfn.JsonPath.array(
                    *[part for name, value in parameters.items() for part in (name, argument(value))]
                ),
            },
            "new_cluster": {
                "spark_version": "16.4.x-cpu-ml-scala2.12",
                "node_type_id": "m5.xlarge",
                "num_workers": 0,
                "spark_conf": {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
                "custom_tags": {"ResourceClass": "SingleNode"},
            },
        }
        common = {"execution": sfn.JsonPath.string_at("$$.Execution.Id"), "step": id, "redrive": 0}
        request = {"tasks": [task], "timeout_seconds": 3600}
        submission = {"action": "submit", "item": "", "attempt": 0, "max_attempts": 3, "request": request}
        submit = self.invoke(f"Submit{id}", {**common, **submission})
        wait = sfn.Wait(self, f"WaitFor{id}", time=sfn.WaitTime.duration(Duration.seconds(30)))
        run = sfn.JsonPath.object_at("$.databricks.Payload.run")
        check = self.invoke(f"Check{id}", {**common, "action": "check", "run": run})
        finished = sfn.Choice(self, f"{id}Finished")
        done = sfn.Condition.string_equals("$.databricks.Payload.status", "DONE")
        submit.next(wait).next(check).next(finished)
        return sfn.Chain.sequence(submit, finished.when(done, sfn.Pass(self, f"{id}Done")).otherwise(wait).afterwards())

    def invoke(self, id: str, payload: dict[str, object]) -> tasks.LambdaInvoke:
        """One call of the Lambda function."""
        return tasks.LambdaInvoke(
            self,
            id,
            lambda_function=self.databricks,
            payload=sfn.TaskInput.from_object(payload),
            result_path="$.databricks",
            task_timeout=sfn.Timeout.duration(Duration.minutes(2)),
        )


def named(kind: str) -> str:
    """The name of this run's job, model or configuration, as an intrinsic function."""
    return f"States.Format('risk-{kind}-{{}}', $$.Execution.Name)"


def argument(value: str) -> str:
    """A command line argument: the text itself, or the result of an intrinsic function."""
    return sfn.JsonPath.string_at(value) if value.startswith("States.") else value


if __name__ == "__main__":
    app = App()
    PlainRiskScoring(app, "PlainRiskScoring")
    app.synth()
