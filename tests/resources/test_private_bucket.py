"""The bucket that a construct makes where it is given none."""

from aws_cdk import Duration
from aws_cdk import assertions as a

from tests.parts import stack
from zflow_constructs.resources.private_bucket import private_bucket


def test_it_is_encrypted_closed_and_kept() -> None:
    scope = stack()
    private_bucket(scope, "Runs")
    template = a.Template.from_stack(scope)
    (bucket,) = template.find_resources("AWS::S3::Bucket").values()
    assert bucket == {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
            ),
        },
        "UpdateReplacePolicy": "Retain",
        "DeletionPolicy": "Retain",
    }
    (policy,) = template.find_resources("AWS::S3::BucketPolicy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_it_keeps_versions_and_lets_objects_go_if_it_is_to() -> None:
    scope = stack()
    private_bucket(scope, "Runs", versioned=True, expiration=Duration.days(90))
    (bucket,) = a.Template.from_stack(scope).find_resources("AWS::S3::Bucket").values()
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["Properties"]["LifecycleConfiguration"] == {"Rules": [{"ExpirationInDays": 90, "Status": "Enabled"}]}
