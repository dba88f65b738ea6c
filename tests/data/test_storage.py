"""Data in S3: who may read and write which objects, and with whose key."""

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.parts import stack
from tests.templates import ENCRYPTS, Synthesized, allow, reads, writes
from zflow_constructs.core.values.templates import Json
from zflow_constructs.data.storage import (
    AnyPlace,
    FixedPlace,
    RunPlace,
    RunStorage,
    grant_read,
    grant_spark,
    grant_write,
)

KEY = "arn:aws:kms:eu-central-1:111122223333:key/lake"
OWN_KEY = "arn:aws:kms:eu-central-1:111122223333:key/models"


class Lake:
    """A bucket that a key of its own encrypts, and a role without any permission."""

    def __init__(self) -> None:
        self.stack: Stack = stack()
        key = kms.Key.from_key_arn(self.stack, "Key", KEY)
        self.bucket = s3.Bucket.from_bucket_attributes(self.stack, "Lake", bucket_name="lake", encryption_key=key)
        self.role = iam.Role(self.stack, "Job", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        self.run = RunStorage(self.bucket, "Scoring")

    def granted(self) -> list[dict[str, Json]]:
        return [dict(statement) for statement in Synthesized.of(self.stack).statements(self.role)]


def test_a_place_is_read_and_listed_and_decrypted() -> None:
    lake = Lake()
    grant_read(FixedPlace(lake.bucket, "applications/*"), lake.role, lake.run)
    assert lake.granted() == [*reads("lake", "applications/*"), allow("kms:Decrypt", KEY)]


def test_a_place_of_a_run_is_written_and_encrypted() -> None:
    lake = Lake()
    grant_write(RunPlace("Train"), lake.role, lake.run)
    assert lake.granted() == [
        *writes("lake", "Scoring/*/Train/*"),
        allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], KEY),
    ]


def own(lake: Lake) -> RunPlace:
    """A place whose objects aren't under the bucket's key."""
    return RunPlace("Train", kms.Key.from_key_arn(lake.stack, "OwnKey", OWN_KEY))


def test_what_is_under_a_key_of_its_own_is_decrypted_with_that_too() -> None:
    lake = Lake()
    grant_read(AnyPlace((RunPlace("Tune"), own(lake))), lake.role, lake.run)
    assert lake.granted() == [
        *reads("lake", "Scoring/*/Tune/*"),
        *reads("lake", "Scoring/*/Train/*"),
        allow("kms:Decrypt", KEY),
        allow("kms:Decrypt", OWN_KEY),
    ]


def test_spark_decrypts_what_is_under_a_key_of_its_own() -> None:
    lake = Lake()
    grant_spark(own(lake), lake.role, lake.run, writes=False)
    assert lake.granted()[-2:] == [allow("kms:Decrypt", KEY), allow("kms:Decrypt", OWN_KEY)]


def test_what_is_written_is_encrypted_with_a_key_of_its_own() -> None:
    lake = Lake()
    grant_write(own(lake), lake.role, lake.run)
    actions: list[str] = ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]
    assert lake.granted()[-2:] == [allow(actions, KEY), allow(actions, OWN_KEY)]


@pytest.mark.parametrize(
    ("pattern", "objects"),
    [
        ("applications/*", ["applications/*", "applications"]),
        ("applications*", ["applications*"]),
        ("applications/new.csv", ["applications/new.csv"]),
        ("*", ["*"]),
    ],
)
def test_spark_asks_for_the_folder_itself_too(pattern: str, objects: list[str]) -> None:
    lake = Lake()
    grant_spark(FixedPlace(lake.bucket, pattern), lake.role, lake.run, writes=False)
    assert lake.granted() == [
        *(allow("s3:GetObject", f"arn:aws:s3:::lake/{key}") for key in objects),
        allow(["s3:ListBucket", "s3:GetBucketLocation"], "arn:aws:s3:::lake"),
        allow("kms:Decrypt", KEY),
    ]


def test_spark_deletes_what_it_wrote_for_a_while() -> None:
    lake = Lake()
    grant_spark(RunPlace("Extract/history"), lake.role, lake.run, writes=True)
    actions = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ]
    assert lake.granted() == [
        allow(actions, "arn:aws:s3:::lake/Scoring/*/Extract/history/*"),
        allow(actions, "arn:aws:s3:::lake/Scoring/*/Extract/history"),
        allow(["s3:ListBucket", "s3:GetBucketLocation"], "arn:aws:s3:::lake"),
        allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], KEY),
    ]


def test_what_has_a_key_of_its_own_is_decrypted_and_encrypted_with_that_too() -> None:
    lake = Lake()
    own = kms.Key.from_key_arn(lake.stack, "Own", f"{KEY}-own")
    location = zflow.DataLocation.from_bucket(lake.bucket, "answers/", key=own)
    both = AnyPlace((location.place, RunPlace("Predict", own)))
    grant_read(both, lake.role, lake.run)
    grant_write(location.place, lake.role, lake.run)
    assert lake.granted() == [
        *reads("lake", "answers/*"),
        *reads("lake", "Scoring/*/Predict/*"),
        allow("kms:Decrypt", KEY),
        allow("kms:Decrypt", f"{KEY}-own"),
        *writes("lake", "answers/*"),
        allow(ENCRYPTS, KEY),
        allow(ENCRYPTS, f"{KEY}-own"),
    ]
