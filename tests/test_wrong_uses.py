"""Wrong uses, each with the whole of what its user is told: the constructor raises it, before anything is deployed."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import pytest
from aws_cdk import App, Duration, Environment, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

import zflow_constructs as zflow
from tests.parts import (
    SKLEARN,
    bucket,
    count,
    data,
    endpoint,
    function,
    model,
    network,
    process,
    stack,
    train,
    transform,
)

WrongUse = Callable[[Stack], object]
CASES: list[tuple[WrongUse, str]] = []


def told(*lines: str) -> Callable[[WrongUse], WrongUse]:
    def add(use: WrongUse) -> WrongUse:
        CASES.append((use, "".join(lines)))
        return use

    return add


@told(
    'Step "1st step!": an id starts with a letter and has letters, digits, spaces, "-" and "_", 50 at ',
    "most (this one has 9 characters). It names the state in the console. Rename the step.",
)
def step_id_with_a_slash(scope: Stack) -> object:
    return count(scope, "1st step!")


@told(
    'Step "CountCountCountCountCountCountCountCountCountCountCount": an id starts with a letter and has ',
    'letters, digits, spaces, "-" and "_", 50 at most (this one has 55 characters). It names the state ',
    "in the console. Rename the step.",
)
def step_id_too_long(scope: Stack) -> object:
    return count(scope, "Count" * 11)


@told(
    "Step \"Count\": after= takes steps, and received 'Extract'. Hand it the step itself.",
)
def after_is_no_step(scope: Stack) -> object:
    return count(scope, "Count", after=[cast("zflow.Step", "Extract")])


@told(
    'Step "Count": when= takes a condition over outputs or parameters, such as train.metric("auc") >= ',
    "0.75, and received 'yes'.",
)
def when_is_a_string(scope: Stack) -> object:
    return count(scope, "Count", when=cast("zflow.Condition", "yes"))


@told(
    'Step "Report": when= takes a condition over outputs or parameters, such as train.metric("auc") >= ',
    '0.75, and received The output "rows" of step "Count".',
)
def when_is_an_output(scope: Stack) -> object:
    return count(scope, "Report", when=cast("zflow.Condition", count(scope, "Count").outputs["rows"]))


@told(
    'The output "rows" of step "Count" was used as true or false (in if, and, or, not, in), but it has a ',
    "value only when the workflow runs. Use when=..., and & | ~ between conditions.",
)
def output_in_if(scope: Stack) -> object:
    return "many" if count(scope, "Count").outputs["rows"] else "none"


@told(
    'The condition (The output "rows" of step "Count" > 1) was used as true or false (in if, and, or, ',
    "not, in), but it has a value only when the workflow runs. Use when=..., and & | ~ between ",
    "conditions.",
)
def condition_with_and(scope: Stack) -> object:
    rows = count(scope, "Count").outputs["rows"]
    return (rows > 1) and (rows < 9)


@told(
    'The output "rows" of step "Count" was turned into a string, but it has a value only when the ',
    'workflow runs. Add strings with +, as in "s3://bucket/" + value.',
)
def output_in_f_string(scope: Stack) -> object:
    return f"s3://bucket/{count(scope, 'Count').outputs['rows']}"


@told(
    'The output "rows" of step "Count" was iterated over, but it has a value only when the workflow ',
    "runs. Hand it to another step.",
)
def output_iterated(scope: Stack) -> object:
    return list(count(scope, "Count").outputs["rows"])


@told(
    'Step "Count" has no output "row". Did you mean "rows"? It has: "rows". Declare it in outputs=[...].',
)
def unknown_output(scope: Stack) -> object:
    return count(scope, "Count").outputs["row"]


@told(
    'Step "Count" has no output "rows". It has: none. Declare it in outputs=[...].',
)
def output_of_none(scope: Stack) -> object:
    return count(scope, "Count", outputs=()).outputs["rows"]


@told(
    'Step "Train" has no metric "validation:acu". Did you mean "validation:auc"? It has: ',
    '"validation:auc". Declare it in metrics={name: regular expression}.',
)
def unknown_metric(scope: Stack) -> object:
    return train(scope).metric("validation:acu")


@told(
    'MlWorkflow "2nd workflow": an id starts with a letter and has letters, digits, "-" and "_", 40 at ',
    "most. It is the beginning of every job's name. Rename the workflow.",
)
def workflow_id(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "2nd workflow", steps=[count(scope, "Count")])


@told(
    'MlWorkflow "Scoring": steps is empty. List the steps that it runs.',
)
def no_steps(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[])


@told(
    "MlWorkflow \"Scoring\": steps has 'Train', which is no step. Hand it steps.",
)
def no_step(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[cast("zflow.Step", "Train")])


@told(
    'MlWorkflow "Scoring": two steps have the id "Count", Team/First/Count and Team/Second/Count. Ids ',
    "name the states of one state machine: rename one.",
)
def duplicate_ids(scope: Stack) -> object:
    first, second = Construct(scope, "First"), Construct(scope, "Second")
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(first, "Count"), count(second, "Count")])


@told(
    'Two steps, Team/Count-1 and Team/Count 1, both use the name "step_Count_1" in the state machine. Rename ',
    "one of them: ids must differ in more than spaces and hyphens.",
)
def ids_that_differ_in_punctuation(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count-1"), count(scope, "Count 1")])


@told(
    'MlWorkflow "Scoring": step "Report" needs step "Count", which is not among its steps. Add it: ',
    "steps=[..., count].",
)
def missing_need(scope: Stack) -> object:
    first = count(scope, "Count")
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Report", payload={"rows": first.outputs["rows"]})])


@told(
    'MlWorkflow "Scoring": step "Report" needs step "Count", which is not among its steps. Add it: ',
    "steps=[..., count].",
)
def missing_after(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Report", after=[count(scope, "Count")])])


@told(
    'MlWorkflow "Scoring": step "Count" uses the run parameter "contry", which it does not declare. Did ',
    'you mean "country"? It has: "country". Declare it with its default: parameters={...}.',
)
def unknown_parameter(scope: Stack) -> object:
    return zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[count(scope, "Count", payload={"c": zflow.Parameter("contry")})],
        parameters={"country": "de"},
    )


@told(
    'MlWorkflow "Scoring": step "Count" uses the run parameter "deploy", which it does not declare. It ',
    "has: none. Declare it with its default: parameters={...}.",
)
def undeclared_parameter(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count", when=zflow.Parameter("deploy") == "yes")])


@told(
    'MlWorkflow "Scoring" can\'t run with its schedule_parameters: it has no "land", only "country".',
)
def unknown_schedule_parameter(scope: Stack) -> object:
    return zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[count(scope, "Count")],
        parameters={"country": "de"},
        schedule_parameters={"land": "at"},
    )


@told(
    'MlWorkflow "Scoring" can\'t run with its schedule_parameters: "country" is "at", and must be one of "de", ',
    '"fr"; "rounds" is missing, and must be an integer.',
)
def wrong_schedule_parameters(scope: Stack) -> object:
    return zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[count(scope, "Count")],
        parameters={"country": zflow.RunParameter.one_of("de", "fr"), "rounds": zflow.RunParameter.integer()},
        schedule_parameters={"country": "at"},
    )


@told(
    'MlWorkflow "Scoring" can\'t run with its schedule_parameters: "day" is missing, and must be a date such as ',
    "2026-11-24.",
)
def schedule_without_a_required_parameter(scope: Stack) -> object:
    return zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[count(scope, "Count")],
        parameters={"day": zflow.RunParameter.date()},
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
    )


@told(
    'MlWorkflow "Scoring": the run parameter "countries" received []. Give its default, which is a string, a ',
    "finite number, True, False or a list of strings or of numbers; or a RunParameter, such as ",
    "RunParameter.strings(default=[]).",
)
def empty_list_as_parameter(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], parameters={"countries": []})


@told('RunParameter: the default is "it", and must be one of "de", "fr".')
def default_that_is_not_allowed(scope: Stack) -> object:
    country = zflow.RunParameter.one_of("de", "fr", default="it")
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], parameters={"country": country})


@told(
    'MlWorkflow "Scoring": timeout is 5 seconds. Give 60 to 31536000 seconds (Duration.hours(...)).',
)
def workflow_timeout(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], timeout=Duration.seconds(5))


@told(
    'There is no framework "xgbost". Did you mean "xgboost"? AWS has images of "huggingface-pytorch", ',
    '"huggingface-tensorflow", "pytorch", "pytorch-amzn2023", "sklearn", "spark", "tensorflow", "xgboost". ',
    "For any other image use ContainerImage.from_ecr.",
)
def unknown_framework(_: Stack) -> object:
    return zflow.ContainerImage.from_framework("xgbost", "1.7-1")


@told(
    'sklearn "1.2.1": AWS has no image of this version. Did you mean "1.2-1"? There are "1.9-0", ',
    '"1.4-2-py312", "1.4-2", "1.2-1", "1.0-1", "0.23-1", "0.20.0".',
)
def unknown_version(_: Stack) -> object:
    return zflow.ContainerImage.from_framework("sklearn", "1.2.1")


@told(
    'xgboost "1.7-1": AWS has no image of it for training in region "eu-nowhere-1". Did you mean ',
    '"eu-north-1"? It is in "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", ',
    '"ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", ',
    '"ap-southeast-4", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", ',
    '"eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", ',
    '"il-central-1", "me-central-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2", ',
    '"us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "us-isof-east-1", ',
    '"us-isof-south-1", "us-west-1", "us-west-2".',
)
def region_without_framework(_: Stack) -> object:
    return train(Stack(App(), "Far", env=Environment(account="111122223333", region="eu-nowhere-1")))


@told(
    'ContainerImage "docker.io/library/python:3.12": SageMaker pulls from ECR alone. Give ',
    "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>.",
)
def image_outside_ecr(_: Stack) -> object:
    return zflow.ContainerImage.from_registry("docker.io/library/python:3.12")


@told(
    "ContainerImage: there is no Dockerfile in docs. Name the directory it is in.",
)
def no_dockerfile(_: Stack) -> object:
    return zflow.ContainerImage.from_asset("docs")


@told(
    "SourceCode: there is no file examples/risk_scoring/jobs/extrakt.py. In examples/risk_scoring/jobs/ ",
    'there are: "extract.py", "report.py". Did you mean "extract.py"?',
)
def no_script(_: Stack) -> object:
    return zflow.SourceCode.from_file("examples/risk_scoring/jobs/extrakt.py")


@told(
    'SourceCode: there is no directory examples/risk_skoring. In examples/ there are: "acknowledging.py", ',
    '"champion_challenger", "per_country", "risk_scoring", "tuning". Did you mean "risk_scoring"?',
)
def no_directory(_: Stack) -> object:
    return zflow.SourceCode.from_directory("examples/risk_skoring", entry_point="train.py")


@told(
    'SourceCode: there is no entry point "trian.py" in examples/risk_scoring/classifier. Did you mean ',
    '"train.py"? Its scripts: "serve.py", "train.py".',
)
def no_entry_point(_: Stack) -> object:
    return zflow.SourceCode.from_directory("examples/risk_scoring/classifier", entry_point="trian.py")


@told(
    'DataLocation "Applications": there is no file examples/risk_scoring/data/german_credits.csv. In ',
    'examples/risk_scoring/data/ there are: "README.md", "german_credit.csv". Did you mean ',
    '"german_credit.csv"?',
)
def no_asset(scope: Stack) -> object:
    return zflow.DataLocation.from_asset(scope, "Applications", "examples/risk_scoring/data/german_credits.csv")


@told(
    'ModelData "model.pkl": SageMaker takes a gzipped tar archive. Name a key in .tar.gz.',
)
def model_data_no_archive(scope: Stack) -> object:
    return zflow.ModelData.from_bucket(bucket(scope), "model.pkl")


@told(
    'Step "Train": a framework image trains with a script of yours. Give code=SourceCode.from_file(...) ',
    "or SourceCode.from_directory(...).",
)
def framework_without_script(scope: Stack) -> object:
    return train(scope, image=SKLEARN, code=None)


@told(
    'Step "Train": the algorithm "kmeans" runs no script of yours. Remove code, or give the image of a ',
    "framework: ContainerImage.from_framework.",
)
def algorithm_with_a_script(scope: Stack) -> object:
    return train(scope, image=zflow.ContainerImage.from_algorithm("kmeans", "1"))


@told(
    'Step "Predict": container 1: the algorithm "kmeans" runs no script of yours. Remove code, or give ',
    "the image of a framework: ContainerImage.from_framework.",
)
def served_algorithm_with_a_script(scope: Stack) -> object:
    served = replace(model(scope), image=zflow.ContainerImage.from_algorithm("kmeans", "1"))
    return transform(scope, containers=[served])


@told(
    'Step "Predict": container 1 has a framework image, which serves with a script of yours. Give ',
    "ModelContainer(code=...).",
)
def model_without_script(scope: Stack) -> object:
    return transform(scope, containers=[replace(model(scope), image=SKLEARN, code=None)])


@told(
    'Step "Evaluate": a framework image processes with a script of yours. Give code=SourceCode.from_file(...) ',
    "or SourceCode.from_directory(...).",
)
def processing_without_script(scope: Stack) -> object:
    return process(scope, code=None)


@told(
    'Step "Evaluate": code and entrypoint both say what runs. Give code= for a script, or entrypoint= for a program ',
    "that is in the image.",
)
def processing_with_two_programs(scope: Stack) -> object:
    return process(scope, entrypoint=["python3", "-m", "scoring"])


@told(
    'Step "Evaluate": entrypoint is the string "python3 -m scoring". Give a list of the program and what it is given: ',
    '["python3", "-m", "scoring"].',
)
def entrypoint_as_a_string(scope: Stack) -> object:
    return process(scope, code=None, entrypoint="python3 -m scoring")


@told(
    'Step "Evaluate": outputs is the string "evaluation". Give a list of names: ["evaluation"].',
)
def outputs_as_a_string(scope: Stack) -> object:
    return process(scope, outputs="evaluation")


@told(
    'Step "Evaluate": an input is named "last scores". Its name is that of its folder, ',
    '/opt/ml/processing/input/<name>: letters, digits, "-" and "_", 63 at most. Rename it.',
)
def input_with_a_space(scope: Stack) -> object:
    return process(scope, inputs={"last scores": data(scope)})


@told(
    'Step "Evaluate": an input is named "code", which is one of the step\'s own. Rename it.',
)
def input_in_the_place_of_the_code(scope: Stack) -> object:
    return process(scope, inputs={"code": data(scope)})


@told(
    'Step "Evaluate": an output is named "../model". Its name is that of its folder, ',
    '/opt/ml/processing/output/<name>: letters, digits, "-" and "_", 63 at most. Rename it.',
)
def output_outside_its_folder(scope: Stack) -> object:
    return process(scope, outputs=["../model"])


@told(
    'Step "Evaluate": an output is named "evaluation" twice. Name each once.',
)
def output_twice(scope: Stack) -> object:
    return process(scope, outputs=["evaluation", "evaluation"])


SPARK = zflow.ContainerImage.from_framework("spark", "3.5")


@told(
    'Step "Evaluate": an input is named "conf", which is one of the step\'s own. Rename it.',
)
def input_in_the_place_of_the_configuration(scope: Stack) -> object:
    options = zflow.SparkOptions(configuration={"spark-defaults": {"spark.executor.memory": "2g"}})
    return process(scope, image=SPARK, spark=options, inputs={"conf": data(scope)})


@told(
    'Step "Evaluate": an output is named "spark-event-logs", which is one of the step\'s own. Rename it.',
)
def output_in_the_place_of_the_event_logs(scope: Stack) -> object:
    outputs = ["evaluation", "spark-event-logs"]
    return process(scope, image=SPARK, spark_event_logs=data(scope), outputs=outputs)


@told(
    'Step "Evaluate": spark and spark_event_logs are for scripts that are submitted to Spark. Give ',
    'image=ContainerImage.from_framework("spark", ...) and code=, or leave them out.',
)
def spark_without_spark(scope: Stack) -> object:
    return process(scope, spark=zflow.SparkOptions())


@told(
    'Step "Evaluate": py_files has "rows.py", which the step\'s code doesn\'t have. Name files below the directory of ',
    "code=SourceCode.from_directory(...).",
)
def unknown_module(scope: Stack) -> object:
    return process(scope, image=SPARK, spark=zflow.SparkOptions(py_files=["rows.py"]))


@told(
    'SparkOptions: configuration has "spark-default". Did you mean "spark-defaults"? Spark\'s images know ',
    '"core-site", "hadoop-env", "hadoop-log4j", "hive-env", "hive-exec-log4j", "hive-log4j", "hive-site", ',
    '"spark-defaults", "spark-env", "spark-hive-site", "spark-log4j", "spark-metrics", "yarn-env", "yarn-site".',
)
def unknown_classification(_: Stack) -> object:
    return zflow.SparkOptions(configuration={"spark-default": {}})


@told(
    'SparkOptions: spark.executor.cores of "spark-defaults" is 2. It goes into a file that is deployed: give a string.',
)
def setting_that_is_no_string(_: Stack) -> object:
    settings = cast("dict[str, str]", {"spark.executor.cores": 2})
    return zflow.SparkOptions(configuration={"spark-defaults": settings})


@told(
    'Step "Evaluate": with network_isolation, what requirements.txt names can\'t be fetched. Put it into an image of ',
    "your own, or run the job in a vpc.",
)
def requirements_in_isolation(scope: Stack) -> object:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("evaluate.py", "requirements.txt"):
            (Path(folder) / name).touch()
        code = zflow.SourceCode.from_directory(folder, entry_point="evaluate.py")
        return process(scope, code=code, network_isolation=True)


@told(
    'Step "Evaluate": output_key is for outputs, and there are none. Name them in outputs=[...].',
)
def key_without_outputs(scope: Stack) -> object:
    key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/1a2b")
    return process(scope, outputs=[], reports={}, output_key=key)


@told(
    'ProcessingInput: compression="Gzip" decompresses what comes through a pipe. Set input_mode="Pipe", or let the ',
    "script decompress its files.",
)
def files_decompressed(scope: Stack) -> object:
    return zflow.ProcessingInput.from_location(data(scope), compression="Gzip")


@told(
    'Step "Evaluate" has no output "evaluations". Did you mean "evaluation"? It has: "evaluation". Declare it in ',
    "outputs=[...].",
)
def unknown_processing_output(scope: Stack) -> object:
    return process(scope).outputs["evaluations"]


@told(
    'Step "Evaluate": CreateProcessingJob would refuse this request.\n',
    "  ProcessingOutputConfig.Outputs: received 11 items, but it must be at most 10 items.\n",
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html ",
    "(update boto3 if AWS added it lately).",
)
def too_many_outputs(scope: Stack) -> object:
    return process(scope, outputs=["evaluation", *(f"part{number}" for number in range(10))])


@told(
    'Step "Evaluate": max_runtime is 864000 seconds. Give 1 to 777600 seconds (Duration.hours(...)).',
)
def processing_for_too_long(scope: Stack) -> object:
    return process(scope, max_runtime=Duration.days(10))


@told(
    "Step \"Evaluate\": request_overrides sets ProcessingJobName to 'nightly'. A fixed name is taken when the job is ",
    "retried, redriven or run again; the step makes a new one each time. Remove it, and use the step's id for the ",
    "readable part.",
)
def static_processing_job_name(scope: Stack) -> object:
    return process(scope, request_overrides={"ProcessingJobName": "nightly"})


@told(
    'Step "Evaluate": a report is named "last metrics". Its name is the first part of what report(...) is given: it ',
    'starts with a letter and has letters, digits, "-" and "_", 20 at most. Rename it.',
)
def report_with_a_space(scope: Stack) -> object:
    return process(scope, reports={"last metrics": "evaluation/metrics.json"})


@told(
    'Step "Evaluate": the report "metrics" is said to be "evaluations/metrics.json". Give one of the outputs and the ',
    'file in it, such as "evaluation/metrics.json". Did you mean "evaluation"? The step\'s outputs: "evaluation".',
)
def report_in_no_output(scope: Stack) -> object:
    return process(scope, reports={"metrics": "evaluations/metrics.json"})


@told(
    'Step "Evaluate": the report "metrics" is said to be "metrics.json". Give one of the outputs and the file in it, ',
    'such as "evaluation/metrics.json". The step\'s outputs: none.',
)
def report_without_outputs(scope: Stack) -> object:
    return process(scope, outputs=[], reports={"metrics": "metrics.json"})


@told(
    'Step "Evaluate" has no report "metric". Did you mean "metrics"? It has: "metrics". Declare it in ',
    'reports={name: "<output>/<file>"}.',
)
def unknown_report(scope: Stack) -> object:
    return process(scope).report("metric.auc")


@told(
    'Step "Evaluate": report("metrics") names no field. Name the fields from the outside in, such as ',
    'report("metrics.auc.value").',
)
def whole_report(scope: Stack) -> object:
    return process(scope).report("metrics")


@told(
    'Step "Predict": nothing says what transforms the data. Give containers=[...], of which the step makes a model, ',
    "or model=Model.from_name(...), which is there already.",
)
def no_containers(scope: Stack) -> object:
    return transform(scope, containers=[])


@told(
    'Step "Predict": containers has 16 entries. A model has 1 to 15: one container alone, or an inference ',
    "pipeline of several.",
)
def a_long_chain(scope: Stack) -> object:
    return transform(scope, containers=[model(scope)] * 16)


@told(
    'Step "Endpoint": containers has 16 entries. A model has 1 to 15: one container alone, or an ',
    "inference pipeline of several.",
)
def sixteen_containers(scope: Stack) -> object:
    return endpoint(scope, containers=[model(scope)] * 16)


@told(
    'Step "Train": CreateTrainingJob would refuse this request.\n',
    '  ResourceConfig.InstanceType: received "ml.m5.huge", but it must be one of 225 values. Did you ',
    'mean "ml.m5.large"?\n',
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html (update boto3 ",
    "if AWS added it lately).",
)
def bad_instance_type(scope: Stack) -> object:
    return train(scope, instance_type=ec2.InstanceType("m5.huge"))


@told(
    'Step "Train": instance_type is "ml.m5.large". The step adds "ml." itself: ',
    'ec2.InstanceType("m5.large").',
)
def instance_type_with_ml(scope: Stack) -> object:
    return train(scope, instance_type=ec2.InstanceType("ml.m5.large"))


@told(
    'Step "Train": instance_count is 0. Give 1 or more.',
)
def no_instances(scope: Stack) -> object:
    return train(scope, instance_count=0)


@told(
    'Step "Train": max_runtime is 2505600 seconds. Give 1 to 2419200 seconds (Duration.hours(...)).',
)
def runtime_too_long(scope: Stack) -> object:
    return train(scope, max_runtime=Duration.days(29))


@told(
    'Step "Train": max_wait is the time that a job waits for spot machines. Set spot=True, or remove max_wait.',
)
def wait_without_spot_machines(scope: Stack) -> object:
    return train(scope, max_wait=Duration.hours(6))


@told(
    'Step "Train": max_wait is 14399 seconds, and max_runtime 14400. The time to wait for spot machines holds ',
    "the running time, too: give at least as much, or a shorter max_runtime.",
)
def wait_shorter_than_the_run(scope: Stack) -> object:
    return train(scope, spot=True, max_runtime=Duration.hours(4), max_wait=Duration.seconds(14_399))


@told(
    'Step "Train": max_wait is 2505600 seconds. Give 1 to 2419200 seconds (Duration.hours(...)).',
)
def wait_too_long(scope: Stack) -> object:
    return train(scope, spot=True, max_wait=Duration.days(29))


@told(
    'Step "Train": subnets are those of a VPC. Give vpc=..., or remove subnets.',
)
def subnets_without_a_vpc(scope: Stack) -> object:
    return train(scope, subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC))


@told(
    'Step "Train": security_groups are those of a VPC. Give vpc=..., or remove security_groups.',
)
def security_groups_without_a_vpc(scope: Stack) -> object:
    return train(scope, security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")])


@told(
    'Step "Train": CreateTrainingJob would refuse this request.\n',
    "  StoppingCondition.MaxRuntimeInSecond: received 60, but there is no such field; there are ",
    '"MaxPendingTimeInSeconds", "MaxRuntimeInSeconds", "MaxWaitTimeInSeconds". Did you mean ',
    '"MaxRuntimeInSeconds"?\n',
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html (update boto3 ",
    "if AWS added it lately).",
)
def misspelt_override(scope: Stack) -> object:
    return train(scope, request_overrides={"StoppingCondition": {"MaxRuntimeInSecond": 60}})


@told(
    'Step "Train": CreateTrainingJob would refuse this request.\n',
    '  EnableManagedSpotTraining: received "yes", but it must be true or false.\n',
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html (update boto3 ",
    "if AWS added it lately).",
)
def override_of_wrong_type(scope: Stack) -> object:
    return train(scope, request_overrides={"EnableManagedSpotTraining": "yes"})


@told(
    "Step \"Train\": request_overrides sets TrainingJobName to 'nightly'. A fixed name is taken when the ",
    "job is retried, redriven or run again; the step makes a new one each time. Remove it, and use the ",
    "step's id for the readable part.",
)
def static_training_job_name(scope: Stack) -> object:
    return train(scope, retry=zflow.Retry(job_failures=2), request_overrides={"TrainingJobName": "nightly"})


@told(
    "Step \"Predict\": request_overrides sets TransformJobName to 'nightly'. A fixed name is taken when ",
    "the job is retried, redriven or run again; the step makes a new one each time. Remove it, and use ",
    "the step's id for the readable part.",
)
def static_transform_job_name(scope: Stack) -> object:
    return transform(scope, request_overrides={"TransformJobName": "nightly"})


@told(
    "Step \"Endpoint\": request_overrides sets EndpointConfigName to 'live'. A fixed name is taken when ",
    "the job is retried, redriven or run again; the step makes a new one each time. Remove it, and use ",
    "the step's id for the readable part.",
)
def static_config_name(scope: Stack) -> object:
    return endpoint(scope, request_overrides={"EndpointConfigName": "live"})


@told(
    'Step "Predict": CreateTransformJob would refuse this request.\n',
    '  TransformInput.SplitType: received "Lines", but it must be one of "Line", "None", "RecordIO", ',
    '"TFRecord". Did you mean "Line"?\n',
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html (update boto3 ",
    "if AWS added it lately).",
)
def bad_split(scope: Stack) -> object:
    return transform(scope, split=cast("Literal['Line']", "Lines"))


@told(
    'Step "Predict": for join_input, each line is a record, and split="None" cuts no lines. Set split="Line".',
)
def join_without_lines(scope: Stack) -> object:
    return transform(scope, split="None", join_input=True)


def binary(scope: Stack) -> zflow.DataLocation:
    return zflow.DataLocation.from_bucket(bucket(scope), "images/", content_type="image/png")


def made_elsewhere(scope: Stack) -> zflow.Model:
    role = iam.Role.from_role_arn(scope, "ModelRole", "arn:aws:iam::111122223333:role/scoring")
    return zflow.Model.from_name("scoring-2026", role=role)


@told(
    'Step "Predict": for input_filter, join_input, SageMaker reads records of the types "application/json", ',
    '"application/jsonlines", "text/csv", and the data are "image/png". Give the data\'s DataLocation one of those ',
    "content types, or leave input_filter, join_input out.",
)
def join_of_images(scope: Stack) -> object:
    return transform(scope, records=binary(scope), accept="image/png", input_filter="$[1:]", join_input=True)


@told(
    'Step "Predict": for join_input, SageMaker reads records of the types "application/json", ',
    '"application/jsonlines", "text/csv", and the data don\'t say what they are. Give the data\'s DataLocation one of ',
    "those content types, or leave join_input out.",
)
def join_of_unknown_data(scope: Stack) -> object:
    return transform(scope, records=zflow.DataLocation.from_bucket(bucket(scope)), join_input=True)


@told(
    'Step "Predict": for join_input, SageMaker reads the answers like the records, and accept is "application/json", ',
    'the data are "text/csv". Set accept="text/csv".',
)
def join_of_two_types(scope: Stack) -> object:
    return transform(scope, accept="application/json", join_input=True)


@told(
    'Step "Predict": for input_filter, SageMaker reads the answers like the records, and accept is "image/png", the ',
    'data are "text/csv". Set accept="text/csv".',
)
def filter_of_answers_that_are_images(scope: Stack) -> object:
    return transform(scope, accept="image/png", input_filter="$[1:]")


@told(
    'Step "Predict": for input_filter, each line is a record, and split="RecordIO" cuts no lines. Set split="Line".',
)
def filter_of_record_io(scope: Stack) -> object:
    return transform(scope, split="RecordIO", input_filter="$[1:]")


@told(
    'Step "Predict": for join_input, the answers become lines, and assemble="None" puts no ends of lines between them.',
    ' Set assemble="Line".',
)
def join_into_one_line(scope: Stack) -> object:
    return transform(scope, assemble="None", join_input=True)


@told(
    'Step "Predict": inference_ids are written into answers of the types "application/json", ',
    '"application/jsonlines", "text/csv", and accept is "image/png". Set one of those, or capture the data without ',
    "ids.",
)
def ids_in_images(scope: Stack) -> object:
    capture = zflow.BatchDataCapture.to_run_folder(inference_ids=True)
    return transform(scope, accept="image/png", data_capture=capture)


@told(
    'Step "Predict": 20 requests at once (max_concurrency) of 6 MiB (max_payload) are 120 MiB, and SageMaker takes ',
    "100. Give max_concurrency=16 at most, or a smaller max_payload.",
)
def too_much_at_once(scope: Stack) -> object:
    return transform(scope, max_concurrency=20)


@told(
    'Step "Predict": 2 requests at once (max_concurrency) of 100 MiB (max_payload) are 200 MiB, and SageMaker takes ',
    "100. Give max_concurrency=1 at most, or a smaller max_payload.",
)
def too_much_at_once_by_overrides(scope: Stack) -> object:
    return transform(scope, request_overrides={"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 100})


@told(
    'Step "Predict": max_concurrency is 0. Give 1 or more, or remove it: the container says then.',
)
def nothing_at_once(scope: Stack) -> object:
    return transform(scope, max_concurrency=0)


@told(
    'Step "Predict": invocation_timeout is 7200 seconds. Give 1 to 3600 seconds (Duration.hours(...)).',
)
def request_for_too_long(scope: Stack) -> object:
    return transform(scope, invocation_timeout=Duration.hours(2))


@told(
    'Step "Predict": CreateTransformJob would refuse this request.\n',
    "  ModelClientConfig.InvocationsMaxRetries: received 4, but it must be at most 3.\n",
    "Put it right, or see ",
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html (update boto3 ",
    "if AWS added it lately).",
)
def request_sent_too_often(scope: Stack) -> object:
    return transform(scope, invocation_retries=4)


@told(
    'Step "Predict": containers and model both say what transforms the data. Give one of them.',
)
def two_models(scope: Stack) -> object:
    return transform(scope, containers=[model(scope)], model_there=made_elsewhere(scope))


@told(
    'Step "Predict": model= is there already, with its own "network_isolation", "role", "vpc". Leave that out, or ',
    "give containers= instead.",
)
def parts_of_a_model_that_is_there(scope: Stack) -> object:
    there = made_elsewhere(scope)
    return transform(scope, model_there=there, vpc=network(scope), network_isolation=True, role=there.role)


@told(
    'Step "Predict": container 1 can\'t fetch its code from S3 with network_isolation. Put the script into an image ',
    "of your own or into the model's archive, or serve in a vpc.",
)
def code_in_isolation(scope: Stack) -> object:
    return transform(scope, network_isolation=True)


@told(
    'Step "Again": manifest is s3://lake/today.json in every run, and can\'t list what a run writes: ',
    'The output location "Predict" of step "Predict". Have a step write the manifest, too.',
)
def fixed_manifest_of_what_a_step_writes(scope: Stack) -> object:
    first = transform(scope)
    manifest = zflow.DataLocation.from_bucket(bucket(scope), "today.json")
    return zflow.BatchTransformStep(scope, "Again", model=made_elsewhere(scope), data=first.output, manifest=manifest)


@told(
    'Step "Predict" captures no data. Give data_capture=BatchDataCapture.to_run_folder(), or .to_location(...).',
)
def captured_without_capture(scope: Stack) -> object:
    return transform(scope).captured


@told(
    'Step "Predict": max_payload is 200 MiB. Give 1 to 100 MiB, or 0 for no limit.',
)
def payload_too_large(scope: Stack) -> object:
    return transform(scope, max_payload=Size.mebibytes(200), batch_strategy="SingleRecord")


@told(
    'Step "Endpoint": endpoint_name is "Risk_Scoring". Give lower case letters, digits and single "-" ',
    "between them, 63 at most (SageMaker's ARNs are in lower case, whatever the name).",
)
def endpoint_name_in_upper_case(scope: Stack) -> object:
    return endpoint(scope, endpoint_name="Risk_Scoring")


@told(
    "Retry: job_failures is 21. Give a number from 0 to 20.",
)
def too_many_retries(_: Stack) -> object:
    return zflow.Retry(job_failures=21)


@told(
    "Retry: interval_seconds is 0. Give 1 to 86400 seconds.",
)
def retry_interval(_: Stack) -> object:
    return zflow.Retry(job_failures=1, interval_seconds=0)


@told(
    "Retry: throttling_attempts is -1. Give a number from 0 to 100.",
)
def negative_attempts(_: Stack) -> object:
    return zflow.Retry(throttling_attempts=-1)


@told(
    "Retry: capacity_attempts is 101. Give a number from 0 to 100.",
)
def too_many_attempts(_: Stack) -> object:
    return zflow.Retry(capacity_attempts=101)


@told(
    'Step "Count": timeout is 960 seconds. Give 1 to 900 seconds (Duration.hours(...)).',
)
def lambda_timeout(scope: Stack) -> object:
    return zflow.LambdaStep(scope, "Count", function=function(scope), timeout=Duration.minutes(16))


@told(
    'Step "Notify": the state "Pass" is written in JSONPath (it has "Parameters"), and a workflow in ',
    "JSONata. Make it by its jsonata() function, as in sfn.Pass.jsonata(...).",
)
def native_json_path(scope: Stack) -> object:
    return zflow.NativeStep(scope, "Notify", chain=sfn.Pass(scope, "Pass", parameters={"a": 1}))


@told(
    'Step "Notify" has no output "ids". Did you mean "id"? It has: "id". Declare it in outputs=[...].',
)
def native_unknown_output(scope: Stack) -> object:
    return zflow.NativeStep(scope, "Notify", chain=sfn.Pass.jsonata(scope, "Pass"), outputs=["id"]).outputs["ids"]


@told(
    'Step "Bare": Step must define fragment().',
)
def abstract_step(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[zflow.Step(scope, "Bare")])


@told(
    'Step "Each": steps is empty. List the steps that it repeats.',
)
def loop_without_steps(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[])


@told(
    'Step "Each": items is []. List the items, items=[...], or hand it an output that is a list.',
)
def loop_over_nothing(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=[], steps=[count(scope, "Count")])


@told(
    "Step \"Each\": items is 'de'. List the items, items=[...], or hand it an output that is a list.",
)
def loop_over_a_string(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items="de", steps=[count(scope, "Count")])


@told(
    'Step "Each": items has 10001 entries. Give 10000 at most: let each iteration do several.',
)
def loop_over_too_many(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=list(range(10_001)), steps=[count(scope, "Count")])


@told(
    'Step "Each": items has 300004 bytes, and Step Functions takes 262144. Put what is large into S3, ',
    "and list where it is.",
)
def loop_over_too_much(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["x" * 300_000], steps=[count(scope, "Count")])


@told(
    "Step \"Each\": steps has 'Count', which is no step. Hand it steps.",
)
def loop_of_no_steps(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[cast("zflow.Step", "Count")])


@told(
    "Step \"Each\": steps has ['Count'], which is no step. Hand it steps.",
)
def loop_of_lists_of_steps(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[cast("zflow.Step", ["Count"])])


@told(
    'Step "Each": item is "my country". Give a name of letters, digits and "_", which its steps use as ',
    'zflow.Item("country").',
)
def item_that_is_no_name(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", item="my country", items=["de"], steps=[count(scope, "Count")])


@told(
    'Step "Each": an output is named "item", as the item itself is. Rename the output.',
)
def output_named_item(scope: Stack) -> object:
    step = count(scope, "Count")
    return zflow.ForEach(scope, "Each", items=["de"], steps=[step], outputs={"item": step.outputs["rows"]})


@told(
    'Step "Each": max_concurrency is 1001. Give 1 to 1000.',
)
def too_many_at_once(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[count(scope, "Count")], max_concurrency=1_001)


@told(
    'Step "Each": most_items is 0. Give 1 to 10000.',
)
def too_many_items(scope: Stack) -> object:
    listed = count(scope, "List").outputs["rows"]
    return zflow.ForEach(scope, "Each", items=listed, steps=[count(scope, "Count")], most_items=0)


@told(
    'Step "Each": tolerated_failure_percentage is 100. Give 0 to 99, as a whole number.',
)
def too_many_tolerated(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[count(scope, "Count")], tolerated_failure_percentage=100)


@told(
    'Step "Each": step "Endpoint" has one name in all iterations of the loop, which would overwrite each ',
    "other. Move it after the loop, or create one such step for each item in Python.",
)
def endpoint_in_a_loop(scope: Stack) -> object:
    return zflow.ForEach(scope, "Each", items=["de"], steps=[endpoint(scope)])


@told(
    'Step "Each" has no output "row". Did you mean "rows"? It has: "rows". Declare it in ',
    "outputs={name: an output of a repeated step}.",
)
def unknown_output_of_a_loop(scope: Stack) -> object:
    step = count(scope, "Count")
    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[step], outputs={"rows": step.outputs["rows"]})
    return loop.outputs["row"]

    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[step])
    last = count(scope, "Last", payload={"rows": step.outputs["rows"]})
    return zflow.MlWorkflow(scope, "Scoring", steps=[loop, last])

    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[step])
    return zflow.MlWorkflow(scope, "Scoring", steps=[loop], outputs={"rows": step.outputs["rows"]})


@told(
    'MlWorkflow "Scoring": step "Last" needs step "Count", which the loop "Each" repeats: there is one ',
    "for each item. Use the loop's outputs, a list: ForEach(outputs={...}). To come after it, put the ",
    "loop into after=.",
)
def comes_after_a_repeated_step(scope: Stack) -> object:
    step = count(scope, "Count")
    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[step])
    return zflow.MlWorkflow(scope, "Scoring", steps=[loop, count(scope, "Last", after=[step])])


@told(
    'MlWorkflow "Scoring": outputs= of step "Group Again" needs step "First", which the loop "Each" ',
    "repeats: there is one for each item. Use the loop's outputs, a list: ForEach(outputs={...}). To ",
    "come after it, put the loop into after=.",
)
def loop_used_inside(scope: Stack) -> object:
    first = count(scope, "First")
    outer = zflow.StepGroup(scope, "Group")
    inner: list[zflow.Step] = [first]
    loop = zflow.ForEach(scope, "Each", items=["de"], steps=inner, outputs={"rows": first.outputs["rows"]})
    again = zflow.ForEach(
        outer,
        "Again",
        items=["de"],
        steps=[count(scope, "Second", payload={"rows": loop.outputs["rows"]})],
        outputs={"rows": first.outputs["rows"]},
    )
    return zflow.MlWorkflow(scope, "Scoring", steps=[loop, again])


@told(
    'MlWorkflow "Scoring": step "Count" uses the item "contry", which no loop around it has. Did you ',
    'mean "country"? It has: "country". Put it into the steps of a ForEach(item="contry").',
)
def unknown_item(scope: Stack) -> object:
    step = count(scope, "Count", payload={"c": zflow.Item("contry")})
    loop = zflow.ForEach(scope, "Each", item="country", items=["de"], steps=[step])
    return zflow.MlWorkflow(scope, "Scoring", steps=[loop])


@told(
    'MlWorkflow "Scoring": step "Count" uses the item "country", which no loop around it has. It has: ',
    'none. Put it into the steps of a ForEach(item="country").',
)
def item_outside_of_a_loop(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count", payload={"c": zflow.Item("country")})])


@told(
    'MlWorkflow "Scoring": step "Count" is in steps= and in the steps of the loop "Each". A step has ',
    "one place: take it out of one of them.",
)
def step_in_a_loop_and_beside_it(scope: Stack) -> object:
    step = count(scope, "Count")
    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[step])
    return zflow.MlWorkflow(scope, "Scoring", steps=[step, loop])


@told(
    'MlWorkflow "Scoring": step "Count" is in the steps of the loop "First" and in the steps of the ',
    'loop "Second". A step has one place: take it out of one of them.',
)
def step_in_two_loops(scope: Stack) -> object:
    step = count(scope, "Count")
    loops = [zflow.ForEach(scope, id, items=["de"], steps=[step]) for id in ("First", "Second")]
    return zflow.MlWorkflow(scope, "Scoring", steps=loops)


@told(
    'MlWorkflow "Scoring": step "Count" is in steps= and in finally_=. A step has one place: take it ',
    "out of one of them.",
)
def step_at_the_end_too(scope: Stack) -> object:
    step = count(scope, "Count")
    return zflow.MlWorkflow(scope, "Scoring", steps=[step], finally_=[step])


@told(
    "MlWorkflow \"Scoring\": finally_ has 'Tell', which is no step. Hand it steps.",
)
def no_step_at_the_end(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=[cast("zflow.Step", "Tell")])


@told(
    'Step "Preparation of all the data Normalization of features": an id starts with a letter and has ',
    'letters, digits, spaces, "-" and "_", 50 at most (this one has 53 characters, its groups\' ',
    "included). It names the state in the console. Rename the step.",
)
def grouped_id_too_long(scope: Stack) -> object:
    return count(zflow.StepGroup(scope, "Preparation of all the data"), "Normalization of features")


@told(
    'Step "Count": after= takes steps, and received 5. Hand it the step itself.',
)
def after_is_a_construct(scope: Stack) -> object:
    return count(scope, "Count", after=[cast("zflow.Step", 5)])


@told(
    "first_of: it takes outputs of one kind, and received a value, ModelData. Hand it values alone, ",
    "DataLocation alone or ModelData alone; where data lie is a value: data.uri.",
)
def first_of_two_kinds(scope: Stack) -> object:
    model = zflow.ModelData.from_bucket(bucket(scope), "model.tar.gz")
    return zflow.first_of(count(scope, "Count").outputs["rows"], cast("zflow.Expression", model))


@told(
    'first_of: the data have the content types "application/json", "text/csv". What reads them has to ',
    "know which: give all of them the same content_type.",
)
def first_of_two_content_types(scope: Stack) -> object:
    lake = bucket(scope)
    kinds = ("text/csv", "application/json")
    return zflow.first_of(*[zflow.DataLocation.from_bucket(lake, "data/", content_type=each) for each in kinds])


@told(
    'Outcome: there is no "statsu" of a run. Did you mean "status"? There is: "cause", "error", ',
    '"execution", "name", "started", "status", "url".',
)
def unknown_outcome(_: Stack) -> object:
    return zflow.Outcome("statsu")


@told(
    'MlWorkflow "Scoring": step "Count" uses the outcome of the run, which has none yet. Put the step ',
    "into finally_=[...].",
)
def outcome_before_the_end(scope: Stack) -> object:
    step = count(scope, "Count", payload={"status": zflow.Outcome("status")})
    return zflow.MlWorkflow(scope, "Scoring", steps=[step])


@told(
    'MlWorkflow "Scoring": step "Tell" runs at the end, and uses an output of step "Count", which is ',
    "not there when the run failed. Use what is known before: run parameters, locations of data, ",
    'zflow.Outcome("status").',
)
def output_at_the_end(scope: Stack) -> object:
    step = count(scope, "Count")
    tell = count(scope, "Tell", payload={"rows": step.outputs["rows"]})
    return zflow.MlWorkflow(scope, "Scoring", steps=[step], finally_=[tell])


@told(
    'MlWorkflow "Scoring": step "Tell" runs at the end, after all steps of steps=[...]. Take step ',
    '"Count" out of its after=.',
)
def after_at_the_end(scope: Stack) -> object:
    step = count(scope, "Count")
    return zflow.MlWorkflow(scope, "Scoring", steps=[step], finally_=[count(scope, "Tell", after=[step])])


@told(
    'MlWorkflow "Scoring": step "Tell" uses the run parameter "country", which it does not declare. It ',
    "has: none. Declare it with its default: parameters={...}.",
)
def unknown_parameter_at_the_end(scope: Stack) -> object:
    tell = count(scope, "Tell", payload={"c": zflow.Parameter("country")})
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=[tell])


def inner_workflow(scope: Stack) -> zflow.MlWorkflow:
    step = count(scope, "Count")
    return zflow.MlWorkflow(
        scope,
        "Inner",
        steps=[step],
        parameters={"country": zflow.RunParameter.one_of("de", "fr"), "rounds": 5},
        outputs={"rows": step.outputs["rows"]},
    )


@told(
    'Step "Run": MlWorkflow "Inner" can\'t run with its parameters: "country" is missing, and must be ',
    'one of "de", "fr"; it has no "contry", only "country", "rounds". Did you mean "country"?',
)
def unknown_parameter_of_a_workflow(scope: Stack) -> object:
    return zflow.WorkflowStep(scope, "Run", workflow=inner_workflow(scope), parameters={"contry": "de"})


@told(
    'Step "Run": MlWorkflow "Inner" can\'t run with its parameters: "country" is "at", and must be one ',
    'of "de", "fr"; "rounds" is "x", and must be a number.',
)
def wrong_parameter_of_a_workflow(scope: Stack) -> object:
    return zflow.WorkflowStep(scope, "Run", workflow=inner_workflow(scope), parameters={"country": "at", "rounds": "x"})


@told(
    'Step "Run": MlWorkflow "Inner" can\'t run with its parameters: "country" is missing, and must be ',
    'one of "de", "fr".',
)
def missing_parameter_of_a_workflow(scope: Stack) -> object:
    return zflow.WorkflowStep(scope, "Run", workflow=inner_workflow(scope))


@told(
    'Step "Run" has no output "row". Did you mean "rows"? It has: "rows". Declare it in MlWorkflow ',
    '"Inner": outputs={name: an output of a step}.',
)
def unknown_output_of_a_workflow(scope: Stack) -> object:
    step = zflow.WorkflowStep(scope, "Run", workflow=inner_workflow(scope), parameters={"country": "de"})
    return step.outputs["row"]


@told(
    'MlWorkflow "Scoring": its definition has 1215238 bytes, and Step Functions takes 1048576. The ',
    'largest states: "Count0" (202425), "Count1" (202425), "Count2" (202425). Move some of its 6 ',
    "states into a workflow of their own, and run that as a WorkflowStep.",
)
def definition_too_large(scope: Stack) -> object:
    payload = {str(number): "x" * 1_000 for number in range(200)}
    steps = [count(scope, f"Count{number}", payload=payload) for number in range(6)]
    return zflow.MlWorkflow(scope, "Scoring", steps=steps)


@told(
    'MlWorkflow "Scoring": state "Count" hands over 300096 bytes, and Step Functions takes 262144. Put ',
    "what is large into S3, and hand over where it is.",
)
def payload_of_one_state_too_large(scope: Stack) -> object:
    return zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count", payload={"text": "x" * 300_000})])


@told(
    'MlWorkflow "Scoring": an execution adds about 27524 events to its history, and Step Functions ',
    'ends it at 25000. Step "Each0" alone adds up to 11516. Give it a max_concurrency above 40: each of its ',
    "iterations has a history of its own then.",
)
def history_too_long(scope: Stack) -> object:
    loops = [
        zflow.ForEach(scope, f"Each{n}", items=list(range(500)), steps=[count(scope, f"Count{n}")]) for n in range(5)
    ]
    return zflow.MlWorkflow(scope, "Scoring", steps=loops)


@pytest.mark.parametrize(("use", "message"), CASES, ids=[use.__name__ for use, _ in CASES])
def test_a_wrong_use_is_told_what_is_wrong_and_what_to_do(use: WrongUse, message: str) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message
