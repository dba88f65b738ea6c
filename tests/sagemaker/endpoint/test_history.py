"""Which of an endpoint's earlier configurations and models are deleted, and what their names are."""

from collections.abc import Sequence

import pytest
from constructs import Construct

import zflow_constructs as zflow
from tests.core.machines import CONTEXT, evaluate, mapping
from tests.parts import model, stack
from tests.templates import Synthesized, inside
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.sagemaker.endpoint.states.history import EndpointHistory
from zflow_constructs.sagemaker.endpoint.states.state import shortened
from zflow_constructs.steps.retry import THROTTLING


def config(age: int, *, endpoint: str = "risk-scoring") -> str:
    """The name of a configuration, or of a model, of an endpoint."""
    return f"{endpoint}-{age:020}"


def history(kept: int) -> EndpointHistory:
    return EndpointHistory("Endpoint", "Endpoint", JobName("Endpoint", base="risk-scoring"), kept, (THROTTLING,))


def deleted(*found: str, kept: int, before: str = "", serving: str = config(0)) -> Json:
    """Which of the configurations that are found, the newest first, are deleted."""
    first = history(kept).states()["Endpoint: configurations"].render(Scope())
    return evaluate(
        inside(mapping(first["Assign"])["Endpoint_old"]),
        {
            "Endpoint_config": serving,
            "Endpoint_before": before,
            "states": {"result": {"EndpointConfigs": [{"EndpointConfigName": name} for name in found]}},
        },
    )


def ages(*numbers: int) -> list[str]:
    return [config(number) for number in numbers]


@pytest.mark.parametrize(
    ("found", "old"),
    [([], []), ([0], []), ([0, 1], []), ([0, 1, 2], []), ([0, 1, 2, 3], [3]), ([0, 1, 2, 3, 4], [3, 4])],
)
def test_all_but_the_newest_are_deleted(found: Sequence[int], old: Sequence[int]) -> None:
    assert deleted(*ages(*found), kept=2, before=config(1)) == ages(*old)


@pytest.mark.parametrize(("found", "old"), [([], []), ([0], []), ([0, 1], [1]), ([0, 1, 2], [1, 2])])
def test_none_is_kept_beside_the_one_that_serves_where_none_is_to_be_kept(
    found: Sequence[int], old: Sequence[int]
) -> None:
    assert deleted(*ages(*found), kept=0, before=config(1)) == ages(*old)


def test_the_one_that_served_before_is_kept_though_newer_ones_failed_since() -> None:
    assert deleted(*ages(0, 1, 2, 3, 4), kept=1, before=config(3)) == ages(1, 2, 4)
    assert deleted(*ages(0, 1, 2, 3, 4), kept=2, before=config(3)) == ages(2, 4)


def test_the_one_in_service_is_never_deleted_however_old_it_is() -> None:
    assert deleted(*ages(1, 2, 3, 0), kept=0, serving=config(0)) == ages(1, 2, 3)


def test_the_configurations_of_an_endpoint_whose_name_contains_this_one_s_are_left() -> None:
    others = [config(1, endpoint=name) for name in ("risk-scoring-de", "new-risk-scoring", "risk-scorin")]
    by_hand = ["risk-scoring-2026", "risk-scoring-", f"{config(1)}0"]
    assert deleted(config(0), *others, *by_hand, config(2), kept=0) == [config(2)]


def models_of(*named: str, shadow: Sequence[str] = ()) -> Json:
    """Which models are deleted with a configuration."""
    processor = mapping(history(0).states()["Endpoint: old configurations"].render(Scope())["ItemProcessor"])
    described = mapping(mapping(processor["States"])["Endpoint: old configuration"])
    variants: dict[str, Json] = {"ProductionVariants": [{"ModelName": name} for name in named]}
    if shadow:
        variants["ShadowProductionVariants"] = [{"ModelName": name} for name in shadow]
    result = {"EndpointConfigName": config(1), **variants}
    output = mapping(described["Output"])
    assert evaluate(inside(output["configuration"]), {"states": {"result": result}}) == config(1)
    return evaluate(inside(output["models"]), {"states": {"result": result}})


