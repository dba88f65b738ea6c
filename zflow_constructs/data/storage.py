"""Where data lies in S3, and who may read and write it there.

A place is either fixed (a bucket and a prefix) or belongs to a run: below the workflow's bucket, in a folder of each
execution's own. Which bucket that is, only the workflow knows; until then a place is named, and granted when bound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets

_SPARK_WRITES = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


@dataclass(frozen=True)
class RunStorage:
    """Where a workflow keeps what its runs write: `s3://<bucket>/<prefix>/<execution name>/`.

    Args:
        bucket: the workflow's bucket.
        prefix: the workflow's folder in it, without a slash at its ends.
    """

    bucket: s3.IBucket
    prefix: str


class Place(Protocol):
    """Buckets and patterns of keys, known at the latest when the workflow is."""

    def own_keys(self) -> Iterator[kms.IKey]:
        """What its objects are encrypted with, besides the key of its bucket."""

    def within(self, run: RunStorage) -> Sequence[tuple[s3.IBucket, str]]:
        """Each bucket, and the pattern that the keys of the place's objects fit."""


@dataclass(frozen=True)
class FixedPlace:
    """A place that is the same for every run.

    Args:
        bucket: The bucket.
        pattern: A key, or the beginning of keys and a `*`.
        key: What its objects are encrypted with, if not with the bucket's key. Default: the bucket's key
    """

    bucket: s3.IBucket
    pattern: str
    key: kms.IKey | None = None

    def own_keys(self) -> Iterator[kms.IKey]:
        """Its own key, if it has one."""
        if self.key is not None:
            yield self.key

    def within(self, run: RunStorage) -> Sequence[tuple[s3.IBucket, str]]:
        """The bucket and the pattern as given."""
        return [(self.bucket, self.pattern)]


@dataclass(frozen=True)
class RunPlace:
    """A place of its own in each run.

    Args:
        path: The path in the folder of an execution.
        key: What its objects are encrypted with, if not with the bucket's key. Default: the bucket's key
    """

    path: str
    key: kms.IKey | None = None

    def own_keys(self) -> Iterator[kms.IKey]:
        """Its own key, if it has one."""
        if self.key is not None:
            yield self.key

    def within(self, run: RunStorage) -> Sequence[tuple[s3.IBucket, str]]:
        """The workflow's bucket, and the path in the folder of any execution."""
        return [(run.bucket, f"{run.prefix}/*/{self.path}/*")]


@dataclass(frozen=True)
class AnyPlace:
    """One of several places: which one, only the run knows."""

    places: tuple[Place, ...]

    def own_keys(self) -> Iterator[kms.IKey]:
        """Those of all of them."""
        for place in self.places:
            yield from place.own_keys()

    def within(self, run: RunStorage) -> Sequence[tuple[s3.IBucket, str]]:
        """All of them."""
        return [each for place in self.places for each in place.within(run)]


def grant_read(place: Place, role: iam.IRole, run: RunStorage) -> None:
    """Lets a role list and read the objects of a place, and nothing else of its bucket."""
    for bucket, pattern in place.within(run):
        _grant(role, ["s3:GetObject"], bucket.arn_for_objects(pattern))
        # Listing is a right on the bucket: the condition keeps it to the place.
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": pattern}},
            )
        )
    grant_decrypt(place, role, run)


def grant_write(place: Place, role: iam.IRole, run: RunStorage) -> None:
    """Lets a role write the objects of a place, and nothing else of its bucket."""
    for bucket, pattern in place.within(run):
        _grant(role, ["s3:PutObject", "s3:AbortMultipartUpload"], bucket.arn_for_objects(pattern))
    grant_encrypt(place, role, run)


def grant_spark(place: Place, role: iam.IRole, run: RunStorage, *, writes: bool) -> None:
    """Lets the role of a Spark cluster read the objects of a place, or write them too.

    Spark looks whether the folder itself is an object, and writes below a temporary name that it deletes in the end.
    https://docs.databricks.com/aws/en/connect/storage/tutorial-s3-instance-profile

    Args:
        place: the place.
        role: the role of the cluster's instance profile.
        run: where the workflow's runs keep their data.
        writes: whether it also writes there.
    """
    actions = ["s3:GetObject", *(_SPARK_WRITES if writes else [])]
    for bucket, pattern in place.within(run):
        for key in dict.fromkeys([pattern, pattern.removesuffix("/*")]):
            _grant(role, actions, bucket.arn_for_objects(key))
        # Without a condition: for a key that isn't there, S3 says so to those alone who may list the bucket. Any other
        # is refused, and Spark gives up.
        _grant(role, ["s3:ListBucket", "s3:GetBucketLocation"], bucket.bucket_arn)
    if writes:
        grant_encrypt(place, role, run)
    else:
        grant_decrypt(place, role, run)


def grant_get(place: Place, role: iam.IRole, run: RunStorage) -> None:
    """Lets a role read the objects of a place whose keys it is told, and list nothing."""
    for bucket, pattern in place.within(run):
        _grant(role, ["s3:GetObject"], bucket.arn_for_objects(pattern))
    grant_decrypt(place, role, run)


def grant_read_asset(asset: s3_assets.Asset, role: iam.IRole) -> None:
    """Lets a role read an asset, and no other one of the bootstrap bucket (an asset's own grant covers them all)."""
    _grant(role, ["s3:GetObject"], asset.bucket.arn_for_objects(asset.s3_object_key))


def grant_decrypt(place: Place, role: iam.IRole, run: RunStorage) -> None:
    """Lets a role decrypt the objects of a place, which are encrypted by the bucket's key or by one of their own."""
    for key in _keys(place, run):
        key.grant_decrypt(role)


def grant_encrypt(place: Place, role: iam.IRole, run: RunStorage) -> None:
    """Lets a role encrypt the objects of a place, and decrypt them: S3 does so when it puts a large one together."""
    for key in _keys(place, run):
        key.grant_encrypt_decrypt(role)


def _keys(place: Place, run: RunStorage) -> list[kms.IKey]:
    of_buckets = [bucket.encryption_key for bucket, _ in place.within(run) if bucket.encryption_key]
    return list(dict.fromkeys([*of_buckets, *place.own_keys()]))


def _grant(role: iam.IRole, actions: list[str], resource: str) -> None:
    role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
