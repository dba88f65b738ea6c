"""AWS as the function sees it: moto's Secrets Manager and S3 over HTTP, and a token service of our own."""

import json
import threading
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import cast
from urllib.parse import parse_qs

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from urllib3.response import HTTPResponse

from tests.waiting import LIMIT_SECONDS

REGION = "eu-central-1"
ROLE = "arn:aws:iam::111122223333:role/databricks"
ISSUER = "https://11112222.tokens.sts.global.api.aws"
ONE_TRY = Config(retries={"total_max_attempts": 1}, connect_timeout=LIMIT_SECONDS, read_timeout=LIMIT_SECONDS)
AWS = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


class Secrets:
    """Secrets in moto's Secrets Manager, over HTTP."""

    def __init__(self, url: str) -> None:
        self.client = AWS.client("secretsmanager", endpoint_url=url, config=ONE_TRY)

    def create(self, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return self.client.create_secret(Name=f"databricks-{uuid.uuid4()}", SecretString=text)["ARN"]

    def rotate(self, arn: str, value: object) -> None:
        self.client.put_secret_value(SecretId=arn, SecretString=json.dumps(value))


class Bucket:
    """A bucket in moto's S3, over HTTP; `on_call` is told of each call and may answer it in S3's place."""

    def __init__(self, url: str) -> None:
        self.name = f"databricks-{uuid.uuid4()}"
        self.client = AWS.client("s3", endpoint_url=url, config=ONE_TRY)
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.calls: list[str] = []
        self.before: Callable[[str], AWSResponse | None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.client.meta.events.register("before-send.s3", cast("Callable[..., None]", self._before))
        self.client.meta.events.register("after-call.s3", self._after)

    def documents(self, prefix: str = "") -> dict[str, dict[str, object]]:
        """All objects whose keys begin like this, by their keys."""
        return {key: json.loads(body) for key, body in self.texts(prefix).items()}

    def texts(self, prefix: str = "") -> dict[str, str]:
        hooks = self.before, self.after
        self.before, self.after = lambda _: None, lambda _: None
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        bodies = {key: self.client.get_object(Bucket=self.name, Key=key)["Body"].read().decode() for key in keys}
        self.before, self.after = hooks
        return bodies

    def put(self, key: str, document: object) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=json.dumps(document).encode())

    def _before(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        path = str(request.url).partition(self.name)[2].partition("?")[0].strip("/")
        call = f"{request.method} {path.rpartition('/')[2] if '/runs/' not in path else 'record'}".strip()
        self.calls.append(call)
        return self.before(call)

    def _after(self, **_: object) -> None:
        self.after(self.calls[-1])


def s3_refuses(status: int, code: str) -> AWSResponse:
    """An error of S3's."""
    body = f"<Error><Code>{code}</Code><Message>{code} it is.</Message></Error>".encode()
    raw = HTTPResponse(BytesIO(body), status=status, preload_content=False)
    return AWSResponse("", status, HTTPHeaders.from_dict({"content-type": "application/xml"}), raw)


def web_identity_token(audience: str) -> str:
    """A token like those of AWS, whose signature nobody here verifies."""
    parts: list[object] = [{"alg": "RS256"}, {"iss": ISSUER, "sub": ROLE, "aud": audience}]
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature-of-the-role"])


@dataclass
class TokenService:
    """STS's GetWebIdentityToken, which moto lacks; answers with `error` if there is one, as status and code."""

    url: str = ""
    error: tuple[int, str] | None = None
    asked: int = 0

    def answer(self, form: Mapping[str, str]) -> tuple[int, str]:
        self.asked += 1
        assert form["Action"] == "GetWebIdentityToken"
        assert (form["DurationSeconds"], form["SigningAlgorithm"]) == ("300", "RS256")
        if self.error:
            status, code = self.error
            return status, f"<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
        token = web_identity_token(form["Audience.member.1"])
        result = f"<WebIdentityToken>{token}</WebIdentityToken><Expiration>2030-01-01T00:00:00Z</Expiration>"
        return 200, (
            '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<GetWebIdentityTokenResult>{result}</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
        )


@dataclass(frozen=True)
class Cloud:
    """What there is on AWS."""

    secrets: Secrets
    bucket: Bucket
    tokens: TokenService


@contextmanager
def serve_tokens(service: TokenService) -> Iterator[TokenService]:
    """Serve a token service at 127.0.0.1 as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, text = service.answer({name: values[0] for name, values in parse_qs(body).items()})
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
