"""Why jobs, models and clusters have their rights."""

from zflow_constructs.permissions.reason import Reason

JOBS = (
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
)
