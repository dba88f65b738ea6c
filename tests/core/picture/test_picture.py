"""The graph that a picture shows: what is left out of it, and how it travels as JSON."""

import json
import random

import pytest

from zflow_constructs.core.picture.picture import Edge, Group, Node, Picture, edges_of, grouped

EVERYTHING = Picture(
    "Scoring",
    (
        Node("Extract", kind="Databricks job", group=("Preparation",)),
        Node("Fit", kind="SageMaker training", needs=("Extract",), group=("Preparation", "Features")),
        Node("Audit", kind="Lambda", needs=("Extract",), optional=True),
        Node(
            "Per country",
            needs=("Fit",),
            each="country in countries",
            body=(Node("Train", needs=("Fit",)), Node("Predict", needs=("Train",), when="auc >= 0.75")),
        ),
        Node("end", needs=("Per country",), after=("Audit",), when='auc >= 0.75 and country in ("de", "at")'),
    ),
    cleanup=(Node("Tear down", kind="Lambda"), Node("Tell", after=("Tear down",))),
)


def pairs(nodes: tuple[Node, ...]) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in edges_of(nodes)]


def test_an_edge_that_others_imply_is_left_out() -> None:
    nodes = (Node("a"), Node("b", needs=("a",)), Node("c", needs=("b",)), Node("d", needs=("a", "c"), after=("b",)))
    assert pairs(nodes) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_an_n_and_a_diamond_keep_all_their_edges() -> None:
    n = (Node("a"), Node("b"), Node("c", needs=("a",)), Node("d", needs=("a", "b")))
    assert pairs(n) == [("a", "c"), ("a", "d"), ("b", "d")]
    diamond = (Node("a"), Node("b", needs=("a",)), Node("c", needs=("a",)), Node("d", needs=("b", "c")))
    assert pairs(diamond) == [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


def test_an_edge_says_whether_anything_is_handed_over() -> None:
    nodes = (Node("a"), Node("b", needs=("a",), after=("a",)), Node("c", after=("a",)))
    assert edges_of(nodes) == (Edge("a", "b", order_only=False), Edge("a", "c", order_only=True))


def test_what_a_loops_step_reads_from_outside_is_no_edge_inside() -> None:
    assert pairs((Node("Train", needs=("Fit",)), Node("Predict", needs=("Fit", "Train")))) == [("Train", "Predict")]


@pytest.mark.parametrize("seed", range(50))
def test_the_edges_are_the_fewest_that_say_the_order(seed: int) -> None:
    dice = random.Random(seed)
    names = [f"s{index}" for index in range(12)]
    nodes = tuple(
        Node(name, needs=tuple(need for need in names[:index] if dice.random() < 0.3))
        for index, name in enumerate(names)
    )

    def order(edges: list[tuple[str, str]]) -> set[tuple[str, str]]:
        closed = set(edges)
        for middle in names:
            before = [a for a in names if (a, middle) in closed]
            closed |= {(a, b) for b in names if (middle, b) in closed for a in before}
        return closed

    shown = pairs(nodes)
    declared = order([(need, node.name) for node in nodes for need in node.needs])
    assert order(shown) == declared
    for left_out in shown:
        assert order([edge for edge in shown if edge != left_out]) != declared


def test_groups_gather_their_steps_wherever_they_are_listed() -> None:
    a, b, c, d = Node("a", group=("G",)), Node("b"), Node("c", group=("G", "H")), Node("d", group=("G",))
    assert grouped((a, b, c, d)) == (Group(("G",), (a, Group(("G", "H"), (c,)), d)), b)


def test_a_picture_travels_as_json() -> None:
    assert Picture.from_json(json.loads(json.dumps(EVERYTHING.to_json()))) == EVERYTHING


def test_the_json_says_only_what_is_not_the_default() -> None:
    assert Picture("Scoring", EVERYTHING.steps[2:], EVERYTHING.cleanup).to_json() == {
        "name": "Scoring",
        "steps": [
            {"name": "Audit", "kind": "Lambda", "needs": ["Extract"], "optional": True},
            {
                "name": "Per country",
                "needs": ["Fit"],
                "each": "country in countries",
                "body": [
                    {"name": "Train", "needs": ["Fit"]},
                    {"name": "Predict", "needs": ["Train"], "when": "auc >= 0.75"},
                ],
            },
            {
                "name": "end",
                "needs": ["Per country"],
                "after": ["Audit"],
                "when": 'auc >= 0.75 and country in ("de", "at")',
            },
        ],
        "cleanup": [{"name": "Tear down", "kind": "Lambda"}, {"name": "Tell", "after": ["Tear down"]}],
    }
