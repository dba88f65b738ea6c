"""The run parameters of a workflow: its first state, executed, and the checks before any execution."""

from collections.abc import Mapping

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from tests.asl import ROOT
from tests.core.machines import ExecutionFailedError, compiled, mapping, of_states, run
from tests.core.reference import reference_values
from tests.core.values.test_parameters import ALL, VALUES, right
from zflow_constructs.core.states.asl import EXIT, Pass
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.parameters import RunParameter, Value
from zflow_constructs.core.values.templates import Json, Scope

COUNTRY = RunParameter.one_of("de", "fr", default="de")
SCORING = RunParameters.of(
    "Scoring",
    {
        "country": COUNTRY,
        "rounds": RunParameter.integer(default=100, least=1, most=1000),
        "eta": 0.05,
        "dry": False,
        "day": RunParameter.date(default="today"),
        "channels": ["web"],
        "cuts": RunParameter.numbers(default=[]),
        "model-version": RunParameter.string(pattern=r"v\d+"),
    },
)
DEFAULTS: Mapping[str, Json] = {
    "country": "de",
    "rounds": 100,
    "eta": 0.05,
    "dry": False,
    "day": "2026-11-23",
    "channels": ["web"],
    "cuts": [],
}


def parameters(declared: RunParameters, given: Json) -> Json:
    """What `$parameters` is in an execution with an input."""
    show = of_states("Show", {"Show": Pass(assign={"Show": Jsonata("$parameters")})})
    return mapping(run(compiled(show, start=declared.start()), given=given).output)["Show"]


def cause(declared: RunParameters, given: Json) -> str:
    """Why an execution refuses an input."""
    with pytest.raises(ExecutionFailedError) as raised:
        parameters(declared, given)
    error, said = raised.value.args
    assert error == "Zflow.InvalidParameters"
    return str(said)


def test_the_first_state_completes_what_is_right_and_leads_what_is_wrong_to_its_end() -> None:
    declared = RunParameters.of("Scoring", {"country": COUNTRY, "dry": RunParameter.boolean()})
    problems = (
        "($input := $states.context.Execution.Input; "
        "$show := function($value) { "
        "$substring($type($value) = 'string' ? '\"' & $value & '\"' : $string($value), 0, 100) }; "
        "$check := function($name, $allowed, $required, $right) {( $value := $lookup($input, $name); "
        "$found := $exists($value) ? ($right($value) ? '' : $show($value)) : ($required ? 'missing' : ''); "
        "$found = '' ? [] : '\"' & $name & '\" is ' & $found & ', and must be ' & $allowed )}; "
        "$type($input) != 'object' ? ['the input is ' & $show($input) & ', and must be an object'] : "
        '($unknown := $keys($input)[$not($ in ["country", "dry", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"])]; '
        '[$check("country", "one of \\"de\\", \\"fr\\"", false, '
        'function($value) { $type($value) = "string" ? $value in ["de", "fr"] : false }), '
        '$check("dry", "true or false", true, function($value) { $type($value) = "boolean" }), '
        "$exists($unknown) ? 'it has no \"' & $join($unknown, '\", \"') & '\"' & "
        '", only \\"country\\", \\"dry\\"" : []]))'
    )
    assert {name: state.render(Scope()) for name, state in declared.start().items()} == {
        "Parameters": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": f"{{% $count({problems}) = 0 %}}",
                    "Assign": {"parameters": '{% $merge([{"country": "de"}, $states.input]) %}'},
                    "Next": EXIT,
                }
            ],
            "Default": "Parameters: refused",
            "Output": {},
        },
        "Parameters: refused": {
            "Type": "Fail",
            "Error": "Zflow.InvalidParameters",
            "Cause": '{% $substring("MlWorkflow \\"Scoring\\" can\'t run with this input: " & '
            f'$join({problems}, "; ") & ".", 0, 10000) %}}',
        },
    }


def test_a_date_becomes_its_day() -> None:
    declared = RunParameters.of("Scoring", {"day": RunParameter.date(default="today"), "n": 1})
    (rule,) = choices(declared)
    assert mapping(rule["Assign"]) == {
        "parameters": '{% ($given := $merge([{"day": $states.context.Execution.StartTime, "n": 1}, $states.input]); '
        '$merge([$given, {"day": $substring($given.day, 0, 10)}])) %}'
    }


def choices(declared: RunParameters) -> list[Mapping[str, Json]]:
    """The rules of the first state."""
    rules = declared.start()["Parameters"].render(Scope())["Choices"]
    assert isinstance(rules, list)
    return [mapping(rule) for rule in rules]


def test_a_workflow_without_parameters_has_no_state_for_them() -> None:
    assert RunParameters.of("Scoring", {}).start() == {}


def test_a_run_has_the_defaults_of_what_it_does_not_give() -> None:
    assert parameters(SCORING, {"model-version": "v1"}) == {**DEFAULTS, "model-version": "v1"}


