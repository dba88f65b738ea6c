"""Processing steps: the job, what its role may do, and the reports that conditions read."""

import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from aws_cdk import App, Duration, Environment, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tests.parts import (
    OWN_IMAGE,
    SCRIPT,
    SKLEARN,
    TRAIN_CODE,
    XGBOOST,
    bucket,
    count,
    data,
    network,
    process,
    stack,
)
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    ENCRYPTS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    completed,
    hands_over,
    inside,
    job_name,
    jsonata,
    listens,
    makes_interfaces,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from tests.texts import number_text, text_of
from tools.generate_request_fields import STEPS
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

BUCKET = "scoringbucket3a58686c"
KEY = "arn:aws:kms:eu-central-1:111122223333:key"
SPARK = zflow.ContainerImage.from_framework("spark", "3.5")
RUN = f's3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "'
SCRIPT_COMMAND = (
    "cd /opt/ml/processing/input/code; tar -xzf *.gz; "
    "[ ! -f requirements.txt ] || python3 -m pip install -r requirements.txt; "
    'exec python3 "$0" "$@"'
)


def read(name: str, uri: str) -> dict[str, Json]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def written(step: str, name: str, upload_mode: str = "EndOfJob") -> dict[str, Json]:
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": jsonata(f'"{RUN}/{step}/{name}/"'),
            "LocalPath": f"/opt/ml/processing/output/{name}",
            "S3UploadMode": upload_mode,
        },
    }


