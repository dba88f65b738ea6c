"""The workflow's Lambda function: it compares the models of the countries with the common one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt
from statistics import fmean, stdev
from typing import TypedDict
from urllib.parse import urlparse

import boto3

s3 = boto3.client("s3")


class Country(TypedDict):
    """A country of the list that the loop has gone through."""

    name: str
    training: int
    test: int


class Iteration(TypedDict):
    """What an iteration of the loop gave."""

    item: Country
    predictions: str
    mae: float
    version: int | None


class Row(TypedDict):
    """What there is to say of a country."""

    country: str
    learnt: int
    tested: int
    own_mae: float
    common_mae: float
    gain: float
    gain_error: float
    own_is_better: bool
    sure: bool
    version: int | None


class Event(TypedDict):
    """The step's payload."""

    iterations: Sequence[Iteration]
    common: str
    to: str


def compare(event: Event, _context: object) -> Mapping[str, Sequence[Row]]:
    """Compare the models car by car, and write the table as JSON and as a page."""
    table = [_row(iteration, event["common"]) for iteration in event["iterations"]]
    _write(event["to"] + "countries.json", json.dumps(table, indent=1), "application/json")
    _write(event["to"] + "countries.html", page(table), "text/html; charset=utf-8")
    return {"table": table}


def _row(iteration: Iteration, common: str) -> Row:
    """A gain of more than twice its error is no chance, 95 times of 100."""
    country = iteration["item"]
    file = f"{country['name']}.csv.out"
    own_cars, common_cars = _cars(iteration["predictions"] + file), _cars(common + file)
    if [actual for actual, _ in own_cars] != [actual for actual, _ in common_cars]:
        raise ValueError(f"the two models were not tested with the same cars of {country['name']}")
    own, common_errors = ([abs(actual - miles) for actual, miles in cars] for cars in (own_cars, common_cars))
    gains = [theirs - ours for theirs, ours in zip(common_errors, own, strict=True)]
    gain, error = fmean(gains), stdev(gains) / sqrt(len(gains))
    return {
        "country": country["name"],
        "learnt": country["training"],
        "tested": country["test"],
        "own_mae": iteration["mae"],
        "common_mae": fmean(common_errors),
        "gain": gain,
        "gain_error": error,
        "own_is_better": gain > 0,
        "sure": abs(gain) > 2 * error,
        "version": iteration["version"],
    }


def page(table: Sequence[Row]) -> str:
    """The table as a page, with a bar for each error.

    Args:
        table: its rows.
    """
    longest = max(max(row["own_mae"], row["common_mae"]) for row in table)
    rows = "".join(
        f"<tr><td>{escape(row['country'])}<td>{row['learnt']}<td>{row['tested']}"
        f"<td>{_bar(row['own_mae'], longest, 'seagreen')}{_bar(row['common_mae'], longest, 'silver')}"
        f"<td>{row['gain']:+.2f} ± {row['gain_error']:.2f}"
        f"<td>{'its own' if row['own_is_better'] else 'the common one'}{'' if row['sure'] else ', perhaps'}"
        f"<td>{row['version'] or 'not registered'}"
        for row in table
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>A model for each country</title>'
        "<style>body{font:16px sans-serif}td,th{padding:.3em 1em;text-align:left;white-space:nowrap}"
        ".bar{display:inline-block;height:.8em;margin-right:.5em}</style>"
        "<h1>A model for each country</h1><p>Mean absolute error in miles per gallon on cars that no model has seen: "
        "the country's own model in green, the common one in grey.</p>"
        "<table><tr><th>Country<th>Cars learnt<th>Cars tested<th>Error<th>Gain<th>Better<th>Version"
        f"{rows}</table></html>\n"
    )


def _bar(error: float, longest: float, colour: str) -> str:
    style = f"width:{12 * error / longest:.2f}em;background:{colour}"
    return f'<div><span class="bar" style="{style}"></span>{error:.2f}</div>'


def _cars(uri: str) -> list[tuple[float, float]]:
    """The miles per gallon of each car, and those predicted."""
    url = urlparse(uri)
    body = s3.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"))["Body"].read().decode()
    return [(float(actual), float(miles)) for _, actual, miles in csv.reader(io.StringIO(body))]


def _write(uri: str, text: str, content_type: str) -> None:
    url = urlparse(uri)
    s3.put_object(Bucket=url.netloc, Key=url.path.lstrip("/"), Body=text.encode(), ContentType=content_type)