def test_a_run_that_another_workflow_starts_is_not_refused_for_what_step_functions_adds() -> None:
    given: Json = {"model-version": "v1", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn"}
    assert parameters(SCORING, given) == {**DEFAULTS, **mapping(given)}


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("country", "fr", "fr"),
        ("rounds", 1, 1),
        ("eta", 0, 0),
        ("dry", True, True),
        ("day", "2024-02-29", "2024-02-29"),
        ("day", "2026-11-24T03:00:00Z", "2026-11-24"),
        ("channels", [], []),
        ("channels", ["app"], ["app"]),
        ("cuts", [0.5], [0.5]),
    ],
)
def test_a_run_has_what_it_gives(name: str, value: Json, becomes: Json) -> None:
    assert parameters(SCORING, {"model-version": "v1", name: value}) == {
        **DEFAULTS,
        "model-version": "v1",
        name: becomes,
    }


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("country", "it", '"country" is "it", and must be one of "de", "fr"'),
        ("country", None, '"country" is null, and must be one of "de", "fr"'),
        ("rounds", 1.5, '"rounds" is 1.5, and must be an integer from 1 up to 1000'),
        ("rounds", 1001, '"rounds" is 1001, and must be an integer from 1 up to 1000'),
        ("eta", "0.1", '"eta" is "0.1", and must be a number'),
        ("dry", 1, '"dry" is 1, and must be true or false'),
        ("day", "2026-02-30", '"day" is "2026-02-30", and must be a date such as 2026-11-24'),
        ("channels", "web", '"channels" is "web", and must be a list of strings'),
        ("channels", ["web", None], '"channels" is ["web",null], and must be a list of strings'),
        ("cuts", [1, "2"], '"cuts" is [1,"2"], and must be a list of numbers'),
        ("cuts", {"a": [1]}, '"cuts" is {"a":[1]}, and must be a list of numbers'),
        ("model-version", "1", r'"model-version" is "1", and must be a string that matches v\d+'),
    ],
)
def test_a_wrong_value_is_refused_with_what_came_and_what_is_allowed(name: str, value: Json, complaint: str) -> None:
    values: dict[str, Json] = {"model-version": "v1", name: value}
    assert SCORING.complaint(values) == f"{complaint}."
    assert cause(SCORING, values) == f'MlWorkflow "Scoring" can\'t run with this input: {complaint}.'


def test_everything_that_is_wrong_is_told_at_once() -> None:
    values: dict[str, Json] = {"countri": "fr", "rounds": 0, "deep": True}
    complaint = (
        '"rounds" is 0, and must be an integer from 1 up to 1000; "model-version" is missing, and must be a string '
        r'that matches v\d+; it has no "countri", "deep", only "channels", "country", "cuts", "day", "dry", "eta", '
        '"model-version", "rounds".'
    )
    assert cause(SCORING, values) == f'MlWorkflow "Scoring" can\'t run with this input: {complaint}'
    assert SCORING.complaint(values) == f'{complaint} Did you mean "country"?'


def test_the_page_shows_what_a_run_is_told() -> None:
    declared = RunParameters.of(
        "Scoring",
        {
            "country": COUNTRY,
            "rounds": RunParameter.integer(default=100, least=1, most=1000),
            "day": RunParameter.date(default="today"),
            "eta": 0.05,
        },
    )
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0]
    assert " ".join(shown.split()) == cause(declared, {"country": "it", "rounds": 0, "dy": "2026-11-24"})


@pytest.mark.parametrize(
    "given", [{"model-version": "v1"}, {"model-version": "v1", "day": "2024-02-29T03:00Z", "channels": [], "cuts": [1]}]
)
def test_the_reference_implementation_of_jsonata_lets_the_same_pass(given: dict[str, Json]) -> None:
    assert in_reference(given) == [True, parameters(SCORING, given)]


@pytest.mark.parametrize(
    "given", [{}, [1], [], "de", 5, False, {"countri": None, "deep": 1, "eta": "x", "channels": ["web", None]}]
)
def test_the_reference_implementation_of_jsonata_refuses_the_same_in_the_same_words(given: Json) -> None:
    assert in_reference(given) == [False, cause(SCORING, given)]


def in_reference(given: Json) -> list[Json]:
    """Whether the reference implementation lets an input pass, and what then are the parameters or the cause."""
    states = {name: state.render(Scope()) for name, state in SCORING.start().items()}
    (rule,) = choices(SCORING)
    execution: Json = {"Input": given, "StartTime": "2026-11-23T03:00:04.125Z"}
    variables: dict[str, Json] = {"states": {"input": given, "context": {"Execution": execution}}}
    (passes,) = reference_values([(expression(rule["Condition"]), variables)])
    told = mapping(rule["Assign"])["parameters"] if passes else states["Parameters: refused"]["Cause"]
    return [passes, *reference_values([(expression(told), variables)])]


