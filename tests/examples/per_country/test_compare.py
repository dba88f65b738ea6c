"""The example's Lambda function, with predictions that no run makes."""

from collections.abc import Mapping, Sequence

import pytest

from examples.per_country.functions import compare

Cars = list[tuple[float, float]]


def compared(
    monkeypatch: pytest.MonkeyPatch, *, own: Cars, common: Cars
) -> tuple[Sequence[compare.Row], Mapping[str, str]]:
    """The table of a single country, and what is written."""
    files, written = {"s3://own/A&B.csv.out": own, "s3://common/A&B.csv.out": common}, {}
    monkeypatch.setattr(compare, "_cars", files.__getitem__)
    monkeypatch.setattr(compare, "_write", lambda uri, text, _content_type: written.update({uri: text}))
    iteration: compare.Iteration = {
        "item": {"name": "A&B", "training": 9, "test": len(own)},
        "predictions": "s3://own/",
        "mae": 1.0,
        "version": 3,
    }
    table = compare.compare({"iterations": [iteration], "common": "s3://common/", "to": "s3://reports/"}, None)["table"]
    return table, written


def test_a_gain_is_sure_if_it_is_much_larger_than_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    actual = [20.0, 30.0, 40.0]
    own, common = [(miles, miles + 1) for miles in actual], [(20.0, 16.0), (30.0, 25.0), (40.0, 34.0)]
    (row,), written = compared(monkeypatch, own=own, common=common)

    assert (row["common_mae"], row["gain"], row["own_is_better"], row["sure"]) == (5, 4, True, True)
    assert row["gain_error"] == pytest.approx(1 / 3**0.5)
    assert "<td>its own<td>3" in written["s3://reports/countries.html"]
    assert "<td>A&amp;B<td>" in written["s3://reports/countries.html"]


def test_a_loss_is_as_sure_as_a_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    own, common = [(20.0, 24.0), (30.0, 35.0), (40.0, 46.0)], [(20.0, 21.0), (30.0, 31.0), (40.0, 41.0)]
    (row,), written = compared(monkeypatch, own=own, common=common)

    assert (row["gain"], row["own_is_better"], row["sure"]) == (-4, False, True)
    assert "<td>the common one<td>" in written["s3://reports/countries.html"]


def test_models_that_were_tested_with_other_cars_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^the two models were not tested with the same cars of A&B$"):
        compared(monkeypatch, own=[(20.0, 21.0), (30.0, 31.0)], common=[(30.0, 31.0), (20.0, 21.0)])
