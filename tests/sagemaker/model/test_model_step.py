"""Model steps: a model that stays, and what its role may do."""

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import OWN_IMAGE, SERVE_CODE, XGBOOST, bucket, count, network, stack, train
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    hands_over,
    job_name,
    jsonata,
    pulls,
    reads,
    sagemaker_logs,
)
from tests.texts import text_of
from tools.generate_request_fields import STEPS
from zflow_constructs.steps.retry import CAPACITY, THROTTLING


class Example:
    """A model step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        own_model = zflow.ModelData.from_bucket(bucket(scope, "Models"), "own/m.tar.gz")
        own = zflow.ModelContainer(image=OWN_IMAGE, model_data=own_model, environment={"LEVEL": "info"})
        trained = train(scope)
        rows = count(scope, "Count")
        self.minimal = zflow.ModelStep(scope, "Minimal", containers=[own])
        self.maximal = zflow.ModelStep(
            scope,
            "Maximal",
            containers=[own, zflow.ModelContainer(image=XGBOOST, model_data=trained.model_data, code=SERVE_CODE)],
            instance_type=ec2.InstanceType("c5.2xlarge"),
            vpc=network(scope),
            subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")],
            tags={"rows": rows.outputs["rows"]},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            request_overrides={"InferenceExecutionConfig": {"Mode": "Serial"}},
            after=[rows],
            when=rows.outputs["rows"] > 0,
        )
        self.isolated = zflow.ModelStep(scope, "Isolated", containers=[own], network_isolation=True)
        payload = {
            "model": self.maximal.model_name,
            "same": self.maximal.model.name,
            "others": self.minimal.model_name + " and " + self.isolated.model_name,
        }
        last = count(scope, "Last", payload=payload)
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, trained, self.minimal, self.maximal, self.isolated, last]
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_makes_a_model_and_leaves_it(example: Example) -> None:
    state = example.made.state("Minimal")
    del state["Output"], state["End"]
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModel",
        "Arguments": {
            "ModelName": job_name("Minimal"),
            "ExecutionRoleArn": example.made.role_arn(example.minimal.role),
            "PrimaryContainer": {
                "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                "ModelDataUrl": "s3://models/own/m.tar.gz",
                "Environment": {"LEVEL": "info"},
            },
        },
        "TimeoutSeconds": 60,
        "Assign": {"step_Minimal": {"model_name": jsonata('$substringAfter($states.result.ModelArn, "model/")')}},
        "Retry": [CAPACITY.render(), THROTTLING.render()],
    }


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    made = example.made
    assert mapping(made.state("Maximal")["Arguments"]) == {
        "ModelName": job_name("Maximal"),
        "ExecutionRoleArn": made.role_arn(example.maximal.role),
        "Containers": [
            {
                "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                "ModelDataUrl": "s3://models/own/m.tar.gz",
                "Environment": {"LEVEL": "info"},
            },
            {
                "Image": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "ModelDataUrl": jsonata("$Count_Train_in_parallel.Train.model_data"),
                "Environment": {
                    "SAGEMAKER_PROGRAM": "serve.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz",
                },
            },
        ],
        "VpcConfig": {"Subnets": ["subnet-3", "subnet-4"], "SecurityGroupIds": ["sg-1"]},
        "Tags": [{"Key": "rows", "Value": text_of("$Count_Train_in_parallel.Count.rows")}],
        "InferenceExecutionConfig": {"Mode": "Serial"},
    }
    assert mapping(made.state("Isolated")["Arguments"])["EnableNetworkIsolation"] is True


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    models = [example.made.state(name)["Arguments"] for name in ("Minimal", "Maximal", "Isolated")]
    assert set_fields("CreateModel", *models) - {"InferenceExecutionConfig"} == set(STEPS["CreateModel"].fields)


def test_later_steps_learn_the_models_name_and_role(example: Example) -> None:
    payload = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    assert payload["model"] == payload["same"]
    assert example.maximal.model.role is example.maximal.role


def test_the_model_may_load_its_data_and_write_the_logs_of_whoever_uses_it(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs("*"),
        *pulls("111122223333:repository/scoring"),
        *reads("models", "own/m.tar.gz"),
    ]


def test_the_state_machine_may_make_the_models_and_tag_those_that_have_tags(example: Example) -> None:
    sagemaker = "arn:aws:sagemaker:eu-central-1:111122223333"
    granted = example.made.statements(example.workflow.role)
    assert granted[-len(LOGGED_AND_TRACED) - 6 :] == [
        allow("sagemaker:CreateModel", f"{sagemaker}:model/scoring-minimal-*"),
        hands_over(example.made.role_arn(example.minimal.role)),
        allow(["sagemaker:CreateModel", "sagemaker:AddTags"], f"{sagemaker}:model/scoring-maximal-*"),
        hands_over(example.made.role_arn(example.maximal.role)),
        allow("sagemaker:CreateModel", f"{sagemaker}:model/scoring-isolated-*"),
        hands_over(example.made.role_arn(example.isolated.role)),
        *LOGGED_AND_TRACED,
    ]
