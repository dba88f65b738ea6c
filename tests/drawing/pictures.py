"""Pictures to draw: of each sign one, and at random."""

import random

from zflow_constructs.core.picture.picture import Node, Picture

DIAMOND = Picture(
    "Diamond",
    (
        Node("Extract", kind="Databricks"),
        Node("Train", kind="SageMaker training", needs=("Extract",)),
        Node("Audit", kind="Lambda", needs=("Extract",), optional=True),
        Node("Endpoint", kind="SageMaker endpoint", needs=("Train",), after=("Audit",), when="validation:auc >= 0.75"),
    ),
)
LOOP = Picture(
    "Countries",
    (
        Node("List", kind="Lambda"),
        Node(
            "PerCountry",
            kind="loop",
            needs=("List",),
            each="country in countries",
            body=(Node("Train", kind="SageMaker training"), Node("Predict", needs=("Train",))),
        ),
        Node("Collect", kind="Lambda", needs=("PerCountry",)),
    ),
    cleanup=(Node("Tear down"), Node("Tell", after=("Tear down",))),
)
GROUPS = Picture(
    "Groups",
    (
        Node("Load"),
        Node("Prepare Clean", needs=("Load",), group=("Prepare",)),
        Node("Prepare Features Fit", needs=("Prepare Clean",), group=("Prepare", "Features")),
        Node("Audit", needs=("Prepare Clean",)),
        Node("Train", needs=("Prepare Features Fit",), after=("Audit",)),
    ),
)


def random_picture(seed: int) -> Picture:
    """Steps in layers, some in groups, some of them loops, with conditions of all lengths."""
    dice = random.Random(seed)
    names: list[str] = []
    nodes: list[Node] = []
    for index in range(dice.randint(1, 40)):
        group = dice.choice(((), (), (), ("Left",), ("Right",), ("Right", "Deep")))
        name = " ".join((*group, f"Step{'x' * dice.randint(0, 20)}{index}"))
        needs = tuple(dice.sample(names[-12:], min(len(names), dice.choice((0, 1, 1, 2, 3)))))
        body = (Node(f"{name} A"), Node(f"{name} B", needs=(f"{name} A",)), Node(f"{name} C"))
        nodes.append(
            Node(
                name,
                kind="SageMaker training",
                needs=needs,
                when="auc >= 0.75 and rows > 1000 and " * dice.choice((0, 0, 1, 3)),
                group=group,
                each="item in items",
                body=body if dice.random() < 0.1 else (),
            )
        )
        names.append(name)
    return Picture(f"Random{seed}", tuple(nodes))
