"""Filtering a transform job's records, and joining them with their predictions.

Follows https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataProcessing.html
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zflow_constructs.local.containers.errors import UnsupportedRequestError
from zflow_constructs.local.containers.json_path import FilterError, Json, JsonPath
from zflow_constructs.local.containers.records import split_lines

EVERYTHING = JsonPath("$")


class RecordFormat(Protocol):
    """How a content type writes records."""

    def read(self, line: bytes) -> Json:
        """A record as JSON."""

    def write(self, record: Json) -> bytes:
        """A record as a line."""

    def join(self, record: Json, prediction: Json) -> Json:
        """A record with its prediction."""

    def split(self, answer: bytes, records: int) -> list[bytes]:
        """The lines of an answer to a number of records."""


class _Csv:
    def read(self, line: bytes) -> Json:
        return list[Json](next(csv.reader([line.decode()])))

    def write(self, record: Json) -> bytes:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="").writerow(record if isinstance(record, list) else [record])
        return stream.getvalue().encode()

    def join(self, record: Json, prediction: Json) -> Json:
        assert isinstance(record, list)
        assert isinstance(prediction, list)
        return [*record, *prediction]

    def split(self, answer: bytes, records: int) -> list[bytes]:
        return split_lines(answer)


class _JsonLines:
    def read(self, line: bytes) -> Json:
        record: Json = json.loads(line)
        return record

    def write(self, record: Json) -> bytes:
        return json.dumps(record, separators=(",", ":")).encode()

    def join(self, record: Json, prediction: Json) -> Json:
        fields = record if isinstance(record, dict) else {"SageMakerInput": record}
        return {**fields, "SageMakerOutput": prediction}

    def split(self, answer: bytes, records: int) -> list[bytes]:
        return [answer] if records == 1 else split_lines(answer)  # one JSON value may span lines


_FORMATS: dict[str, RecordFormat] = {
    "text/csv": _Csv(),
    "application/json": _JsonLines(),
    "application/jsonlines": _JsonLines(),
}


def record_format(content_type: str) -> RecordFormat:
    """How a content type writes records.

    Args:
        content_type: A MIME type, with or without parameters.

    Raises:
        UnsupportedRequestError: Records of that type can't be read.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _FORMATS:
        raise UnsupportedRequestError(f"A transform job reads records of {', '.join(_FORMATS)}, not {content_type!r}.")
    return _FORMATS[media_type]


@dataclass(frozen=True)
class DataProcessing:
    """What becomes of each record before and after the model.

    Args:
        content_type: The records' content type.
        input_filter: What of a record the model gets.
        output_filter: What of the prediction, or of the joined record, is kept.
        join: Whether predictions are joined to their records.

    Raises:
        UnsupportedRequestError: The content type can't be filtered or joined.
    """

    content_type: str
    input_filter: JsonPath = EVERYTHING
    output_filter: JsonPath = EVERYTHING
    join: bool = False

    def __post_init__(self) -> None:
        if self.filters:
            record_format(self.content_type)

    @property
    def filters(self) -> bool:
        """Whether anything is filtered or joined."""
        return self.join or self.input_filter != EVERYTHING or self.output_filter != EVERYTHING

    def before(self, record: bytes) -> bytes:
        """What the model gets of a record.

        Args:
            record: One record.

        Raises:
            FilterError: The record lacks what the filter selects.
        """
        if self.input_filter == EVERYTHING:
            return record
        return self._format.write(self.input_filter.select(self._read(record)))

    def after(self, records: Sequence[bytes], answer: bytes) -> bytes:
        """What is kept of a model's answer to some records.

        Args:
            records: The records, before they were filtered.
            answer: The model's answer, which has a line for each of them.

        Raises:
            FilterError: The lines don't match the records, or one lacks what the filter selects.
        """
        if not self.join and self.output_filter == EVERYTHING:
            return answer
        predictions = [self._read(line) for line in self._format.split(answer, len(records))]
        kept = self._join(records, predictions) if self.join else predictions
        return b"\n".join(self._format.write(self.output_filter.select(record)) for record in kept)

    def _join(self, records: Sequence[bytes], predictions: Sequence[Json]) -> list[Json]:
        if len(predictions) != len(records):
            raise FilterError(f"the model answered {len(predictions)} lines to {len(records)} records: can't join them")
        return [
            self._format.join(self._read(record), prediction)
            for record, prediction in zip(records, predictions, strict=True)
        ]

    def _read(self, line: bytes) -> Json:
        try:
            return self._format.read(line)
        except (ValueError, csv.Error) as error:
            raise FilterError(f"{line[:100]!r} is no {self.content_type}: {error}") from error

    @property
    def _format(self) -> RecordFormat:
        return record_format(self.content_type)