class Example:
    """A processing step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Count")
        self.minimal = zflow.ProcessingStep(scope, "Minimal", image=OWN_IMAGE)
        self.maximal = zflow.ProcessingStep(
            scope,
            "Maximal",
            image=SKLEARN,
            code=TRAIN_CODE,
            arguments=["--depth", zflow.Parameter("depth"), "--eta", 0.05, "--verbose", True],
            inputs={
                "applications": data(scope),
                "history": zflow.ProcessingInput.from_location(
                    data(scope),
                    distribution="ShardedByS3Key",
                    input_mode="Pipe",
                    compression="Gzip",
                    manifest=zflow.DataLocation.from_bucket(bucket(scope), "manifests/today.json"),
                ),
            },
            outputs=["cleaned", "evaluation"],
            upload_mode="Continuous",
            content_type="application/x-parquet",
            reports={
                "metrics": "evaluation/metrics.json",
                "unread": "evaluation/unread.json",
                "drift": "evaluation/drift/all.json",
            },
            experiment=zflow.ExperimentConfig("risk"),
            instance_type=ec2.InstanceType("m5.xlarge"),
            instance_count=2,
            volume_size=Size.gibibytes(100),
            max_runtime=Duration.hours(4),
            vpc=network(scope),
            security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")],
            network_isolation=True,
            encrypt_traffic=True,
            volume_key=kms.Key.from_key_arn(scope, "Disks", f"{KEY}/disks"),
            output_key=kms.Key.from_key_arn(scope, "Outputs", f"{KEY}/outputs"),
            environment={"ROWS": rows.outputs["rows"]},
            tags={"team": "risk"},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            retry=zflow.Retry(job_failures=2, interval_seconds=30),
            request_overrides={"Environment": {"LEVEL": "info"}},
            after=[self.minimal],
            when=rows.outputs["rows"] > 100,
        )
        last = count(
            scope,
            "Last",
            payload={
                "auc": self.maximal.report("metrics.auc.value"),
                "bound": self.maximal.report("metrics.validation:auc"),
                "drifted": self.maximal.report("drift.drifted"),
                "job": self.maximal.job_name,
                "cleaned": self.maximal.outputs["cleaned"].uri,
            },
            when=self.maximal.report("metrics.auc.value") >= 0.8,
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, self.minimal, self.maximal, last], parameters={"depth": 3}
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_is_one_job_on_one_machine_for_a_day_at_most(example: Example) -> None:
    state = dict(example.made.state("Minimal"))
    assert state.pop("End") is True
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Arguments": {
            "ProcessingJobName": job_name("Minimal"),
            "RoleArn": example.made.role_arn(example.minimal.role),
            "AppSpecification": {"ImageUri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0"},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        },
        "TimeoutSeconds": 86_400 + 900,
        "Assign": {"step_Minimal": {"job_name": completed("Minimal", "ProcessingJob")}},
        "Output": {},
        "Retry": [CAPACITY.render(), THROTTLING.render()],
    }


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    state = example.made.state("Maximal")
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Arguments": {
            "ProcessingJobName": job_name("Maximal"),
            "RoleArn": example.made.role_arn(example.maximal.role),
            "AppSpecification": {
                "ImageUri": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
                "ContainerEntrypoint": [
                    "/bin/bash",
                    "-ec",
                    SCRIPT_COMMAND,
                    "/opt/ml/processing/input/code/train.py",
                ],
                "ContainerArguments": [
                    "--depth",
                    number_text("$parameters.depth"),
                    "--eta",
                    "0.05",
                    "--verbose",
                    "true",
                ],
            },
            "ProcessingInputs": [
                read("applications", "s3://lake/applications/"),
                {
                    "InputName": "history",
                    "S3Input": {
                        "S3Uri": "s3://lake/manifests/today.json",
                        "LocalPath": "/opt/ml/processing/input/history",
                        "S3DataType": "ManifestFile",
                        "S3InputMode": "Pipe",
                        "S3DataDistributionType": "ShardedByS3Key",
                        "S3CompressionType": "Gzip",
                    },
                },
                read("code", f"s3://{ASSETS}/<hash>.gz"),
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    written("Maximal", "cleaned", "Continuous"),
                    written("Maximal", "evaluation", "Continuous"),
                ],
                "KmsKeyId": f"{KEY}/outputs",
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.xlarge",
                    "InstanceCount": 2,
                    "VolumeSizeInGB": 100,
                    "VolumeKmsKeyId": f"{KEY}/disks",
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 14_400},
            "Environment": {"ROWS": text_of("$Count_Minimal_in_parallel.Count.rows"), "LEVEL": "info"},
            "NetworkConfig": {
                "EnableInterContainerTrafficEncryption": True,
                "EnableNetworkIsolation": True,
                "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            },
            "ExperimentConfig": {"ExperimentName": "risk"},
            "Tags": [{"Key": "team", "Value": "risk"}],
        },
        "TimeoutSeconds": 14_400 + 900,
        "Assign": {"step_Maximal": {"job_name": completed("Maximal", "ProcessingJob")}},
        "Output": {},
        "Retry": [
            CAPACITY.render(),
            THROTTLING.render(),
            *(retrier.render() for retrier in zflow.Retry(job_failures=2, interval_seconds=30).failure_retriers()),
        ],
        "Next": "Maximal: report metrics",
    }
    assert example.maximal.outputs["cleaned"].content_type == "application/x-parquet"


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    there = set_fields("CreateProcessingJob", example.made.state("Maximal")["Arguments"])
    assert there == set(STEPS["CreateProcessingJob"].fields)


def test_only_reports_that_are_read_are_fetched_one_after_the_other(example: Example) -> None:
    metrics, drift = dict(example.made.state("Maximal: report metrics")), example.made.state("Maximal: report drift")
    assign = mapping(mapping(metrics.pop("Assign"))["step_Maximal"])
    assert metrics == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {
            "Bucket": jsonata(f'$substringBefore($substringAfter("{RUN}/Maximal/evaluation/", "s3://"), "/")'),
            "Key": jsonata(
                f'$substringAfter($substringAfter("{RUN}/Maximal/evaluation/", "s3://"), "/") & "metrics.json"'
            ),
        },
        "TimeoutSeconds": 60,
        "Output": {},
        "Retry": [
            {
                "ErrorEquals": ["S3.S3Exception", "S3.SdkClientException"],
                "IntervalSeconds": 2,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": [{"ErrorEquals": ["S3.NoSuchKeyException", "S3.S3Exception"], "Next": "Maximal: no report metrics"}],
        "Next": "Maximal: report drift",
    }
    assert set(mapping(assign["reports"])) == {"metrics.auc.value", "metrics.validation:auc"}
    variables: dict[str, object] = {"states": {"context": {"Execution": {"Name": "monday"}}}}
    arguments = mapping(drift["Arguments"])
    assert evaluate(inside(arguments["Bucket"]), variables) == BUCKET
    assert evaluate(inside(arguments["Key"]), variables) == "Scoring/monday/Maximal/evaluation/drift/all.json"
    assert drift["Next"] == "Last?"
    assert "Maximal: report unread" not in str(example.made.definition)


def test_of_a_report_only_what_is_read_is_kept_beside_what_was_kept_before(example: Example) -> None:
    metrics = mapping(mapping(example.made.state("Maximal: report metrics")["Assign"])["step_Maximal"])
    drift = mapping(mapping(example.made.state("Maximal: report drift")["Assign"])["step_Maximal"])
    before: dict[str, object] = {
        "states": {"result": {"Body": '{"auc": {"value": 0.83, "n": 7}, "validation:auc": null, "large": [1, 2]}'}},
        "step_Maximal": {"job_name": "scoring-maximal-1a2b"},
    }
    first = {path: evaluate(inside(value), before) for path, value in mapping(metrics["reports"]).items()}
    assert first == {"metrics.auc.value": 0.83, "metrics.validation:auc": None}
    assert evaluate(inside(metrics["job_name"]), before) == "scoring-maximal-1a2b"
    then: dict[str, object] = {
        "states": {"result": {"Body": '{"drifted": false}'}},
        "step_Maximal": {"job_name": "scoring-maximal-1a2b", "reports": first},
    }
    assert {path: evaluate(inside(value), then) for path, value in mapping(drift["reports"]).items()} == {
        **first,
        "drift.drifted": False,
    }
    assert evaluate(inside(drift["job_name"]), then) == "scoring-maximal-1a2b"


def test_a_later_step_reads_them_and_a_condition_compares_them(example: Example) -> None:
    assert mapping(mapping(example.made.state("Last")["Arguments"])["Payload"]) == {
        "auc": jsonata("$step_Maximal.reports.`metrics.auc.value`"),
        "bound": jsonata("$step_Maximal.reports.`metrics.validation:auc`"),
        "drifted": jsonata("$step_Maximal.reports.`drift.drifted`"),
        "job": jsonata("$step_Maximal.job_name"),
        "cleaned": jsonata(f'"{RUN}/Maximal/cleaned/"'),
    }
    assert "$step_Maximal.reports.`metrics.auc.value` >= 0.8" in str(example.made.state("Last?")["Choices"])


def test_a_field_that_the_report_does_not_have_fails_the_step_by_its_name(example: Example) -> None:
    kept = mapping(mapping(example.made.state("Maximal: report metrics")["Assign"])["step_Maximal"])
    value = inside(mapping(kept["reports"])["metrics.auc.value"])
    with pytest.raises(QueryEvaluationError) as raised:
        evaluate(value, {"states": {"result": {"Body": '{"auc": 0.83}'}}})
    assert 'Step "Maximal" ended, but its report "metrics" has no field "auc.value".' in str(raised.value.__cause__)


def test_a_report_that_is_not_there_fails_the_step_by_its_name(example: Example) -> None:
    state = dict(example.made.state("Maximal: no report drift"))
    failed: dict[str, object] = {
        "states": {"input": {"Error": "S3.S3Exception", "Cause": "Access Denied (Service: S3, Status Code: 403)"}}
    }
    assert evaluate(inside(state.pop("Cause")), failed) == (
        'Step "Maximal" ended, but its report "drift" can\'t be read. Did the job write drift/all.json into its output '
        '"evaluation"? S3 says: S3.S3Exception: Access Denied (Service: S3, Status Code: 403)'
    )
    assert state == {"Type": "Fail", "Error": "Zflow.NoReport"}


def test_a_job_reads_its_inputs_and_its_code_and_writes_its_own_folders(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs("ProcessingJobs"),
        *pulls("111122223333:repository/scoring"),
    ]
    assert example.made.statements(example.maximal.role) == [
        *sagemaker_logs("ProcessingJobs"),
        *pulls("492215442770:repository/sagemaker-scikit-learn"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("lake", "applications/*"),
        *reads("lake", "manifests/today.json*"),
        *writes(BUCKET, "Scoring/*/Maximal/cleaned/*"),
        allow(ENCRYPTS, f"{KEY}/outputs"),
        *writes(BUCKET, "Scoring/*/Maximal/evaluation/*"),
        allow("kms:CreateGrant", f"{KEY}/disks"),
        *makes_interfaces("sg-1"),
    ]


def test_the_state_machine_may_run_the_jobs_and_read_the_reports_that_it_reads(example: Example) -> None:
    def runs(step: zflow.ProcessingStep) -> list[dict[str, Json]]:
        return [
            allow(
                [
                    "sagemaker:CreateProcessingJob",
                    "sagemaker:DescribeProcessingJob",
                    "sagemaker:StopProcessingJob",
                    "sagemaker:AddTags",
                    "sagemaker:ListTags",
                ],
                f"arn:aws:sagemaker:eu-central-1:111122223333:processing-job/scoring-{step.name.lower()}-*",
            ),
            hands_over(example.made.role_arn(step.role)),
            listens("StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
        ]

    assert example.made.statements(example.workflow.role) == [
        allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count"),
        *runs(example.minimal),
        *runs(example.maximal)[:2],
        allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/Scoring/*/Maximal/evaluation/metrics.json"),
        allow("kms:Decrypt", f"{KEY}/outputs"),
        allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/Scoring/*/Maximal/evaluation/drift/all.json"),
        *LOGGED_AND_TRACED,
    ]


def test_reports_in_an_encrypted_bucket_are_decrypted_for_the_state_machine() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/1a2b")
    own = s3.Bucket.from_bucket_attributes(scope, "Runs", bucket_name="runs", encryption_key=key)
    step = process(scope)
    last = count(scope, "Last", payload={"auc": step.report("metrics.auc")})
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=[step, last], bucket=own)
    granted = Synthesized.of(scope).statements(workflow.role)
    assert allow("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/1a2b") in granted


def app_specification(step: zflow.ProcessingStep) -> dict[str, Json]:
    task = step.fragment().states[step.name]
    assert isinstance(task, Task)
    return dict(mapping(mapping(task.render(Scope())["Arguments"])["AppSpecification"]))


def test_a_script_is_submitted_to_spark_in_its_images() -> None:
    step = process(stack(), image=SPARK, code=SCRIPT)
    assert app_specification(step) == {
        "ImageUri": "906073651304.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu",
        "ContainerEntrypoint": [
            "/bin/bash",
            "-ec",
            (
                "cd /opt/ml/processing/input/code; tar -xzf *.gz; "
                "[ ! -f requirements.txt ] || $PYSPARK_PYTHON -m pip install -r requirements.txt; "
                'exec smspark-submit "$0" "$@"'
            ),
            "/opt/ml/processing/input/code/extract.py",
        ],
    }


SUBMITTED = zflow.SparkOptions(
    configuration={"spark-defaults": {"spark.executor.memory": "2g"}, "spark-env": {"STAGE": "test"}},
    py_files=["serve.py", "train.py"],
    jars=["train.py"],
)


def on_a_cluster(scope: Stack) -> zflow.ProcessingStep:
    events = zflow.DataLocation.from_bucket(bucket(scope), "spark-events/")
    return process(
        scope, image=SPARK, code=TRAIN_CODE, spark=SUBMITTED, spark_event_logs=events, instance_count=3, reports={}
    )


def test_a_cluster_gets_its_configuration_its_modules_and_a_place_for_its_event_logs() -> None:
    scope = stack()
    step = on_a_cluster(scope)
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    made = Synthesized.of(scope)
    request = mapping(made.state("Evaluate")["Arguments"])
    code = "/opt/ml/processing/input/code"
    assert mapping(request["AppSpecification"])["ContainerEntrypoint"] == [
        "/bin/bash",
        "-ec",
        (
            f"cd {code}; tar -xzf *.gz; mv ../conf/*.json ../conf/configuration.json; "
            "[ ! -f requirements.txt ] || $PYSPARK_PYTHON -m pip install -r requirements.txt; "
            'exec smspark-submit "$0" "$@"'
        ),
        "--local-spark-event-logs-dir",
        "/opt/ml/processing/spark-events/",
        "--py-files",
        f"{code}/serve.py,{code}/train.py",
        "--jars",
        f"{code}/train.py",
        f"{code}/train.py",
    ]
    assert request["ProcessingInputs"] == [
        read("code", f"s3://{ASSETS}/<hash>.gz"),
        read("conf", f"s3://{ASSETS}/<hash>.json"),
    ]
    assert mapping(request["ProcessingOutputConfig"])["Outputs"] == [
        written("Evaluate", "evaluation"),
        {
            "OutputName": "spark-event-logs",
            "S3Output": {
                "S3Uri": "s3://lake/spark-events/",
                "LocalPath": "/opt/ml/processing/spark-events/",
                "S3UploadMode": "Continuous",
            },
        },
    ]
    assert mapping(mapping(request["ProcessingResources"])["ClusterConfig"])["InstanceCount"] == 3
    assert made.statements(step.role)[-4:] == [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.json"),
        *writes(BUCKET, "Scoring/*/Evaluate/evaluation/*"),
        *writes("lake", "spark-events/*"),
    ]


def test_a_configuration_is_written_as_the_image_reads_it(tmp_path: Path) -> None:
    scope = Stack(App(outdir=str(tmp_path)), "Team", env=Environment(account="111122223333", region="eu-central-1"))
    zflow.MlWorkflow(scope, "Scoring", steps=[on_a_cluster(scope)])
    app = scope.node.root
    assert isinstance(app, App)
    app.synth()
    (file,) = tmp_path.glob("asset.*.json")
    assert json.loads(file.read_text()) == [
        {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"STAGE": "test"}}],
        },
    ]


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """The programs of an image, which say with what they are called, and fail to install `nowhere`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("python3", "smspark-submit", "python3-of-spark"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n[ "$2" != pip ] || ! grep -q nowhere "$5"\n')
        (programs / name).chmod(0o755)
    return tmp_path


def run_in(
    container: Path, image: zflow.ContainerImage, files: Mapping[str, str], spark: zflow.SparkOptions | None = None
) -> tuple[int, list[str]]:
    """Run the entrypoint of a step with these files beside its script; its exit code, and what was called."""
    sources, code = container / "sources", container / "processing" / "input" / "code"
    for folder in (sources, code):
        folder.mkdir(parents=True)
    for name, text in files.items():
        (sources / name).write_text(text)
    scope = stack()
    script = zflow.SourceCode.from_directory(str(sources), entry_point="evaluate.py")
    entrypoint = app_specification(process(scope, image=image, code=script, spark=spark))["ContainerEntrypoint"]
    with tarfile.open(code / "1a2b.gz", "w:gz") as archive:
        archive.add(sources, arcname=".")
    assert isinstance(entrypoint, Sequence)
    command = [str(word).replace("/opt/ml", str(container)) for word in entrypoint]
    variables = {"PATH": f"{container / 'bin'}:/usr/bin:/bin", "PYSPARK_PYTHON": "python3-of-spark"}
    ran = subprocess.run([*command, "--of", "last week"], env=variables, capture_output=True, text=True, check=False)
    assert (code / "evaluate.py").is_file()
    return ran.returncode, ran.stdout.replace(str(container), "/opt/ml").splitlines()


def test_the_entrypoint_unpacks_the_script_and_runs_it_with_the_arguments(container: Path) -> None:
    assert run_in(container, SKLEARN, {"evaluate.py": ""}) == (
        0,
        ["python3 /opt/ml/processing/input/code/evaluate.py --of last week"],
    )


def test_the_entrypoint_installs_the_requirements_first_with_the_python_that_runs_the_script(container: Path) -> None:
    assert run_in(container, SPARK, {"evaluate.py": "", "requirements.txt": "pyarrow"}) == (
        0,
        [
            "python3-of-spark -m pip install -r requirements.txt",
            "smspark-submit /opt/ml/processing/input/code/evaluate.py --of last week",
        ],
    )


def test_the_entrypoint_puts_the_configuration_where_spark_reads_it_and_submits_the_modules(container: Path) -> None:
    conf = container / "processing" / "input" / "conf"
    conf.mkdir(parents=True)
    (conf / "1a2b.json").write_text("[]")
    options = zflow.SparkOptions(configuration={"spark-defaults": {}}, py_files=["rows.py"])
    assert run_in(container, SPARK, {"evaluate.py": "", "rows.py": ""}, options) == (
        0,
        [
            (
                "smspark-submit --py-files /opt/ml/processing/input/code/rows.py "
                "/opt/ml/processing/input/code/evaluate.py --of last week"
            )
        ],
    )
    assert [file.name for file in conf.iterdir()] == ["configuration.json"]


def test_a_script_whose_requirements_are_not_installed_does_not_run(container: Path) -> None:
    assert run_in(container, SKLEARN, {"evaluate.py": "", "requirements.txt": "nowhere"}) == (
        1,
        ["python3 -m pip install -r requirements.txt"],
    )


def test_a_program_of_the_image_is_run_as_it_is_given() -> None:
    step = process(stack(), image=OWN_IMAGE, code=None, entrypoint=["python3", "-m", "scoring"])
    assert app_specification(step)["ContainerEntrypoint"] == ["python3", "-m", "scoring"]


def test_a_script_runs_by_python_in_any_other_image() -> None:
    for image in (XGBOOST, OWN_IMAGE):
        entrypoint = app_specification(process(stack(), image=image, code=SCRIPT))["ContainerEntrypoint"]
        assert entrypoint == ["/bin/bash", "-ec", SCRIPT_COMMAND, "/opt/ml/processing/input/code/extract.py"]


def test_an_optional_step_whose_report_is_missing_counts_as_skipped() -> None:
    scope = stack()
    step = process(scope, optional=True)
    last = count(scope, "Last", payload={"auc": step.report("metrics.auc")})
    zflow.MlWorkflow(scope, "Scoring", steps=[step, last])
    made = Synthesized.of(scope)
    assert [mapping(each)["Next"] for each in made.state("Evaluate: report metrics")["Catch"]] == [  # type: ignore[union-attr]
        "Evaluate: no report metrics",
        "Evaluate: failed",
    ]
    assert made.state("Evaluate: no report metrics") == {"Type": "Pass", "Output": {}, "Next": "Evaluate: failed"}