def expression(template: Json) -> str:
    """The JSONata of a template."""
    return str(template).removeprefix("{% ").removesuffix(" %}")


@pytest.mark.parametrize(("given", "shown"), [([1], "[1]"), ([], "[]"), ("fr", '"fr"'), (5, "5"), (False, "false")])
def test_an_input_that_is_no_object_is_refused(given: Json, shown: str) -> None:
    assert cause(SCORING, given) == (
        f'MlWorkflow "Scoring" can\'t run with this input: the input is {shown}, and must be an object.'
    )


def test_a_long_value_is_cut_and_a_cause_is_never_longer_than_step_functions_takes() -> None:
    declared = RunParameters.of("Scoring", {"n": 1})
    assert cause(declared, {"n": "x" * 1000}) == (
        f'MlWorkflow "Scoring" can\'t run with this input: "n" is "{"x" * 99}, and must be a number.'
    )
    assert declared.complaint({"n": "x" * 1000}) == f'"n" is "{"x" * 99}, and must be a number.'
    assert len(cause(declared, {f"parameter{number}": 1 for number in range(2000)})) == 10_000


def test_a_schedule_fills_its_attributes_in() -> None:
    declared = RunParameters.of(
        "Scoring", {"day": RunParameter.date(), "id": "", "attempt": RunParameter.string(pattern=r"attempt \d+")}
    )
    declared.check_schedule(
        {
            "day": "<aws.scheduler.scheduled-time>",
            "id": "<aws.scheduler.schedule-arn>/<aws.scheduler.execution-id>",
            "attempt": "attempt <aws.scheduler.attempt-number>",
        }
    )


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, '"model-version" is missing, and must be a string that matches v\\d+.'),
        (
            {"model-version": "<aws.scheduler.execution-id>"},
            '"model-version" is "d32c5kddcf5bb8c3", and must be a string that matches v\\d+.',
        ),
        (
            {"model-version": "v1", "day": "<aws.scheduler.execution-id>"},
            '"day" is "d32c5kddcf5bb8c3", and must be a date such as 2026-11-24.',
        ),
        ({"model-version": "v1", "rounds": 0}, '"rounds" is 0, and must be an integer from 1 up to 1000.'),
        (
            {"model-version": "v1", "round": 5},
            f'it has no "round", only {one_of(SCORING.declared)}. Did you mean "rounds"?',
        ),
    ],
)
def test_a_schedule_is_refused_where_its_runs_would_be(values: dict[str, Value], complaint: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        SCORING.check_schedule(values)
    assert str(raised.value) == f'MlWorkflow "Scoring" can\'t run with its schedule_parameters: {complaint}'


def test_a_schedule_sets_nothing_where_nothing_is_declared() -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameters.of("Scoring", {}).check_schedule({"land": "at"})
    assert str(raised.value) == 'MlWorkflow "Scoring" can\'t run with its schedule_parameters: it has no "land".'


@pytest.mark.parametrize("name", ["", "1st", "-x", "a b", "a`b", "a=b", "ü"])
def test_a_name_is_one_that_the_command_line_and_jsonata_read(name: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameters.of("Scoring", {name: 1})
    assert str(raised.value) == (
        f'MlWorkflow "Scoring": the run parameter "{name}" has no such name: use letters, digits, _ and -, with no '
        "digit and no - first."
    )


def test_a_value_that_is_no_default_is_refused_by_its_name() -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameters.of("Scoring", {"cuts": []})
    assert str(raised.value) == (
        'MlWorkflow "Scoring": the run parameter "cuts" received []. Give its default, which is a string, a finite '
        "number, True, False or a list of strings or of numbers; or a RunParameter, such as "
        "RunParameter.strings(default=[])."
    )


RIGHT = st.one_of([st.tuples(st.just(parameter), right(parameter)) for parameter in ALL])
ANY = st.tuples(st.sampled_from(ALL), VALUES)
INPUTS = st.dictionaries(st.sampled_from(["a", "b", "c-d"]), RIGHT | ANY, min_size=1)


@settings(max_examples=150, deadline=None)
@given_any(INPUTS, st.sampled_from([{}, {"unknown": 1}]))
def test_an_execution_refuses_just_what_a_schedule_may_not_set(
    inputs: dict[str, tuple[RunParameter, Json]], more: dict[str, Json]
) -> None:
    declared = RunParameters("Scoring", {name: parameter for name, (parameter, _) in inputs.items()})
    given = {**{name: value for name, (_, value) in inputs.items()}, **more}
    if declared.complaint(given):
        assert cause(declared, given).startswith('MlWorkflow "Scoring" can\'t run with this input: ')
    else:
        days = {name: str(given[name])[:10] for name, (parameter, _) in inputs.items() if parameter.kind == "date"}
        assert parameters(declared, given) == {**given, **days}
