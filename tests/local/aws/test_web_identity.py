"""STS's tokens for services outside of AWS."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.web_identity import WebIdentityTokens, web_identity
from zflow_constructs.local.databricks.conditions import JsonObject


@pytest.fixture(scope="module")
def tokens() -> WebIdentityTokens:
    return WebIdentityTokens(account="111122223333")


@pytest.fixture(scope="module")
def aws(tokens: WebIdentityTokens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    log = tmp_path_factory.mktemp("web_identity") / "aws.log"
    with AwsServer(account="111122223333", region="eu-central-1", time_scale=1, log=log) as server:
        server.use([web_identity(tokens)])
        yield server


def ask(aws: AwsServer, **fields: object) -> JsonObject:
    request: JsonObject = {"Audience": ["databricks"], "SigningAlgorithm": "RS256", **fields}
    answer: JsonObject = aws.clients("sts").get_web_identity_token(**request)  # type: ignore[attr-defined]
    return answer


def decoded(part: str) -> JsonObject:
    document: JsonObject = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return document


def test_a_token_says_who_calls_and_for_whom_it_is(aws: AwsServer) -> None:
    answer = ask(aws, DurationSeconds=600)
    header, claims, signature = str(answer["WebIdentityToken"]).split(".")
    assert decoded(header) == {"alg": "RS256", "typ": "JWT", "kid": "local"}
    said = decoded(claims)
    assert said["sub"] == "arn:aws:iam::111122223333:role/local"
    assert (said["aud"], said["iss"]) == ("databricks", "https://111122223333.tokens.sts.global.api.aws")
    assert int(str(said["exp"])) - int(str(said["iat"])) == 600
    assert len(signature) == 342
    assert abs(answer["Expiration"].timestamp() - time.time() - 600) < 60  # type: ignore[attr-defined]


def test_who_has_assumed_a_role_is_that_role(aws: AwsServer) -> None:
    assumed = aws.clients("sts").assume_role(  # type: ignore[attr-defined]
        RoleArn="arn:aws:iam::111122223333:role/databricks", RoleSessionName="session"
    )["Credentials"]
    client = boto3.client(
        "sts",
        endpoint_url=aws.url,
        region_name="eu-central-1",
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )
    answer = client.get_web_identity_token(Audience=["databricks"], SigningAlgorithm="ES384")
    assert decoded(answer["WebIdentityToken"].split(".")[1])["sub"] == "arn:aws:iam::111122223333:role/databricks"


def test_only_such_a_token_is_accepted_and_only_by_its_audience(aws: AwsServer, tokens: WebIdentityTokens) -> None:
    token = str(ask(aws, Audience=["databricks", "other"])["WebIdentityToken"])
    assert tokens.accepts(token, audience="databricks")
    assert tokens.accepts(token, audience="other")
    assert not tokens.accepts(token, audience="third")
    assert not tokens.accepts(f"{token}x", audience="databricks")
    assert ask(aws)["WebIdentityToken"] != token


def test_an_expired_token_is_not_accepted(tokens: WebIdentityTokens) -> None:
    token = tokens.issue(audience=["databricks"], seconds=0, algorithm="RS256", subject="arn:aws:iam::1:role/r")
    assert not tokens.accepts(token, audience="databricks")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Audience": []}, "Audience has 0 entries. It must have 1 to 10."),
        ({"Audience": [f"a{number}" for number in range(11)]}, "Audience has 11 entries. It must have 1 to 10."),
        ({"DurationSeconds": 59}, "DurationSeconds is 59. It must be 60 to 3600."),
        ({"DurationSeconds": 3601}, "DurationSeconds is 3601. It must be 60 to 3600."),
        ({"SigningAlgorithm": "HS256"}, "SigningAlgorithm is HS256. It must be one of RS256, ES384."),
    ],
)
def test_a_bad_request_says_what_is_wrong(aws: AwsServer, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ClientError) as error:
        ask(aws, **fields)
    assert error.value.response["Error"] == {"Code": "ValidationError", "Message": message, "Type": "Sender"}
