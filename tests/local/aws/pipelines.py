"""The smallest shapes that nesting can't express, and pipelines as data scientists draw them."""

from collections.abc import Mapping, Sequence
from functools import cache

SHAPES: Mapping[str, str] = {
    "N": "A; B; C A; D A B",
    "double N": "A; B; C A; D A B; E C; F C D",
    "W": "A; B; C; D A B; E B C",
    "risk scoring": "Extract; Prepare Extract; Train Prepare; Holdout Extract; Predict Train Holdout; Report Predict; "
    "Deploy Train Report",
    "churn": "Clicks; Orders; Users; OfClicks Clicks; OfOrders Orders Users; Table OfClicks OfOrders; Profile Users; "
    "Train Table; Evaluate Train Profile; Publish Evaluate Table",
    "ensemble": "Data; Parts Data; Trees Parts; Net Parts; Calibrate Trees; Ensemble Trees Net; Audit Net Calibrate",
    "recommendations": "Events; Items; Embed Items; Sequences Events; Candidates Embed Sequences; Rank Sequences; "
    "Index Embed; Serve Rank Index Candidates",
    "forecast": "Sales; Weather; Days; Clean Sales; Features Clean Weather Days; Baseline Clean; Model Features; "
    "Compare Baseline Model; Plan Model; Alert Compare",
    "fraud": "Payments; Labels; Graph Payments; Rules Labels; Embed Graph; Train Embed Labels; Backtest Train Rules; "
    "Explain Train Graph; Release Backtest Explain",
    "texts": "Crawl; Notes; Tokens Crawl; Pretrain Tokens; Tune Pretrain Notes; Agreement Notes; Evaluate Tune Tokens; "
    "Card Evaluate Agreement",
    "prices": "Prices; Costs; Demand Prices; Margin Costs Prices; Elasticity Demand; Simulate Elasticity Margin; "
    "Guard Costs; Optimize Simulate; Approve Optimize Guard Demand",
}
"""By name, the steps of a workflow, each with those that it needs."""


def needs_of(shape: str) -> Mapping[str, Sequence[str]]:
    steps = [step.split() for step in SHAPES[shape].split("; ")]
    return {name: needed for name, *needed in steps}


def expected(shape: str) -> Mapping[str, object]:
    needs = needs_of(shape)

    @cache
    def value(name: str) -> list[object]:
        return [name, *(value(needed) for needed in needs[name])]

    used = {needed for each in needs.values() for needed in each}
    return {name: {"value": value(name)} for name in needs if name not in used}
