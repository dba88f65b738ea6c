"""What a request asks for that local containers can't honour."""

from collections.abc import Iterable


class UnsupportedRequestError(ValueError):
    """A request needs of SageMaker what a local process can't honour; the message says what can be."""


class UnsupportedImageError(UnsupportedRequestError):
    """A container image is not one of the framework images that the local engine can stand in for."""


def refuse_others(field: str, value: object, supported: Iterable[object]) -> None:
    """Refuse a field's value that local containers don't honour.

    Args:
        field: The field's path in the request.
        value: What the request has there.
        supported: What local containers honour.

    Raises:
        UnsupportedRequestError: The value is not among the supported ones.
    """
    choices = list(supported)
    if value not in choices:
        raise UnsupportedRequestError(
            f"{field} is {value!r}: a local run supports {' and '.join(repr(choice) for choice in choices)} only."
        )


def refuse_present(field: str, request: Iterable[str]) -> None:
    """Refuse a field that local containers can't honour at all.

    Args:
        field: The field's name.
        request: The request, or the part of it that has the field.

    Raises:
        UnsupportedRequestError: The field is there.
    """
    if field in request:
        raise UnsupportedRequestError(f"A local run does not support {field}: leave it out, or run this on AWS.")
