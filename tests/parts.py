"""The parts that tests of constructs build with: each valid, so that a test changes the one thing it is about."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

from aws_cdk import App, Duration, Environment, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

import zflow_constructs as zflow
from zflow_constructs.core.values.templates import Template
from zflow_constructs.databricks.tasks.cluster_tasks import RunTask
from zflow_constructs.databricks.tasks.compute import Compute

EXAMPLE = Path(__file__).parents[1] / "examples" / "risk_scoring"
SKLEARN = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
XGBOOST = zflow.ContainerImage.from_framework("xgboost", "1.7-1")
OWN_IMAGE = zflow.ContainerImage.from_registry("111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0")
TRAIN_CODE = zflow.SourceCode.from_directory(str(EXAMPLE / "classifier"), entry_point="train.py")
SERVE_CODE = zflow.SourceCode.from_directory(str(EXAMPLE / "classifier"), entry_point="serve.py")
SCRIPT = zflow.SourceCode.from_file(str(EXAMPLE / "jobs" / "extract.py"))
SPARK_TASK = zflow.SparkPythonTask(SCRIPT)
CLUSTER = zflow.JobCluster(spark_version="16.4.x-scala2.12", node_type="m5.xlarge")


def stack() -> Stack:
    return Stack(App(), "Team", env=Environment(account="111122223333", region="eu-central-1"))


def bucket(scope: Stack, id: str = "Lake") -> s3.IBucket:
    """A bucket that is there already, the same one for each that asks."""
    known = scope.node.try_find_child(id)
    return cast("s3.IBucket", known) if known else s3.Bucket.from_bucket_name(scope, id, id.lower())


def data(scope: Stack) -> zflow.DataLocation:
    return zflow.DataLocation.from_bucket(bucket(scope), "applications/", content_type="text/csv")


def network(scope: Construct) -> ec2.IVpc:
    """A VPC that is there already, with two private and two public subnets."""
    return ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-central-1a", "eu-central-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
        public_subnet_ids=["subnet-3", "subnet-4"],
    )


def function(scope: Construct, id: str = "Function") -> lambda_.IFunction:
    return lambda_.Function.from_function_attributes(
        scope, id, function_arn="arn:aws:lambda:eu-central-1:111122223333:function:count", same_environment=True
    )


def workspace(scope: Stack, *, host: str = "https://dbc-a1b2.cloud.databricks.com") -> zflow.DatabricksWorkspace:
    secret = secretsmanager.Secret.from_secret_complete_arn(
        scope, "Secret", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:databricks-AbCdEf"
    )
    credentials = zflow.DatabricksCredentials.from_oauth_secret(secret)
    return zflow.DatabricksWorkspace(scope, "Databricks", host=host, credentials=credentials)


def model(scope: Stack) -> zflow.ModelContainer:
    data = zflow.ModelData.from_bucket(bucket(scope, "Models"), "scoring/model.tar.gz")
    return zflow.ModelContainer(image=XGBOOST, model_data=data, code=SERVE_CODE)


def count(
    scope: Construct,
    id: str,
    *,
    payload: Mapping[str, "zflow.Expression | str"] | None = None,
    outputs: Sequence[str] = ("rows",),
    after: Sequence[zflow.Step] = (),
    when: zflow.Condition | None = None,
) -> zflow.LambdaStep:
    return zflow.LambdaStep(
        scope, id, function=function(scope, f"{id}Function"), payload=payload, outputs=outputs, after=after, when=when
    )


def train(
    scope: Stack,
    *,
    image: zflow.ContainerImage = XGBOOST,
    code: zflow.SourceCode | None = TRAIN_CODE,
    instance_type: ec2.InstanceType | None = None,
    instance_count: int = 1,
    max_runtime: Duration | None = None,
    spot: bool = False,
    max_wait: Duration | None = None,
    checkpoints: bool = False,
    vpc: ec2.IVpc | None = None,
    subnets: ec2.SubnetSelection | None = None,
    security_groups: Sequence[ec2.ISecurityGroup] = (),
    retry: zflow.Retry | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.TrainingStep:
    return zflow.TrainingStep(
        scope,
        "Train",
        image=image,
        code=code,
        channels={"train": data(scope)},
        metrics={"validation:auc": "auc=([0-9.]+)"},
        instance_type=instance_type,
        instance_count=instance_count,
        max_runtime=max_runtime,
        spot=spot,
        max_wait=max_wait,
        checkpoints=checkpoints,
        vpc=vpc,
        subnets=subnets,
        security_groups=security_groups,
        retry=retry,
        request_overrides=request_overrides,
    )


def process(
    scope: Stack,
    *,
    image: zflow.ContainerImage = SKLEARN,
    code: zflow.SourceCode | None = SCRIPT,
    entrypoint: Sequence[str] = (),
    inputs: Mapping[str, zflow.DataLocation | zflow.ProcessingInput] | None = None,
    outputs: Sequence[str] = ("evaluation",),
    reports: Mapping[str, str] | None = None,
    spark: zflow.SparkOptions | None = None,
    spark_event_logs: zflow.DataLocation | None = None,
    instance_count: int = 1,
    max_runtime: Duration | None = None,
    network_isolation: bool = False,
    output_key: kms.IKey | None = None,
    request_overrides: Mapping[str, Template] | None = None,
    optional: bool = False,
) -> zflow.ProcessingStep:
    return zflow.ProcessingStep(
        scope,
        "Evaluate",
        image=image,
        code=code,
        entrypoint=entrypoint,
        inputs=inputs,
        outputs=outputs,
        reports={"metrics": "evaluation/metrics.json"} if reports is None else reports,
        spark=spark,
        spark_event_logs=spark_event_logs,
        instance_count=instance_count,
        max_runtime=max_runtime,
        network_isolation=network_isolation,
        output_key=output_key,
        request_overrides=request_overrides,
        optional=optional,
    )


def transform(
    scope: Stack,
    *,
    containers: Sequence[zflow.ModelContainer] | None = None,
    model_there: zflow.Model | None = None,
    records: zflow.DataLocation | None = None,
    accept: str = "text/csv",
    split: Literal["Line", "None", "RecordIO"] = "Line",
    assemble: Literal["Line", "None"] | None = None,
    batch_strategy: Literal["MultiRecord", "SingleRecord"] = "MultiRecord",
    input_filter: str | None = None,
    join_input: bool = False,
    max_payload: Size | None = None,
    max_concurrency: int | None = None,
    data_capture: zflow.BatchDataCapture | None = None,
    invocation_timeout: Duration | None = None,
    invocation_retries: int | None = None,
    vpc: ec2.IVpc | None = None,
    network_isolation: bool = False,
    role: iam.IRole | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.BatchTransformStep:
    return zflow.BatchTransformStep(
        scope,
        "Predict",
        containers=[model(scope)] if containers is None and model_there is None else containers or (),
        model=model_there,
        data=records or data(scope),
        accept=accept,
        split=split,
        assemble=assemble,
        batch_strategy=batch_strategy,
        input_filter=input_filter,
        join_input=join_input,
        max_payload=max_payload,
        max_concurrency=max_concurrency,
        data_capture=data_capture,
        invocation_timeout=invocation_timeout,
        invocation_retries=invocation_retries,
        vpc=vpc,
        network_isolation=network_isolation,
        role=role,
        request_overrides=request_overrides,
    )


def endpoint(
    scope: Stack,
    *,
    containers: Sequence[zflow.ModelContainer] | None = None,
    endpoint_name: str | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.InferencePipelineEndpoint:
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[model(scope)] if containers is None else containers,
        endpoint_name=endpoint_name,
        request_overrides=request_overrides,
    )


def databricks_step(
    scope: Stack,
    *,
    task: RunTask | None = None,
    tasks: Mapping[str, zflow.DatabricksTask] | None = None,
    cluster: Compute | None = None,
    git: zflow.GitSource | None = None,
    parameters: Mapping[str, str | float | zflow.Expression] | None = None,
    inputs: Mapping[str, zflow.DataLocation] | None = None,
    outputs: Sequence[str] = (),
    reports: Mapping[str, str] | None = None,
    libraries: Sequence[zflow.DatabricksLibrary] = (),
    permissions: Sequence[zflow.RunPermission] = (),
    timeout: Duration | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.DatabricksJobStep:
    """A step that runs a script on a small cluster, unless it is told what to run."""
    small = task is None and tasks is None
    return zflow.DatabricksJobStep(
        scope,
        "Extract",
        workspace=workspace(scope),
        task=SPARK_TASK if small else task,
        tasks=tasks,
        cluster=(cluster or CLUSTER) if small else cluster,
        git=git,
        parameters=parameters,
        inputs=inputs,
        outputs=outputs,
        reports=reports,
        libraries=libraries,
        permissions=permissions,
        timeout=timeout,
        request_overrides=request_overrides,
    )
