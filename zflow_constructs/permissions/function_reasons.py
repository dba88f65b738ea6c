"""Why the library's own Lambdas have their rights."""

from zflow_constructs.permissions.reason import Reason

FUNCTIONS = (
    # The role of a Databricks workspace's function.
    Reason("lambda", "logs:CreateLogStream logs:PutLogEvents", "The function writes its own log.", on="*Logs*"),
    Reason(
        "lambda",
        "sqs:SendMessage",
        "Lambda keeps the stop of a run that failed, so that no run goes on unseen.",
        on="*DeadLetterQueue*",
    ),
    Reason(
        "lambda",
        "secretsmanager:GetSecretValue secretsmanager:DescribeSecret",
        "The function reads the credentials for Databricks. `??????` is what Secrets Manager adds to each name.",
    ),
    Reason(
        "lambda",
        "kms:Decrypt",
        "The credentials are encrypted with this key.",
        under="kms:ViaService StringEquals secretsmanager.*",
    ),
    Reason(
        "lambda",
        "sts:GetWebIdentityToken",
        "The function proves to Databricks that it has this role, instead of a secret.",
        under="sts:IdentityTokenAudience ForAllValues:StringEquals *",
        star="Such a token is of the role that asks for it: the action knows no resources.",
    ),
    Reason(
        "lambda",
        "s3:GetObject s3:PutObject",
        "The function writes down each run before it submits it, to cancel it when its execution is stopped, and keeps "
        "the full outputs and logs of runs.",
        on="*[Rr]uns*",
    ),
    Reason(
        "lambda", "s3:ListBucket", "The function finds what it wrote down of the runs of an execution.", on="*[Rr]uns*"
    ),
    Reason(
        "lambda",
        "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DeleteNetworkInterface "
        "ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses",
        "Lambda connects the function with its VPC.",
        star="Lambda asks for these rights on all interfaces before it makes one; what EC2 describes has no ARN.",
    ),
    # The role of an endpoint's smoke test.
    Reason("lambda", "sagemaker:InvokeEndpoint", "The smoke test asks the endpoint for a sample prediction."),
    # The roles of a page on which people decide.
    Reason("lambda", "sns:Publish", "Sends the messages that ask for a decision."),
    Reason(
        "lambda",
        "kms:Decrypt kms:Encrypt kms:ReEncrypt* kms:GenerateDataKey*",
        "What the function keeps in S3 is encrypted with this key; or the topic is to which it sends messages, and SNS "
        "uses the key in the name of who sends one.",
    ),
    Reason(
        "lambda",
        "dynamodb:GetItem dynamodb:UpdateItem",
        "Keeps what is to be decided, with the hash of each link's key, and what was decided.",
    ),
    Reason(
        "lambda",
        "states:SendTaskSuccess",
        "Tells the workflow of the decision.",
        star="The task's token says which task it is for: the action knows no resources.",
    ),
)
