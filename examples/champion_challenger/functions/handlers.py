"""The workflow's Lambda functions. Each takes the payload of its step, and answers with the step's outputs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import TypedDict
from urllib.parse import urlparse

import boto3

s3 = boto3.client("s3")


class Profile(TypedDict):
    """What `check` has found."""

    rows: int
    bad_share: float


def check(event: Mapping[str, str], _context: object) -> Profile:
    """Read the applications, and refuse those that nobody could learn from."""
    bucket, key = _place(event["applications"])
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    outcomes = [row["creditability"] for row in csv.DictReader(io.StringIO(body))]
    if set(outcomes) != {"good", "bad"}:
        raise ValueError(f"applications are good or bad, and these are {sorted(set(outcomes))}")
    return {"rows": len(outcomes), "bad_share": outcomes.count("bad") / len(outcomes)}


def drift(event: Mapping[str, float], _context: object) -> Mapping[str, float]:
    """By how much the share of bad applications has moved; so much that nobody should trust it: an error."""
    shift = event["bad_share"] - event["expected"]
    if abs(shift) > 0.1:
        raise ValueError(f"{event['bad_share']:.0%} of the applications are bad, and {event['expected']:.0%} should be")
    return {"shift": shift}


def compare(event: Mapping[str, Mapping[str, float]], _context: object) -> Mapping[str, float]:
    """By how much the challenger's AUC is better than the champion's, and how sure that is."""
    champion, challenger = event["champion"], event["challenger"]
    return {
        "gain": challenger["auc"] - champion["auc"],
        "error": math.hypot(champion["auc_error"], challenger["auc_error"]),
    }


def write(event: Mapping[str, object], _context: object) -> Mapping[str, object]:
    """Write a report where it belongs."""
    bucket, key = _place(str(event["to"]))
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(event["report"], indent=1).encode())
    return {}


def publish(event: Mapping[str, str], _context: object) -> Mapping[str, str]:
    """Put a model where those find it who use it."""
    (bucket, key), (trained_in, trained) = _place(event["to"]), _place(event["model"])
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": trained_in, "Key": trained})
    return {"model": event["model"]}


def _place(uri: str) -> tuple[str, str]:
    """The bucket and the key of a location."""
    url = urlparse(uri)
    return url.netloc, url.path.lstrip("/")
