"""A transform job's payloads: objects split into records, records gathered into requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

BatchStrategy = Literal["MultiRecord", "SingleRecord"]

_MEBIBYTE = 1024 * 1024


class PayloadTooLargeError(ValueError):
    """A record, or an object that isn't split, is larger than the payload may be."""


@dataclass(frozen=True)
class Batch:
    """What one request to the model carries.

    Args:
        first: The number of its first record in the object, from 1.
        records: The records, without line ends; one, which is the whole object, where it isn't split.
    """

    first: int
    records: Sequence[bytes]

    @property
    def title(self) -> str:
        """The records' numbers, for messages."""
        last = self.first + len(self.records) - 1
        return f"record {self.first}" if last == self.first else f"records {self.first} to {last}"


def split_lines(content: bytes) -> list[bytes]:
    """The lines of an object, as `SplitType` Line makes records; empty ones at its end are left out.

    Args:
        content: The object.
    """
    return [line.removesuffix(b"\r") for line in content.rstrip(b"\r\n").split(b"\n")] if content.strip() else []


def gather(records: Sequence[bytes], *, strategy: BatchStrategy, max_payload_mebibytes: int) -> Iterator[Batch]:
    """Gather records into requests: one each, or as many as fit.

    Args:
        records: The records of an object.
        strategy: `SingleRecord` or `MultiRecord`.
        max_payload_mebibytes: The largest payload in MiB; 0 sets no limit.

    Raises:
        PayloadTooLargeError: A record is larger than the payload may be.
    """
    limit = max_payload_mebibytes * _MEBIBYTE if max_payload_mebibytes else float("inf")
    first, size, batch = 1, 0, list[bytes]()
    for number, record in enumerate(records, start=1):
        if len(record) > limit:
            raise PayloadTooLargeError(
                f"record {number} has {len(record):,} bytes, more than MaxPayloadInMB {max_payload_mebibytes} allows"
            )
        if batch and (strategy == "SingleRecord" or size + len(record) + 1 > limit):
            yield Batch(first, batch)
            first, size, batch = number, 0, []
        batch.append(record)
        size += len(record) + 1
    if batch:
        yield Batch(first, batch)
