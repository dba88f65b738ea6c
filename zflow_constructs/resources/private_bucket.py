"""The buckets that constructs make where they are given none."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct


def private_bucket(
    scope: Construct, id: str, *, versioned: bool = False, expiration: Duration | None = None
) -> s3.Bucket:
    """Make a bucket that is encrypted, closed to the public and to plain HTTP, and kept when its stack is deleted.

    Args:
        scope: The construct that owns it.
        id: Its id.
        versioned: Whether it keeps the former versions of its objects. Default: no
        expiration: After this time its objects go. Default: never
    """
    return s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        versioned=versioned,
        lifecycle_rules=[s3.LifecycleRule(expiration=expiration)] if expiration else None,
        removal_policy=RemovalPolicy.RETAIN,
    )
