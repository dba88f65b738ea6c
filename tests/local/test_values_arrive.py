"""Each kind of value, handed over in each way: it arrives as it was declared or produced."""

import json
import math
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.local.evaluations import Evaluations, recorded
from tests.local.values_app import GIVEN, VALUES, synthesized
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.engine import Engine, RunSettings

WAYS = [
    *(("literal", name) for name in VALUES),
    *(("output", name) for name in VALUES),
    *(("report", name) for name, value in VALUES.items() if not isinstance(value, list | dict)),
    *(("parameter", name) for name in GIVEN),
    *(("within", name) for name in VALUES),
]


@dataclass(frozen=True)
class Arrived:
    """What was seen: by the function as JSON, by the others as text."""

    payload: Mapping[str, Json]
    arguments: Mapping[str, str]
    environment: Mapping[str, str]
    hyperparameters: Mapping[str, str]
    decoded_hyperparameters: Mapping[str, Json]
    evaluations: Evaluations


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrived]:
    folder = tmp_path_factory.mktemp("values")
    loaded, settings = load_workflow(synthesized(folder)), RunSettings(folder=folder / "run")
    with recorded() as evaluations, Engine(loaded, settings) as engine:
        result = engine.deploy().run()
        assert result.status == "SUCCEEDED", result.cause
        objects = folder / "run" / "objects"
        trained = [_seen_in(model) for model in objects.glob("*/*/*/*/*/output/model.tar.gz")]
        assert len(trained) == 2
        processed = [json.loads(file.read_text()) for file in objects.glob("*/*/*/*/seen/seen.json")]
        assert len(processed) == 2
        yield Arrived(
            payload=cast("Mapping[str, Mapping[str, Json]]", result.output)["got"],
            arguments={name.removeprefix("--"): text for seen in processed for name, text in seen["arguments"].items()},
            environment={name: text for seen in processed for name, text in seen["environment"].items()},
            hyperparameters={
                name.removeprefix("--"): text for seen in trained for name, text in seen["arguments"].items()
            },
            decoded_hyperparameters={
                name: value for seen in trained for name, value in json.loads(seen["environment"]["SM_HPS"]).items()
            },
            evaluations=evaluations,
        )


def _seen_in(model: Path) -> Mapping[str, Mapping[str, str]]:
    with tarfile.open(model) as archive:
        file = archive.extractfile("seen.json")
        assert file is not None
        seen: Mapping[str, Mapping[str, str]] = json.load(file)
        return seen


def wanted(way: str, name: str) -> Json:
    return {"known": [None, 0.8512340188026428], "r": VALUES[name]} if way == "within" else VALUES[name]


def same(arrived: object, value: object, *, digits: int = 17) -> bool:
    """Whether a value has arrived; a number that only a run knew has 15 digits in a text."""
    match value:
        case float() if digits < 17:
            return isinstance(arrived, float) and math.isclose(arrived, value, rel_tol=10.0 ** (1 - digits))
        case dict():
            return (
                isinstance(arrived, dict)
                and [*arrived] == [*value]
                and all(same(arrived[name], value[name], digits=digits) for name in value)
            )
        case list():
            return (
                isinstance(arrived, list)
                and len(arrived) == len(value)
                and all(same(*pair, digits=digits) for pair in zip(arrived, value, strict=True))
            )
        case _:
            return type(arrived) is type(value) and arrived == value


def same_text(text: str, value: Json, *, digits: int) -> bool:
    return text == value if isinstance(value, str) else same(json.loads(text), value, digits=digits)


@pytest.mark.parametrize(("way", "name"), WAYS)
def test_a_function_gets_it_as_json(arrived: Arrived, way: str, name: str) -> None:
    assert same(arrived.payload[f"{way}_{name}"], wanted(way, name))


@pytest.mark.parametrize(("way", "name"), WAYS)
def test_a_script_gets_it_as_text(arrived: Arrived, way: str, name: str) -> None:
    digits = 17 if way == "literal" else 15
    if way == "literal" and VALUES[name] is None:
        assert f"{way}_{name}" not in {**arrived.arguments, **arrived.environment, **arrived.hyperparameters}
        return
    assert same_text(arrived.environment[f"{way}_{name}"], wanted(way, name), digits=digits)
    if way in {"literal", "output"} and name != "lines":
        assert same_text(arrived.arguments[f"{way}_{name}"], wanted(way, name), digits=digits)


@pytest.mark.parametrize(("way", "name"), WAYS)
def test_a_training_script_gets_a_text_again_though_its_toolkit_decodes_json(
    arrived: Arrived, way: str, name: str
) -> None:
    value, digits = wanted(way, name), 17 if way == "literal" else 15
    if way == "literal" and value is None:
        return
    decoded = arrived.decoded_hyperparameters[f"{way}_{name}"]
    if isinstance(value, list | dict):
        assert isinstance(decoded, str)
        assert same(json.loads(decoded), value, digits=digits)
        assert same(json.loads(arrived.hyperparameters[f"{way}_{name}"]), value, digits=digits)
    else:
        assert same(decoded, value, digits=digits)
        if isinstance(value, str):
            assert arrived.hyperparameters[f"{way}_{name}"] == value


def test_the_reference_implementation_evaluates_all_expressions_of_the_run_to_the_same_values(arrived: Arrived) -> None:
    assert len(arrived.evaluations.repeatable) > 10
    assert arrived.evaluations.differences() == []
