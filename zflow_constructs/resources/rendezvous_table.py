"""The table at which branches meet."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct


def rendezvous_table(scope: Construct, *, role: iam.IRole) -> dynamodb.Table:
    """A table of one item for each run and step that another branch waits for; items go when the run is forgotten.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html

    Args:
        scope: the workflow.
        role: the role of its state machine, which reads and writes the items, and wakes those who wait.
    """
    table = dynamodb.Table(
        scope,
        "Rendezvous",
        partition_key=dynamodb.Attribute(name="run", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="step", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.AWS_MANAGED,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute="expires",
        removal_policy=RemovalPolicy.DESTROY,
    )
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=["dynamodb:GetItem", "dynamodb:UpdateItem"], resources=[table.table_arn])
    )
    # The token says which task it is for: the action knows no resources, and one that names them is refused.
    role.add_to_principal_policy(iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=["*"]))
    return table
