"""Why state machines, and what starts them, have their rights."""

from zflow_constructs.permissions.reason import Reason

_JOBS = "TrainingJob TransformJob ProcessingJob HyperParameterTuningJob"

MACHINES = (
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
    # What starts executions.
    Reason("scheduler", "states:StartExecution", "The schedule starts the workflow."),
    Reason("scheduler", "sqs:SendMessage", "Starts that failed for an hour are kept.", on="*DeadLetterQueue*"),
    Reason("events", "states:StartExecution", "Starts what runs at the end of an execution (`finally_`)."),
)
