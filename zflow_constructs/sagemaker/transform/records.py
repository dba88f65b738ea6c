"""How a transform job cuts data into records, sends them, and puts the answers together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Duration, Size

from zflow_constructs.core.values.errors import WorkflowError, one_of
from zflow_constructs.core.values.templates import Template
from zflow_constructs.steps.durations import whole_seconds

Split = Literal["Line", "None", "RecordIO", "TFRecord"]

_DEFAULT_PAYLOAD = 6
_LARGEST_PAYLOAD = 100
_LONGEST_INVOCATION = 3600
_BY_LINE = ("application/jsonlines", "text/csv")
_FORMATS = ("application/json", *_BY_LINE)


@dataclass(frozen=True)
class Processing:
    """What becomes of each record before and after the model.

    https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html

    Args:
        input_filter: JSONPath of what of a record the model gets. Empty: all of it
        join_input: whether each answer is joined to its record.
        output_filter: JSONPath of what of the answer is kept. Empty: all of it
    """

    input_filter: str
    join_input: bool
    output_filter: str

    @property
    def fields(self) -> dict[str, Template]:
        """`{"DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}}`."""
        processing: dict[str, Template] = {
            **({"InputFilter": self.input_filter} if self.input_filter else {}),
            **({"JoinSource": "Input"} if self.join_input else {}),
            **({"OutputFilter": self.output_filter} if self.output_filter else {}),
        }
        return {"DataProcessing": processing} if processing else {}

    def check(
        self, owner: str, *, content_type: str, accept: str, split: Split, assemble: Literal["Line", "None"]
    ) -> None:
        """Checks that records and answers can be filtered and joined, if they are.

        Args:
            owner: the step, for messages: `Step "Predict"`.
            content_type: the MIME type of the records.
            accept: the MIME type of the answers.
            split: how objects are cut into records.
            assemble: how answers are put together.

        Raises:
            WorkflowError: SageMaker doesn't read records of that type, or doesn't get them one by one.
        """
        keywords = ", ".join(name for name, given in vars(self).items() if given)
        if not keywords:
            return
        record, answer = _media_type(content_type), _media_type(accept)
        if record not in _FORMATS:
            data = f'the data are "{content_type}"' if content_type else "the data don't say what they are"
            raise WorkflowError(
                f"{owner}: for {keywords}, SageMaker reads records of the types {one_of(_FORMATS)}, and {data}. "
                f"Give the data's DataLocation one of those content types, or leave {keywords} out."
            )
        if answer not in _FORMATS or (self.join_input and answer != record):
            raise WorkflowError(
                f'{owner}: for {keywords}, SageMaker reads the answers like the records, and accept is "{accept}", the '
                f'data are "{content_type}". Set accept="{content_type}".'
            )
        if split not in {"Line", "None"} or (split == "None" and record in _BY_LINE):
            raise WorkflowError(
                f'{owner}: for {keywords}, each line is a record, and split="{split}" cuts no lines. Set split="Line".'
            )
        if split == "Line" and assemble == "None" and (self.join_input or self.output_filter):
            raise WorkflowError(
                f'{owner}: for {keywords}, the answers become lines, and assemble="None" puts no ends of lines between '
                'them. Set assemble="Line".'
            )


def check_inference_ids(owner: str, accept: str) -> None:
    """Checks that answers can be given ids.

    Args:
        owner: the step, for messages: `Step "Predict"`.
        accept: the MIME type of the answers.

    Raises:
        WorkflowError: SageMaker doesn't write into answers of that type.
    """
    if _media_type(accept) not in _FORMATS:
        raise WorkflowError(
            f"{owner}: inference_ids are written into answers of the types {one_of(_FORMATS)}, and accept is "
            f'"{accept}". Set one of those, or capture the data without ids.'
        )


def megabytes(owner: str, max_payload: Size | None) -> int:
    """The largest request, as SageMaker counts: 0 is no limit.

    Args:
        owner: the step, for messages: `Step "Predict"`.
        max_payload: the size. `None`: 6 MiB

    Raises:
        WorkflowError: it is out of bounds.
    """
    payload = int(max_payload.to_mebibytes()) if max_payload else _DEFAULT_PAYLOAD
    if not 0 <= payload <= _LARGEST_PAYLOAD:
        raise WorkflowError(
            f"{owner}: max_payload is {payload} MiB. Give 1 to {_LARGEST_PAYLOAD} MiB, or 0 for no limit."
        )
    return payload


def client_fields(owner: str, timeout: Duration | None, retries: int | None) -> dict[str, Template]:
    """`{"ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1}}`, or nothing.

    Args:
        owner: the step, for messages: `Step "Predict"`.
        timeout: how long a request may take. `None`: as SageMaker says
        retries: how often one that fails is sent again. `None`: as SageMaker says

    Raises:
        WorkflowError: the time is out of bounds.
    """
    client: dict[str, Template] = {}
    if timeout is not None:
        client["InvocationsTimeoutInSeconds"] = whole_seconds(
            owner, "invocation_timeout", timeout, least=1, most=_LONGEST_INVOCATION
        )
    if retries is not None:
        client["InvocationsMaxRetries"] = retries
    return {"ModelClientConfig": client} if client else {}


def check_load(owner: str, request: Mapping[str, Template]) -> None:
    """Checks how much is under way at once.

    Args:
        owner: the step, for messages: `Step "Predict"`.
        request: the CreateTransformJob request.

    Raises:
        WorkflowError: no request is, or more than SageMaker lets be.
    """
    match request:
        case {"MaxConcurrentTransforms": int(requests)} if requests < 1:
            raise WorkflowError(
                f"{owner}: max_concurrency is {requests}. Give 1 or more, or remove it: the container says then."
            )
        case {"MaxConcurrentTransforms": int(requests), "MaxPayloadInMB": int(payload)} if (
            requests * payload > _LARGEST_PAYLOAD
        ):
            raise WorkflowError(
                f"{owner}: {requests} requests at once (max_concurrency) of {payload} MiB (max_payload) are "
                f"{requests * payload} MiB, and SageMaker takes {_LARGEST_PAYLOAD}. Give max_concurrency="
                f"{_LARGEST_PAYLOAD // payload} at most, or a smaller max_payload."
            )


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
