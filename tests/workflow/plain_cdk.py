"""SageMaker's jobs as aws-cdk-lib's own constructs declare them, beside which ours are put."""

import json
from collections.abc import Callable, Sequence

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk.assertions import Template

from tests.parts import bucket, function, stack
from tests.templates import Synthesized

IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0"
NAME = "{% $states.input.name %}"
Task = tasks.LambdaInvoke | sfn.TaskStateBase
Declared = Callable[[Stack], Sequence[Task]]


def synthesized(declared: Declared) -> Synthesized:
    """A state machine of tasks, one after the other, with logs and traces as ours has them."""
    scope = stack()
    chain: sfn.Chain = sfn.Chain.start(sfn.Pass.jsonata(scope, "Start"))
    for task in declared(scope):
        chain = chain.next(task)
    sfn.StateMachine(
        scope,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(chain),
        query_language=sfn.QueryLanguage.JSONATA,
        tracing_enabled=True,
        logs=sfn.LogOptions(destination=logs.LogGroup(scope, "Logs"), level=sfn.LogLevel.ALL),
    )
    # Without the lint of `Synthesized.of`, which finds what these pages are about.
    return Synthesized(scope, json.loads(json.dumps(Template.from_stack(scope).to_json())))


def training(scope: Stack) -> tasks.SageMakerCreateTrainingJob:
    return tasks.SageMakerCreateTrainingJob.jsonata(
        scope,
        "Train",
        training_job_name=NAME,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        algorithm_specification=tasks.AlgorithmSpecification(
            training_image=tasks.DockerImage.from_registry(IMAGE),
            training_input_mode=tasks.InputMode.FILE,
            metric_definitions=[tasks.MetricDefinition(name="validation:auc", regex="auc=([0-9.]+)")],
        ),
        input_data_config=[
            tasks.Channel(
                channel_name="train",
                content_type="text/csv",
                data_source=tasks.DataSource(
                    s3_data_source=tasks.S3DataSource(
                        s3_location=tasks.S3Location.from_bucket(bucket(scope), "applications/"),
                        s3_data_type=tasks.S3DataType.S3_PREFIX,
                        s3_data_distribution_type=tasks.S3DataDistributionType.FULLY_REPLICATED,
                    )
                ),
            )
        ],
        output_data_config=tasks.OutputDataConfig(
            s3_output_location=tasks.S3Location.from_bucket(bucket(scope, "Runs"), "Scoring/")
        ),
        hyperparameters={"max_depth": "4"},
        resource_config=tasks.ResourceConfig(
            instance_count=1, instance_type=ec2.InstanceType("m5.large"), volume_size=Size.gibibytes(30)
        ),
        stopping_condition=tasks.StoppingCondition(max_runtime=Duration.hours(1)),
        environment={"LEVEL": "info"},
    )


def container(scope: Stack) -> tasks.ContainerDefinition:
    return tasks.ContainerDefinition(
        image=tasks.DockerImage.from_registry(IMAGE),
        model_s3_location=tasks.S3Location.from_bucket(bucket(scope, "Models"), "scoring/model.tar.gz"),
        environment_variables=sfn.TaskInput.from_object({"LEVEL": "info"}),
    )


def model(scope: Stack, *, containers: int = 0, tags: sfn.TaskInput | None = None) -> tasks.SageMakerCreateModel:
    return tasks.SageMakerCreateModel.jsonata(
        scope,
        "Model",
        model_name=NAME,
        primary_container=container(scope),
        containers=[container(scope) for _ in range(containers)] or None,
        tags=tags,
    )


def transform(scope: Stack) -> tasks.SageMakerCreateTransformJob:
    return tasks.SageMakerCreateTransformJob.jsonata(
        scope,
        "Predict",
        transform_job_name=NAME,
        model_name=NAME,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        batch_strategy=tasks.BatchStrategy.MULTI_RECORD,
        max_payload=Size.mebibytes(6),
        transform_input=tasks.TransformInput(
            content_type="text/csv",
            split_type=tasks.SplitType.LINE,
            transform_data_source=tasks.TransformDataSource(
                s3_data_source=tasks.TransformS3DataSource(
                    s3_uri="s3://lake/applications/", s3_data_type=tasks.S3DataType.S3_PREFIX
                )
            ),
        ),
        transform_output=tasks.TransformOutput(
            s3_output_path="s3://runs/Scoring", accept="text/csv", assemble_with=tasks.AssembleWith.LINE
        ),
        transform_resources=tasks.TransformResources(instance_count=1, instance_type=ec2.InstanceType("m5.large")),
        environment={"ROWS": "3"},
    )


def endpoint_config(scope: Stack) -> tasks.SageMakerCreateEndpointConfig:
    variant = tasks.ProductionVariant(
        instance_type=ec2.InstanceType("m5.large"),
        model_name=NAME,
        variant_name="AllTraffic",
        initial_instance_count=1,
        initial_variant_weight=1,
    )
    return tasks.SageMakerCreateEndpointConfig.jsonata(
        scope, "Config", endpoint_config_name=NAME, production_variants=[variant]
    )


def creation(
    scope: Stack, *, pattern: sfn.IntegrationPattern = sfn.IntegrationPattern.REQUEST_RESPONSE
) -> tasks.SageMakerCreateEndpoint:
    return tasks.SageMakerCreateEndpoint.jsonata(
        scope, "Create", endpoint_config_name=NAME, endpoint_name="scoring", integration_pattern=pattern
    )


def update(scope: Stack) -> tasks.SageMakerUpdateEndpoint:
    return tasks.SageMakerUpdateEndpoint.jsonata(scope, "Update", endpoint_config_name=NAME, endpoint_name="scoring")


def invocation(scope: Stack) -> tasks.LambdaInvoke:
    return tasks.LambdaInvoke.jsonata(
        scope,
        "Count",
        lambda_function=function(scope),
        payload=sfn.TaskInput.from_object({"country": "de"}),
        retry_on_service_exceptions=False,
    )
