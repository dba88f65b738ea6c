"""The description of the Jobs API, and the requests that are made by it, against Databricks' own SDK."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Protocol

import pytest
from databricks.sdk.service import jobs

from tests.core.machines import mapping
from tests.databricks.test_job_step import Example, Watched, payload
from tests.databricks.test_tasks import JOBS, SUBMITTED
from tools.generate_databricks_api import API, OPERATIONS, described
from zflow_constructs.core.values.templates import Json


class Part(Protocol):
    """A dataclass of the SDK."""

    def as_dict(self) -> dict[str, Json]: ...


class PartType(Protocol):
    """What reads one out of JSON."""

    def from_dict(self, d: dict[str, Json], /) -> Part: ...


LISTS: Mapping[str, PartType] = {
    "access_control_list": jobs.JobAccessControlRequest,
    "environments": jobs.JobEnvironment,
    "tasks": jobs.SubmitTask,
}
OBJECTS: Mapping[str, PartType] = {
    "email_notifications": jobs.JobEmailNotifications,
    "git_source": jobs.GitSource,
    "queue": jobs.QueueSettings,
}


def submitted() -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The requests of all runs that the tests of the constructs submit."""
    yield from ((name, request) for name, (_, request) in SUBMITTED.items())
    example = Example()
    for step in ("Minimal", "Max Out", "Evaluate"):
        yield step, mapping(payload(example, step)["request"])
    arguments = mapping(Watched().state("Backfill: watch")["Arguments"])
    yield "Backfill", mapping(mapping(mapping(arguments["Input"])["event"])["request"])


def sent(value: Json, name: str = "") -> Json:
    """A request as the Lambda sends it: with the ids of jobs as numbers."""
    match value:
        case str() if name == "job_id":
            return int(value)
        case Mapping():
            return {field: sent(below, field) for field, below in value.items()}
        case list():
            return [sent(below) for below in value]
        case _:
            return value


def as_the_sdk_knows_it(request: Mapping[str, Json]) -> dict[str, Json]:
    """The request, read into the SDK's dataclasses and written again: what they don't know is lost."""
    known = dict(request)
    for name, kind in LISTS.items():
        if name in request:
            entries = request[name]
            assert isinstance(entries, list)
            known[name] = [kind.from_dict(dict(mapping(entry))).as_dict() for entry in entries]
    for name, kind in OBJECTS.items():
        if name in request:
            known[name] = kind.from_dict(dict(mapping(request[name]))).as_dict()
    return known


def test_the_description_is_what_the_installed_sdk_says() -> None:
    assert json.loads(API.read_text(encoding="utf-8")) == described(), "run: python tools/generate_databricks_api.py"


def test_every_run_that_is_submitted_is_known_to_the_sdk_to_its_last_field() -> None:
    fields = inspect.signature(OPERATIONS["SubmitRun"]).parameters
    compared = 0
    for name, request in submitted():
        run = mapping(sent(request))
        assert set(run) <= set(fields), name
        assert as_the_sdk_knows_it(run) == run, name
        compared += 1
    assert compared == len(SUBMITTED) + 4


@pytest.mark.parametrize("request_", [request for _, request in JOBS.values()], ids=JOBS)
def test_every_job_that_is_run_is_known_to_the_sdk_to_its_last_field(request_: Mapping[str, Json]) -> None:
    run = mapping(sent(request_))
    assert set(run) <= set(inspect.signature(OPERATIONS["RunNow"]).parameters)
    assert as_the_sdk_knows_it(run) == run


def test_a_field_that_the_sdk_does_not_know_would_be_noticed() -> None:
    misspelt: dict[str, Json] = {"tasks": [{"task_key": "a", "libraries": [{"whel": "a.whl"}]}]}
    assert as_the_sdk_knows_it(misspelt) == {"tasks": [{"task_key": "a", "libraries": [{}]}]}
