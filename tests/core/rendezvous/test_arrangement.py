"""What the steps' declarations mean together: who waits for whom, who reads what, who may be skipped."""

from dataclasses import replace

from tests.core.machines import compiled, mapping, run, state_names, step, value_of
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.ordering.graph import Series
from zflow_constructs.core.rendezvous.arrangement import END, arrange, needless_waits
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.fields import fields_read
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Scope

MAY = Parameter("may") == True  # noqa: E712


def n_shape(*, read: bool = True) -> list[StepNode]:
    """C comes after A alone, D after A and B."""
    d = step("D", uses=["A", "B"]) if read else step("D", uses=["A"], after=["B"])
    return [step("A"), step("B"), step("C", uses=["A"]), d]


def test_an_edge_that_nesting_cannot_express_is_a_wait_and_what_is_read_along_it_is_fetched() -> None:
    arranged = arrange(n_shape(), {}, "rendezvous")
    (waiter,) = [key for key, producers in arranged.waits.items() if producers]
    assert waiter == "D"
    assert arranged.waits["D"] == arranged.reading.fetched["D"]
    assert arranged.waiters() == {arranged.waits["D"][0]: ["D"]}
    assert arranged.meets


def test_nothing_is_fetched_from_a_step_that_is_only_waited_for() -> None:
    arranged = arrange(n_shape(read=False), {}, "rendezvous")
    (producer,) = arranged.waits["D"]
    assert arranged.reading.fetched["D"] == (() if producer == "B" else ("A",))


def test_barriers_wait_for_nobody_at_a_table() -> None:
    arranged = arrange(n_shape(), {}, "barrier")
    assert not arranged.meets
    assert set(arranged.reading.fetched.values()) == {()}
    assert isinstance(arranged.nested, Series)


def test_barriers_make_a_machine_without_a_table_in_which_each_step_reads_the_right_values() -> None:
    machine = compile_workflow(n_shape(), start={}, scope=Scope(), version="1.0", timeout_seconds=60, join="barrier")
    assert list(state_names(machine)) == ["A, B in parallel", "A", "B", "C, D in parallel", "C", "D"]
    assert run(machine).output == {"C": {"value": "C(A())"}, "D": {"value": "D(A(), B())"}}


def test_the_needless_waits_of_barriers_are_named() -> None:
    assert needless_waits(n_shape()) == [("B", "C")]
    assert needless_waits([step("A"), step("B", uses=["A"])]) == []


def test_a_step_runs_under_the_conditions_of_its_own_and_if_what_it_needs_is_there() -> None:
    arranged = arrange([step("A", when=MAY), step("B", uses=["A"]), step("C", after=["A"])], {}, "rendezvous")
    scope = Scope(results={"A": "$A"})
    guards = {key: [guard.render(scope) for guard in each] for key, each in arranged.guards.items()}
    assert guards == {"A": ["$parameters.may = true"], "B": ["$A != null"], "C": []}


def test_an_optional_step_may_be_absent_for_those_that_need_it() -> None:
    arranged = arrange([replace(step("A"), optional=True), step("B", uses=["A"])], {}, "rendezvous")
    assert [guard.render(Scope(results={"A": "$A"})) for guard in arranged.guards["B"]] == ["$A != null"]


def test_readers_are_those_that_read_a_result_where_it_is_a_variable_and_the_end() -> None:
    arranged = arrange(
        [step("A"), step("B", uses=["A"]), step("C", after=["A"])], fields_read([value_of("B")]), "rendezvous"
    )
    assert arranged.reading.readers == {("A", "A"): {"B"}, ("B", "B"): {END}, ("C", "C"): set()}


def test_a_machine_without_meetings_has_no_key_of_the_run() -> None:
    assert "Run key" not in mapping(compiled(step("A"), step("B", uses=["A"]))["States"])
    assert "Run key" in mapping(compiled(*n_shape())["States"])


def test_steps_may_be_named_as_the_machines_own_states() -> None:
    a, b, c, d = n_shape()
    machine = compile_workflow(
        [a, b, c, d, step("Run key"), step("Outputs")],
        start={},
        scope=Scope(),
        version="1.0",
        timeout_seconds=60,
        outputs={"run": value_of("Run key"), "out": value_of("Outputs")},
        table=lambda: "Rendezvous",
    )
    names = list(state_names(machine))
    assert {"Run key", "Run key 2", "Outputs", "Outputs 2"} <= set(names)
    assert mapping(mapping(machine["States"])["Outputs 2"])["End"] is True