def test_the_models_that_were_made_for_a_configuration_are_deleted_with_it() -> None:
    assert models_of(config(1)) == [config(1)]
    assert models_of(config(1), config(2)) == [config(1), config(2)]
    assert models_of(config(1), shadow=[config(2)]) == [config(1), config(2)]


def test_a_model_of_somebody_else_s_is_never_deleted() -> None:
    assert models_of("scoring-2026") == []
    assert models_of("scoring-2026", config(1), config(1, endpoint="risk-scoring-de")) == [config(1)]


def test_what_can_t_be_deleted_is_left_and_the_others_are_deleted() -> None:
    state = history(3).states()["Endpoint: old configurations"].render(Scope())
    assert (state["Items"], state["MaxConcurrency"]) == ("{% $Endpoint_old %}", 1)
    states = mapping(mapping(state["ItemProcessor"])["States"])
    left = [{"ErrorEquals": ["States.ALL"], "Next": "Endpoint: left for the next run"}]
    assert mapping(states["Endpoint: old configuration"])["Catch"] == left
    assert mapping(states["Endpoint: delete configuration"])["Catch"] == left
    assert states["Endpoint: left for the next run"] == {"Type": "Pass", "Output": {}, "End": True}
    models = mapping(states["Endpoint: old models"])
    assert models["Items"] == "{% [$states.input.models] %}"
    inner = mapping(mapping(models["ItemProcessor"])["States"])
    assert list(inner) == ["Endpoint: old model", "Endpoint: model stays"]
    assert mapping(inner["Endpoint: old model"])["Catch"] == [
        {"ErrorEquals": ["States.ALL"], "Next": "Endpoint: model stays"}
    ]


def test_the_configurations_are_looked_for_the_newest_first() -> None:
    first = history(3).states()["Endpoint: configurations"].render(Scope())
    assert first["Arguments"] == {
        "NameContains": "risk-scoring-",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 100,
    }


# Names


@pytest.mark.parametrize("length", [1, 41, 42, 43, 44, 62, 63])
def test_the_names_of_models_and_configurations_stay_within_63_characters(length: int) -> None:
    scope = stack()
    step = zflow.InferencePipelineEndpoint(
        scope, "Endpoint", containers=[model(scope)], endpoint_name="e" * (length - 1) + "1"
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    made = Synthesized.of(scope)
    for state, field in (("model", "ModelName"), ("config", "EndpointConfigName")):
        name = mapping(made.state(f"Endpoint: {state}")["Arguments"])[field]
        context = {**CONTEXT, "Execution": {**mapping(CONTEXT["Execution"]), "RedriveCount": 0}}
        value = str(evaluate(inside(name), {"states": {"context": context}}))
        assert len(value) == min(length, 42) + 21
        assert value.startswith(f"{shortened(step.endpoint_name)}-")


def test_two_long_names_that_begin_alike_have_names_of_their_own() -> None:
    alike = "risk-scoring-of-payments-in-the-region-of-"
    assert len(alike) == 42
    bases = {shortened(f"{alike}{country}") for country in ("berlin", "hamburg")}
    assert len(bases) == 2
    assert all(len(base) <= 42 for base in bases)
    prefixes = [JobName("Endpoint", base=base).prefix("Scoring") for base in sorted(bases)]
    assert [prefix.removesuffix("-") for prefix in prefixes] == sorted(bases)


def test_a_long_name_that_is_cut_at_a_dash_has_no_two_of_them() -> None:
    base = shortened(f"{'a' * 32}-{'b' * 20}")
    assert base.startswith(f"{'a' * 32}-")
    assert "--" not in base


def test_a_name_made_of_a_long_path_has_no_two_dashes_either() -> None:
    scope = stack()
    inner = Construct(Construct(scope, "B" * 21), "C" * 20)
    step = zflow.InferencePipelineEndpoint(inner, "D" * 25, containers=[model(scope)])
    assert step.endpoint_name.startswith(f"team-{'b' * 21}-{'d' * 25}-")
