"""The filters of batch transform select what AWS documents."""

import pytest

from zflow_constructs.local.containers.errors import UnsupportedRequestError
from zflow_constructs.local.containers.json_path import FilterError, Json, JsonPath

ROW: Json = ["a", "b", "c", "d"]
RECORD: Json = {"id": 7, "features": [1, 2, 3], "nested": {"deep": {"x y": True}}, "SageMakerOutput": 0.5}


@pytest.mark.parametrize(
    ("text", "record", "selected"),
    [
        ("$", ROW, ["a", "b", "c", "d"]),
        ("$[0]", ROW, "a"),
        ("$[-1]", ROW, "d"),
        ("$[1:]", ROW, ["b", "c", "d"]),
        ("$[:-1]", ROW, ["a", "b", "c"]),
        ("$[1:3]", ROW, ["b", "c"]),
        ("$[0,2:]", ROW, ["a", "c", "d"]),
        ("$[ 0 , -1 ]", ROW, ["a", "d"]),
        ("$[*]", ROW, ["a", "b", "c", "d"]),
        ("$.features", RECORD, [1, 2, 3]),
        ("$.features[1:]", RECORD, [2, 3]),
        ("$['features'][0]", RECORD, 1),
        ("$.nested.deep['x y']", RECORD, True),
        ("$.nested.*", RECORD, [{"x y": True}]),
        ("$['id','SageMakerOutput']", RECORD, {"id": 7, "SageMakerOutput": 0.5}),
        ("$.nested.['deep']", RECORD, {"x y": True}),
    ],
)
def test_a_filter_selects_a_part(text: str, record: Json, selected: Json) -> None:
    assert JsonPath(text).select(record) == selected


@pytest.mark.parametrize("text", ["$[4]", "$[0,9]", "$.id", "$['a','b']"])
def test_what_a_record_lacks_is_an_error(text: str) -> None:
    with pytest.raises(FilterError, match="selects what a record does not have"):
        JsonPath(text).select(ROW)


@pytest.mark.parametrize("text", ["", "features", "$.", "$[", "$[a]", "$..x", "$[?(@.x)]", "$['a',1]", "$[]"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedRequestError, match="is no JSONPath of batch transform: write"):
        JsonPath(text)
