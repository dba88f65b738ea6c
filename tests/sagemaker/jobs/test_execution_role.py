"""The role that SageMaker assumes."""

from aws_cdk import aws_iam as iam

from tests.parts import stack
from tests.templates import Synthesized, pulls, sagemaker_logs
from zflow_constructs.sagemaker.images.containers import BoundImage
from zflow_constructs.sagemaker.jobs.execution_role import execution_role, grant_pull


def test_a_new_role_writes_its_own_log_and_metrics_and_no_more() -> None:
    scope = stack()
    role = execution_role(scope, None, log_group="Endpoints/risk-scoring")
    made = Synthesized.of(scope)
    assert made.statements(role) == sagemaker_logs("Endpoints/risk-scoring")
    assert made.properties(role)["AssumeRolePolicyDocument"] == {
        "Statement": [
            {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        ],
        "Version": "2012-10-17",
    }


def test_a_role_of_yours_may_write_the_log_too() -> None:
    scope = stack()
    own = iam.Role(scope, "Own", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    assert execution_role(scope, own, log_group="TrainingJobs") is own
    made = Synthesized.of(scope)
    assert made.statements(own) == sagemaker_logs("TrainingJobs")
    assert len(made.resources("AWS::IAM::Role")) == 1


def test_each_repository_is_granted_once() -> None:
    scope = stack()
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    arns = [f"arn:aws:ecr:eu-central-1:111122223333:repository/{name}" for name in ("one", "two", "one")]
    grant_pull(role, [BoundImage(f"uri:{number}", arn) for number, arn in enumerate(arns)])
    assert Synthesized.of(scope).statements(role) == pulls("111122223333:repository/one", "111122223333:repository/two")
