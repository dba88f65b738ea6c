"""Why zflow_constructs gives each right, written for who reviews its security.

A construct that comes to grant more adds a line to `REASONS`: who assumes the role, the actions, and why; and, where
the resource is `*`, why it can't be narrower. A test fails for a right without a reason, and for a reason that no
right needs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zflow_constructs.permissions.statements import Role, Statement


@dataclass(frozen=True)
class Reason:
    """Why a role may do something.

    Args:
        by: the service that assumes the role: `states` is `states.amazonaws.com`.
        actions: the actions, with spaces between them; each may have wildcards.
        why: what uses them, and for what.
        on: what the resource looks like. Default: anything
        under: what the condition looks like. Default: anything, or none
        star: where the resource is `*`, why it is no narrower. Empty: it never is `*`
    """

    by: str
    actions: str
    why: str
    on: str = "*"
    under: str = "*"
    star: str = ""

    def explains(self, role: Role, statement: Statement, action: str, resource: str) -> bool:
        """Whether it says why a role may do something on a resource.

        Args:
            role: the role.
            statement: the statement that allows it.
            action: the action.
            resource: the resource.
        """
        return (
            f"{self.by}.amazonaws.com" in (principal.name for principal in role.assumed_by)
            and any(fnmatchcase(action, each) for each in self.actions.split())
            and fnmatchcase(resource, self.on)
            and fnmatchcase(statement.condition, self.under)
            and (resource != "*" or bool(self.star))
        )


def reasons_for(role: Role, statement: Statement, reasons: Sequence[Reason]) -> Iterator[tuple[str, str, list[Reason]]]:
    """The first reason for each action on each resource of a statement: none, or one.

    Args:
        role: the role that has the statement.
        statement: the statement.
        reasons: all reasons.
    """
    known = reasons if statement.effect == "Allow" else ()
    for action in statement.actions:
        for resource in statement.resources or ("",):
            yield action, resource, [each for each in known if each.explains(role, statement, action, resource)][:1]


_JOBS = "TrainingJob TransformJob ProcessingJob HyperParameterTuningJob"

REASONS = (
    # The state machine's role.
    Reason(
        "states", "lambda:InvokeFunction", "Calls the function of a Lambda step, or that of a Databricks workspace."
    ),
    Reason(
        "states",
        " ".join(f"sagemaker:{verb}{job}" for job in _JOBS.split() for verb in ("Create", "Describe", "Stop")),
        "Starts the step's jobs, learns how they end, and stops them when the execution is stopped. A job's name ends "
        "in a hash that is another one at each attempt: hence the `*` at its end.",
    ),
    Reason(
        "states",
        "sagemaker:AddTags sagemaker:ListTags",
        "Step Functions tags what it starts and waits for as its own; the step's own tags are set with it.",
    ),
    Reason(
        "states",
        "iam:PassRole",
        "Hands each step's role to SageMaker, and to no other service.",
        under="iam:PassedToService StringEquals sagemaker.amazonaws.com",
    ),
    Reason(
        "states",
        "events:PutTargets events:PutRule events:DescribeRule",
        "Step Functions hears of the end of a job through this rule, which it manages itself.",
    ),
    Reason(
        "states",
        "sagemaker:CreateModel sagemaker:DeleteModel",
        "Creates the model that a batch transform or an endpoint runs; deletes it after the transform, or when the "
        "endpoint has had others.",
    ),
    Reason(
        "states",
        "sagemaker:CreateEndpointConfig sagemaker:CreateEndpoint sagemaker:UpdateEndpoint",
        "Puts the new model behind the endpoint; SageMaker checks these rights on the endpoint and its configuration.",
    ),
    Reason(
        "states",
        "sagemaker:DescribeEndpoint sagemaker:DeleteEndpoint",
        "Looks whether the new configuration serves; deletes an endpoint whose creation failed, which serves nobody.",
    ),
    Reason(
        "states",
        "sagemaker:ListEndpointConfigs sagemaker:DescribeEndpointConfig sagemaker:DeleteEndpointConfig",
        "Finds the configurations that the endpoint had before, and deletes all but the last few.",
        star="Configurations are listed by a part of their names, which no right can say.",
    ),
    Reason(
        "states",
        "cloudwatch:DescribeAlarms",
        "SageMaker looks at the alarms that roll an update back, in the name of who updates.",
        on="[!a]*",
    ),
    Reason(
        "states",
        "application-autoscaling:*ScalableTarget application-autoscaling:PutScalingPolicy "
        "application-autoscaling:PutScheduledAction",
        "Sets up how the endpoint's variants scale. A target has no name before it is registered: the condition keeps "
        "this to SageMaker's.",
        under="application-autoscaling:service-namespace StringEquals sagemaker",
    ),
    Reason(
        "states",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "Application Auto Scaling asks whether who registers a variant may scale it.",
    ),
    Reason(
        "states",
        "cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms cloudwatch:PutMetricAlarm",
        "Application Auto Scaling makes the alarms of the endpoint's scaling policies in the name of who sets them.",
        on="arn:*alarm:*",
    ),
    Reason(
        "states",
        "iam:CreateServiceLinkedRole",
        "The first scaling of an endpoint in the account makes Application Auto Scaling's own role.",
        under="iam:AWSServiceName StringEquals sagemaker.application-autoscaling.amazonaws.com",
    ),
    Reason(
        "states", "kms:CreateGrant", "SageMaker hands the key on to the endpoint's disks, in the name of who makes it."
    ),
    Reason(
        "states",
        "s3:GetObject",
        "Reads the reports of a processing job, which conditions and later steps use; and lets SageMaker look at the "
        "archive of a model that it registers.",
    ),
    Reason("states", "kms:Decrypt", "The reports that it reads are encrypted with this key."),
    Reason(
        "states",
        "sagemaker:CreateModelPackage sagemaker:DescribeModelPackage",
        "Registers the new version of the model in its group, and waits until the registry has it. A version's number "
        "is the registry's: hence the `*` at the end. The registry names versions in lower case, too.",
    ),
    Reason("states", "sagemaker:UpdateModelPackage", "Writes the decision into the registry."),
    Reason(
        "states",
        "s3:ListBucket",
        "SageMaker looks at the model's archive in the name of who registers it.",
        under="s3:prefix *",
    ),
    Reason(
        "states",
        "ecr:BatchGetImage ecr:DescribeImages",
        "SageMaker looks at the model's images in the name of who registers it.",
    ),
    Reason("states", "sns:Publish", "Sends the messages that ask for a decision."),
    Reason(
        "states",
        "dynamodb:GetItem dynamodb:UpdateItem",
        "Branches that meet leave a mark here, and look for the other's.",
    ),
    Reason(
        "states",
        "states:SendTaskSuccess",
        "Wakes the branch that waits for this one.",
        star="The task's token says which task it is for: the action knows no resources.",
    ),
    Reason("states", "states:StartExecution", "Starts the executions of a workflow's step, or of a distributed loop."),
    Reason(
        "states",
        "states:DescribeExecution states:StopExecution states:RedriveExecution",
        "Watches, stops and redrives the executions that it started; at the end of a run, reads how that ended.",
    ),
    Reason(
        "states",
        "logs:*LogDelivery logs:ListLogDeliveries logs:*ResourcePolicy logs:DescribeResourcePolicies "
        "logs:DescribeLogGroups",
        "Step Functions sets up the delivery of the executions' log.",
        star="CloudWatch Logs knows no resources for the delivery of logs.",
    ),
    Reason(
        "states",
        "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets",
        "Step Functions writes the executions' traces.",
        star="X-Ray knows no resources for traces.",
    ),
    # The roles of jobs and models.
    Reason(
        "sagemaker",
        "cloudwatch:DescribeAlarms",
        "SageMaker looks at the alarms that roll an endpoint's update back.",
    ),
    Reason(
        "sagemaker",
        "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents",
        "SageMaker writes what the containers print, into a log group that it names itself.",
    ),
    Reason(
        "sagemaker",
        "cloudwatch:PutMetricData",
        "SageMaker writes the metrics of jobs and endpoints.",
        under="cloudwatch:namespace StringLike /aws/sagemaker/[*]",
        star="CloudWatch's metrics have no ARN; the condition keeps them to SageMaker's namespaces.",
    ),
    Reason(
        "sagemaker",
        "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "SageMaker pulls the step's images.",
    ),
    Reason(
        "sagemaker",
        "ecr:GetAuthorizationToken",
        "SageMaker logs in to pull the images.",
        star="The token is that of a registry, which has no ARN.",
    ),
    Reason("sagemaker", "s3:GetObject", "The step reads its scripts, its data, or its model's archive."),
    Reason(
        "sagemaker",
        "s3:ListBucket",
        "SageMaker lists the objects below the prefix that the step reads.",
        under="s3:prefix *",
    ),
    Reason(
        "sagemaker",
        "s3:PutObject s3:AbortMultipartUpload",
        "The step writes what it makes into its own folder, in that of the run.",
    ),
    Reason(
        "sagemaker",
        "kms:Decrypt kms:Encrypt kms:ReEncrypt* kms:GenerateDataKey*",
        "What the step reads or writes in S3 is encrypted with this key.",
    ),
    Reason("sagemaker", "kms:CreateGrant", "SageMaker hands the key on to the machines' disks, which it encrypts."),
    Reason(
        "sagemaker",
        "ec2:CreateNetworkInterface ec2:CreateNetworkInterfacePermission ec2:DeleteNetworkInterface",
        "Connects the step's machines with its subnets and security groups. An interface has no name before it is "
        "there: the subnets are the limit. A shared subnet is another account's: hence the `*` for that.",
    ),
    Reason(
        "sagemaker",
        "ec2:DeleteNetworkInterfacePermission ec2:DescribeNetworkInterfaces ec2:DescribeVpcs ec2:DescribeDhcpOptions "
        "ec2:DescribeSubnets ec2:DescribeSecurityGroups",
        "SageMaker looks at the network that it connects the step's machines with, and disconnects them.",
        star="EC2 knows no resources for what it describes, and the permission of an interface has no ARN.",
    ),
    # The role of a Databricks cluster.
    Reason(
        "ec2",
        "s3:GetObject s3:PutObject s3:DeleteObject s3:AbortMultipartUpload s3:ListMultipartUploadParts",
        "Spark reads the script and the step's inputs, and writes its outputs, first below a temporary name.",
    ),
    Reason(
        "ec2",
        "s3:ListBucket s3:GetBucketLocation",
        "Spark lists folders. S3 says that a key isn't there to those alone who may list the whole bucket; otherwise "
        "Spark gives up.",
    ),
    Reason(
        "ec2",
        "kms:Decrypt kms:Encrypt kms:ReEncrypt* kms:GenerateDataKey*",
        "What Spark reads or writes in S3 is encrypted with this key.",
    ),
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
        "The function proves to Databricks who it is, instead of keeping a secret: such a proof is valid for five "
        "minutes, and for Databricks alone.",
        under="*sts:IdentityTokenAudience*sts:DurationSeconds*",
        star="A proof is of the role itself: the action knows no resources.",
    ),
    Reason(
        "lambda",
        "s3:GetObject s3:PutObject",
        "The function keeps which runs it has started, and their full outputs and logs.",
        on="*Runs*/*",
    ),
    Reason(
        "lambda",
        "s3:ListBucket",
        "The function finds the runs of an execution that was stopped. S3 says that an object isn't there to those "
        "alone who may list the bucket.",
        on="*Runs*",
    ),
    Reason(
        "lambda",
        "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DeleteNetworkInterface "
        "ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses",
        "Lambda connects the function with the VPC that it was given, in the name of its role.",
        star="EC2 knows no resources for what it describes, and Lambda asks for the others on all of them.",
    ),
    # The role of an endpoint's smoke test.
    Reason("lambda", "sagemaker:InvokeEndpoint", "The smoke test asks the endpoint for a sample prediction."),
    # The roles of a page on which people decide.
    Reason("lambda", "sns:Publish", "Sends the messages that ask for a decision."),
    Reason(
        "lambda",
        "kms:Decrypt kms:Encrypt kms:ReEncrypt* kms:GenerateDataKey*",
        "What a function keeps in S3 is encrypted with this key; or the topic is that it sends messages to, and SNS "
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
    # What starts executions.
    Reason("scheduler", "states:StartExecution", "The schedule starts the workflow."),
    Reason("scheduler", "sqs:SendMessage", "Starts that failed for an hour are kept.", on="*DeadLetterQueue*"),
    Reason("events", "states:StartExecution", "Starts what runs at the end of an execution (`finally_`)."),
)
