import re
from typing import cast

import botocore.loaders
import botocore.model
import botocore.validate
from hypothesis import given, settings
from hypothesis import strategies as st

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.aws import validate_request

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


WRONG: tuple[object, ...] = (None, -1, 10**9, 0.5, "", "x" * 5000, [], ["x"], {}, {"Key": "x"})


@st.composite
def values(draw: st.DrawFn, shape: botocore.model.Shape, *, careless: bool) -> object:
    """What fits the shape, but for enums and patterns; now and then something else, or a little less, if careless."""
    fault = draw(st.sampled_from(["none"] * 8 + ["wrong", "too small"])) if careless else "none"
    if fault == "wrong":
        return draw(st.sampled_from(WRONG))
    smallest = shape.metadata.get("min", 0)
    size = smallest - 1 if fault == "too small" else smallest + draw(st.integers(0, 1))
    match shape:
        case botocore.model.StructureShape():
            return draw(structures(shape, careless=careless))
        case botocore.model.ListShape():
            return [draw(values(shape.member, careless=careless)) for _ in range(size)]
        case botocore.model.MapShape():
            return {f"key{number}": draw(values(shape.value, careless=careless)) for number in range(size)}
        case botocore.model.StringShape():
            return draw(st.sampled_from(shape.enum or ["a" * size]))
    return draw(st.booleans()) if shape.type_name == "boolean" else size


@st.composite
def structures(draw: st.DrawFn, shape: botocore.model.StructureShape, *, careless: bool) -> dict[str, object]:
    """An object with the fields it needs and some others; now and then one less or one too many, if careless."""
    fault = draw(st.sampled_from(["none"] * 8 + ["missing", "unknown"])) if careless else "none"
    optional = st.lists(st.sampled_from(sorted(shape.members)), max_size=0 if shape.is_tagged_union else 1)
    fields = [draw(st.sampled_from(sorted(shape.members)))] if shape.is_tagged_union else list(shape.required_members)
    fields = [*fields[1 if fault == "missing" else 0 :], *draw(optional)]
    members = {field: draw(values(shape.members[field], careless=careless)) for field in fields}
    return {**members, "Unknwon": 1} if fault == "unknown" else members


@settings(max_examples=300, deadline=None)
@given(data=st.data(), operation=st.sampled_from(OPERATIONS), careless=st.booleans())
def test_what_botocore_refuses_is_refused_and_beyond_it_only_enums_patterns_and_upper_bounds(
    data: st.DataObject, operation: str, *, careless: bool
) -> None:
    shape = SAGEMAKER.operation_model(operation).input_shape
    assert shape
    request = data.draw(structures(shape, careless=careless))
    refused_by_botocore = botocore.validate.ParamValidator().validate(request, shape).has_errors()

    try:
        validate_request("Nightly", "sagemaker", operation, cast("dict[str, Template]", request))
        problems = []
    except WorkflowError as error:
        problems = str(error).splitlines()[1:-1]

    beyond_botocore = [line for line in problems if re.search("must (be one of|match the pattern|be at most)", line)]
    assert (len(problems) > len(beyond_botocore)) == refused_by_botocore, problems
