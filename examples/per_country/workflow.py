"""One model for each country, in a loop, and a common one beside them: which is better?"""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

import zflow_constructs as zflow
from examples.per_country.acknowledgements import acknowledge_findings

HERE = Path(__file__).parent
SKLEARN = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
COUNTRIES = ["USA", "Japan", "Europe"]


class PerCountry(Stack):
    """SageMaker trains a model for each country and registers the good ones; Lambda compares them with a common one."""

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
        self.group = zflow.ModelPackageGroup(
            self, "Models", name="miles-per-gallon", description="How far a car goes on a gallon, a model for a country"
        )
        cars = zflow.DataLocation.from_asset(self, "Cars", str(HERE / "data/cars.csv"), content_type="text/csv")

        split = zflow.ProcessingStep(
            self,
            "Split",
            image=SKLEARN,
            code=zflow.SourceCode.from_file(str(HERE / "jobs/split.py")),
            arguments=["--countries", zflow.Parameter("countries")],
            inputs={"cars": cars},
            outputs=["training", "test", "cars"],
            reports={"cars": "cars/cars.json"},
            max_runtime=Duration.hours(1),
        )
        training, test = split.outputs["training"], split.outputs["test"]

        # Of all countries, whichever of them get a model of their own.
        train_common = self._train("TrainCommon", cars=training)
        predict_common = self._predict("PredictCommon", model=train_common, cars=test)

        # The loop's own steps: each iteration has files and jobs of its own.
        country = zflow.Item("country")
        file = country["name"] + ".csv"
        train = self._train("Train", cars=training.file(file, content_type="text/csv"))
        predict = self._predict("Predict", model=train, cars=test.file(file, content_type="text/csv"))
        evaluate = zflow.ProcessingStep(
            self,
            "Evaluate",
            image=SKLEARN,
            code=zflow.SourceCode.from_file(str(HERE / "jobs/evaluate.py")),
            inputs={"predictions": predict.output},
            outputs=["quality"],
            reports={"quality": "quality/quality.json"},
            max_runtime=Duration.hours(1),
        )
        r2 = evaluate.report("quality.regression_metrics.r2.value")
        register = zflow.RegisterModelStep(
            self,
            "Register",
            group=self.group,
            containers=[self._container(train)],
            description="Learnt from cars of " + country["name"],
            model_metrics={
                "quality": evaluate.outputs["quality"].file("quality.json", content_type="application/json")
            },
            customer_metadata={
                "country": country["name"],
                "cars": country["training"],
                "r2": r2,
                "training job": train.job_name,
            },
            timeout=Duration.minutes(10),
            when=r2 >= zflow.Parameter("least_r2"),
        )
        countries = zflow.ForEach(
            self,
            "Countries",
            item="country",
            items=split.report("cars.countries"),
            steps=[train, predict, evaluate, register],
            outputs={
                "predictions": predict.output.uri,
                "mae": evaluate.report("quality.regression_metrics.mae.value"),
                "version": register.version,
            },
            most_items=20,
        )

        run = zflow.Jsonata("$states.context.Execution.Name")
        compare = zflow.LambdaStep(
            self,
            "Compare",
            function=self._compare_function(["Predict", "PredictCommon"]),
            payload={
                "iterations": countries.results,
                "common": predict_common.output.uri,
                "to": f"s3://{self.bucket.bucket_name}/reports/" + run + "/",
            },
            outputs=["table"],
        )
        self.workflow = zflow.MlWorkflow(
            self,
            "PerCountry",
            steps=[split, train_common, predict_common, countries, compare],
            parameters={
                "countries": zflow.RunParameter.strings(default=COUNTRIES),
                "least_r2": zflow.RunParameter.number(default=0.5, most=1),
            },
            outputs={"table": compare.outputs["table"]},
            bucket=self.bucket,
        )
        jobs = [split, train_common, predict_common, train, predict, evaluate]
        acknowledge_findings(self.workflow, jobs=jobs)

    def _train(self, id: str, *, cars: zflow.DataLocation) -> zflow.TrainingStep:
        return zflow.TrainingStep(
            self,
            id,
            image=SKLEARN,
            code=zflow.SourceCode.from_directory(str(HERE / "model"), entry_point="train.py"),
            channels={"cars": cars},
            max_runtime=Duration.hours(1),
        )

    def _container(self, model: zflow.TrainingStep) -> zflow.ModelContainer:
        return zflow.ModelContainer(
            image=SKLEARN,
            model_data=model.model_data,
            code=zflow.SourceCode.from_directory(str(HERE / "model"), entry_point="serve.py"),
        )

    def _predict(self, id: str, *, model: zflow.TrainingStep, cars: zflow.DataLocation) -> zflow.BatchTransformStep:
        # A row is the country, the miles per gallon and the features, of which the model gets the last.
        return zflow.BatchTransformStep(
            self,
            id,
            containers=[self._container(model)],
            data=cars,
            input_filter="$[2:]",
            join_input=True,
            output_filter="$[0,1,-1]",
            timeout=Duration.hours(1),
        )

    def _compare_function(self, predicted_by: list[str]) -> lambda_.Function:
        read = [self.bucket.arn_for_objects(f"PerCountry/*/{step}/*") for step in predicted_by]
        written = [self.bucket.arn_for_objects("reports/*")]
        return lambda_.Function(
            self,
            "CompareFunction",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="compare.compare",
            code=lambda_.Code.from_asset(str(HERE / "functions"), exclude=["__pycache__"]),
            timeout=Duration.minutes(1),
            initial_policy=[
                iam.PolicyStatement(actions=["s3:GetObject"], resources=read),
                iam.PolicyStatement(actions=["s3:PutObject"], resources=written),
            ],
        )
