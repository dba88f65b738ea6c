"""Conditions as a picture says them."""

import pytest

from zflow_constructs.core.picture.wording import listed, with_signs, worded
from zflow_constructs.core.states.availability import FirstOf
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.iterations import Bounded, Item
from zflow_constructs.core.values.references import Parameter, Ran, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import AsText

AUC = StepOutput("App/Train", "Train", ("metrics", "validation:auc"))
OTHER_AUC = StepOutput("App/Big", "Big", ("metrics", "validation:auc"))
ROWS = StepOutput("App/Count", "Count", ("rows",))
COUNTRY = Parameter("country")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (AUC >= 0.75, "validation:auc >= 0.75"),
        (StepOutput("App/Train", "Train", ("auc",)) >= Parameter("least"), "auc >= least"),
        (OTHER_AUC > AUC, "validation:auc of Big > validation:auc of Train"),
        (StepOutput("App/Count", "Count") == 3, "Count = 3"),
        (COUNTRY == "de", 'country = "de"'),
        (COUNTRY != None, "country != null"),  # noqa: E711
        (Parameter("deploy") == True, "deploy = true"),  # noqa: E712
        (COUNTRY.is_in(["de", "at"]), 'country in ("de", "at")'),
        (~COUNTRY.is_in(["de"]), 'country not in ("de")'),
        (~(AUC >= 0.75), "validation:auc < 0.75"),
        (~(ROWS == 0), "rows != 0"),
        ((AUC >= 0.75) & (ROWS > 9) & (COUNTRY == "de"), 'validation:auc >= 0.75 and rows > 9 and country = "de"'),
        ((AUC >= 0.75) & ((ROWS > 9) | (ROWS < 2)), "validation:auc >= 0.75 and (rows > 9 or rows < 2)"),
        (~((ROWS > 9) | (ROWS < 2)), "not (rows > 9 or rows < 2)"),
        (Ran("App/Train", "Train"), "Train ran"),
        (~Ran("App/Train", "Train"), "Train was skipped"),
        (AUC.is_present(), "validation:auc is present"),
        (AUC.is_absent(), "validation:auc is absent"),
        (StepOutput("App/Train", "Train").is_present(), "Train ran"),
        (StepOutput("App/Train", "Train").is_absent(), "Train was skipped"),
        (FirstOf((OTHER_AUC, AUC)) > 0.5, "first of (validation:auc of Big, validation:auc of Train) > 0.5"),
        (Item("country") == "de", 'country = "de"'),
        (Item("model")["size"] > 3, "model.size > 3"),
        (Outcome("status") != "SUCCEEDED", 'status != "SUCCEEDED"'),
        (AsText(ROWS) == "9", 'rows = "9"'),
        (RunLocation("App/E", "E", "E/history") != "s3://" + COUNTRY, 'E/history != "s3://" + country'),
        (Jsonata("$count(\n  $rows)") > 9, "$count( $rows) > 9"),
        (COUNTRY == "Österreich", 'country = "Österreich"'),
    ],
)
def test_a_condition_reads_as_people_write_it(condition: Condition, words: str) -> None:
    assert worded(condition) == words


def test_conditions_that_must_all_hold_are_joined() -> None:
    assert worded((AUC >= 0.75) & ((ROWS > 9) | (ROWS < 2))) == "validation:auc >= 0.75 and (rows > 9 or rows < 2)"


def test_a_picture_has_the_signs_of_mathematics() -> None:
    assert with_signs("a >= 1 and b <= 2 and c != 3 and d > 4") == "a ≥ 1 and b ≤ 2 and c ≠ 3 and d > 4"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["de", "fr"], '"de", "fr"'),
        ([1, 2.5, COUNTRY], "1, 2.5, country"),
        (["a", "b", "c", "d", "e"], "5 items"),
        ([{"name": "big"}], "1 item"),
        (StepOutput("App/Extract", "Extract", ("countries",)), "countries"),
        (Bounded(COUNTRY, 100, "The list"), "country"),
    ],
)
def test_a_list_is_said_in_few_words(items: Template, words: str) -> None:
    assert listed(items) == words
