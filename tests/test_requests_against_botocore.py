import re
from typing import cast

import botocore.loaders
import botocore.model
import botocore.validate
from hypothesis import given, settings
from hypothesis import strategies as st

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Template
from zflow_constructs.requests import validate_request

SAGEMAKER = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"))
OPERATIONS = (
    "CreateTrainingJob",
    "CreateTransformJob",
    "CreateModel",
    "CreateEndpointConfig",
    "CreateEndpoint",
    "UpdateEndpoint",
    "CreateProcessingJob",
    "CreateHyperParameterTuningJob",
    "CreateAutoMLJobV2",
)


def wrong() -> st.SearchStrategy[object]:
    return st.sampled_from([None, -1, 10**9, 0.5, "", "x" * 5000, [], ["x"], {}, {"Key": "x"}])


@st.composite
def values(draw: st.DrawFn, shape: botocore.model.Shape) -> object:
    """Mostly what fits the shape, now and then something else."""
    if draw(st.integers(0, 24)) == 0:
        return draw(wrong())
    smallest = shape.metadata.get("min", 0)
    match shape:
        case botocore.model.StructureShape():
            return draw(structures(shape))
        case botocore.model.ListShape():
            return [draw(values(shape.member)) for _ in range(smallest + draw(st.integers(0, 1)))]
        case botocore.model.MapShape():
            return {f"key{number}": draw(values(shape.value)) for number in range(smallest + draw(st.integers(0, 1)))}
        case botocore.model.StringShape():
            return draw(st.sampled_from(shape.enum or ["a" * max(smallest, 1), "b" * (smallest + 1)]))
    return draw(st.booleans()) if shape.type_name == "boolean" else smallest + draw(st.integers(0, 2))


@st.composite
def structures(draw: st.DrawFn, shape: botocore.model.StructureShape) -> dict[str, object]:
    if shape.is_tagged_union:
        fields = [draw(st.sampled_from(sorted(shape.members)))]
    else:
        fields = [field for field in shape.required_members if draw(st.integers(0, 40))]
        fields += draw(st.lists(st.sampled_from(sorted(shape.members)), max_size=1))
    members = {field: draw(values(shape.members[field])) for field in fields}
    return {**members, "Unknwon": 1} if draw(st.integers(0, 40)) == 0 else members


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(OPERATIONS))
def test_what_botocore_refuses_is_refused_and_beyond_it_only_enums_patterns_and_upper_bounds(
    data: st.DataObject, operation: str
) -> None:
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert shape
    request = data.draw(structures(shape))
    refused_by_botocore = botocore.validate.ParamValidator().validate(request, shape).has_errors()

    try:
        validate_request("Nightly", "sagemaker", operation, cast("dict[str, Template]", request))
        problems = []
    except WorkflowError as error:
        problems = str(error).splitlines()[1:-1]

    beyond_botocore = [line for line in problems if re.search("must (be one of|match the pattern|be at most)", line)]
    assert (len(problems) > len(beyond_botocore)) == refused_by_botocore, problems
