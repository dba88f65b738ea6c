"""What the AWS SDK integrations of Step Functions call services, where that differs from botocore.

See https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

BOTO_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}
"""Botocore's names of the services that the integrations name otherwise."""
JAVA_NAMES = {
    "applicationautoscaling": "ApplicationAutoScaling",
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDb",
    "ecr": "Ecr",
    "eventbridge": "EventBridge",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
}
"""The names that the SDK for Java gives to services, with which the names of their errors begin."""
