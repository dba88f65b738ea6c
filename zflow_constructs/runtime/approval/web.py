"""HTTP as Lambda's function URLs speak it.

See https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from documents import Document, child, text

_MOST_FIELDS = 10
_LARGEST_BODY = 16_384
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    # Nothing runs, nothing is loaded, nobody frames it; and the address, which holds the key, is told to nobody.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a browser asks for.

    Args:
        method: `GET`, `POST`.
        query: The fields of the address.
        form: The fields of the body.
        address: The caller's IP address.
    """

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    address: str

    @classmethod
    def from_event(cls, event: Document) -> "Request":
        """Read a function URL's event; what can't be read is empty."""
        http = child(child(event, "requestContext"), "http")
        return cls(
            method=text(http, "method"),
            query=_fields(text(event, "rawQueryString")),
            form=_fields(_body(event)),
            address=text(http, "sourceIp"),
        )


def response(status: int, html: str) -> Document:
    """An answer that is a page."""
    return {"statusCode": status, "headers": dict(HEADERS), "body": html, "isBase64Encoded": False}


def _body(event: Document) -> str:
    body = text(event, "body")
    if len(body) > _LARGEST_BODY:
        return ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode(errors="replace")
    except binascii.Error:
        return ""


def _fields(encoded: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(encoded, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
