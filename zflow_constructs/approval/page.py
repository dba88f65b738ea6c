"""The page on which people decide how a workflow goes on, and the Lambda that asks them to."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from zflow_constructs.resources.runtime_function import runtime_function

CALL_SECONDS = 30


class ApprovalPage(Construct):
    """Where people approve and reject, for all approval steps of a stack: a page behind the links of messages.

    A link must open for whoever got the message, without an account in AWS: the page's address is open to all
    (a function URL with AuthType NONE), and the link's key is what lets somebody decide.

    - A key is 256 random bits, made by the Lambda that sends the message. It is in the message alone: the table keeps
      its SHA-256, the execution's history and the logs have neither. There is no lasting secret by which links could
      be forged. The task token stays in the execution's history and the table, and never leaves AWS.
    - Following a link shows the question; the POST of the form decides. Scanners that follow links decide nothing.
    - A link works until the step's time is over, for one decision: Step Functions takes the first one alone.
    - Whoever passes a message on, passes the right to decide on. Who must be known for sure decides in SageMaker's
      registry instead, by IAM: `RegistryApprovalStep`.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html

    Args:
        scope: the construct that owns it.
        id: its id.

    Example:
        approvals = ApprovalPage(self, "Approvals")
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._table = dynamodb.Table(
            self,
            "Questions",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="forgotten",
            removal_policy=RemovalPolicy.DESTROY,
        )
        page, page_role = self._made("Page", "Shows what is to be decided, and takes the decision.", {})
        self._allow(page_role, ["dynamodb:GetItem", "dynamodb:UpdateItem"], self._table.table_arn)
        # The token says which task it is for: the action knows no resources, and one that names them is refused.
        self._allow(page_role, ["states:SendTaskSuccess"], "*")
        url = page.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        self._url = url.url
        self._function, self._role = self._made("Ask", "Asks people for a decision.", {"PAGE_URL": self._url})
        self._allow(self._role, ["dynamodb:UpdateItem"], self._table.table_arn)

    @property
    def function(self) -> lambda_.IFunction:
        """The Lambda that asks."""
        return self._function

    @property
    def url(self) -> str:
        """The page's address, which is of no use without a link's key."""
        return self._url

    def allow_messages(self, topic: sns.ITopic) -> None:
        """Lets the Lambda send messages to a topic.

        Args:
            topic: the topic; its key, if it has one, is granted with it.
        """
        topic.grant_publish(self._role)

    def _made(self, id: str, description: str, environment: dict[str, str]) -> tuple[lambda_.Function, iam.Role]:
        return runtime_function(
            self,
            id,
            folder="approval",
            description=description,
            seconds=CALL_SECONDS,
            handler=id.lower(),
            environment={"TABLE": self._table.table_name, **environment},
        )

    def _allow(self, role: iam.Role, actions: list[str], resource: str) -> None:
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
