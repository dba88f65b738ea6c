"""Arrays to and from the content types that the framework containers know: csv, json and npy."""

import csv
import io
import json
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

CSV = "text/csv"
JSON = "application/json"
NPY = "application/x-npy"

TEXT_TYPES = (JSON, CSV)
"""What reaches a script as `str`; the body of any other content type, parameters included, stays `bytes`."""


class UnsupportedFormatError(Exception):
    """A content type that the framework's defaults can't read or write.

    Args:
        content_type: The content type.
    """

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Implement input_fn to read the request, "
            "or output_fn to write the response."
        )


def decode(body: str | bytes, content_type: str) -> Array:
    """Read an array.

    Args:
        body: A request's body.
        content_type: Exactly one of the content types known here: a parameter, as in `text/csv; charset=utf-8`, makes
            it an unknown one, as in the containers on AWS.

    Raises:
        UnsupportedFormatError: It is no such content type.
    """
    if content_type not in _DECODERS:
        raise UnsupportedFormatError(content_type)
    return _DECODERS[content_type](body.encode() if isinstance(body, str) else body)


def encode(prediction: object, accept: str) -> bytes:
    """Write an array, or what numpy takes for one.

    Args:
        prediction: The array.
        accept: One of the content types known here.

    Raises:
        UnsupportedFormatError: It is no such content type.
    """
    if accept not in _ENCODERS:
        raise UnsupportedFormatError(accept)
    return _ENCODERS[accept](prediction)


def read_rows(body: str | bytes) -> Array:
    """Read CSV as XGBoost's container does: always rows, empty fields are missing values.

    Args:
        body: Lines of numbers.
    """
    text = (body if isinstance(body, str) else body.decode()).strip("\r\n")
    rows = csv.reader(io.StringIO(text))
    return np.array([[field or "nan" for field in row] for row in rows]).astype(float)


def _read_csv(body: bytes) -> Array:
    array: Array = np.genfromtxt(io.StringIO(body.decode()), dtype=None, delimiter=",")
    return array


def _read_npy(body: bytes) -> Array:
    array: Array = np.load(io.BytesIO(body), allow_pickle=False)
    return array


def _write_csv(prediction: object) -> bytes:
    stream = io.StringIO()
    np.savetxt(stream, np.asarray(prediction), delimiter=",", fmt="%s")
    return stream.getvalue().encode()


def _write_json(prediction: object) -> bytes:
    return json.dumps(prediction, default=lambda value: value.tolist()).encode()


def _write_npy(prediction: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(prediction))
    return stream.getvalue()


_DECODERS: dict[str, Callable[[bytes], Array]] = {
    CSV: _read_csv,
    JSON: lambda body: np.array(json.loads(body)),
    NPY: _read_npy,
}
_ENCODERS: dict[str, Callable[[object], bytes]] = {CSV: _write_csv, JSON: _write_json, NPY: _write_npy}
