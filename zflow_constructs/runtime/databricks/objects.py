"""JSON objects in the workspace's own bucket."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from aws import S3, AwsError, code_of, describe, passes
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody
from concealment import Concealment
from documents import Document, children, parse, text
from errors import AuthError, DatabricksError, Throttled


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Reads and writes JSON objects.

    S3 is strongly consistent: what was written is what the next read, and the next listing, shows.

    Args:
        s3: An S3 client.
        bucket: The bucket's name.
        concealment: What is written passes through it.
    """

    s3: S3
    bucket: str
    concealment: Concealment

    def uri(self, key: str) -> str:
        """Where an object is."""
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> Document | None:
        """An object; None if it isn't there.

        Raises:
            Throttled: S3 was not reached, or was busy.
            AuthError: The function may not read it.
        """
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            return parse(body.read()) if isinstance(body, StreamingBody) else {}
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise self._failure("read", key, error) from None

    def write(self, key: str, document: Document) -> None:
        """Write an object.

        Raises:
            Throttled: S3 was not reached, or was busy.
            AuthError: The function may not write it.
        """
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=self._body(document), ContentType="application/json")
        except (ClientError, BotoCoreError) as error:
            raise self._failure("write", key, error) from None

    def create(self, key: str, document: Document) -> str:
        """Write an object if none is there, and tell the version written; nothing if there was one.

        Raises:
            Throttled: S3 was not reached, or was busy.
            AuthError: The function may not write it.
        """
        try:
            written = self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=self._body(document),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == "PreconditionFailed":
                return ""
            raise self._failure("write", key, error) from None
        return text(written, "ETag")

    def replace(self, key: str, document: Document, *, version: str) -> bool:
        """Write over a version of an object, and tell whether it was still that one.

        Raises:
            Throttled: S3 was not reached, or was busy.
            AuthError: The function may not write it.
        """
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=self._body(document),
                ContentType="application/json",
                IfMatch=version,
            )
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == "PreconditionFailed":
                return False
            raise self._failure("write", key, error) from None
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin like this.

        Raises:
            Throttled: S3 was not reached, or was busy.
            AuthError: The function may not list them.
        """
        page = self._page(prefix, "")
        yield from (text(item, "Key") for item in children(page, "Contents"))
        while token := text(page, "NextContinuationToken"):
            page = self._page(prefix, token)
            yield from (text(item, "Key") for item in children(page, "Contents"))

    def _page(self, prefix: str, token: str) -> Document:
        try:
            if token:
                return self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, ContinuationToken=token)
            return self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        except (ClientError, BotoCoreError) as error:
            raise self._failure("list", prefix, error) from None

    def _body(self, document: Document) -> bytes:
        # Escapes would make a log that isn't English six times as large. What isn't Unicode either stays as it is.
        return self.concealment.hide(json.dumps(document, ensure_ascii=False)).encode(errors="surrogatepass")

    def _failure(self, verb: str, key: str, error: AwsError) -> DatabricksError:
        if passes(error):
            return Throttled(f"S3 did not {verb} {self.uri(key)} in time ({describe(error)}).")
        return AuthError(
            f"The function could not {verb} {self.uri(key)} ({describe(error)}). Its role needs s3:GetObject, "
            f's3:PutObject and s3:ListBucket on the bucket "{self.bucket}" (without the last, S3 denies access to an '
            "object that isn't there), and the use of the bucket's KMS key if it has one. Deploy the workspace's stack "
            "again if the bucket was deleted."
        )
