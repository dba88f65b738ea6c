"""The errors that the hooks' APIs answer with."""

from moto.core.exceptions import ServiceException


class ApiError(ServiceException):  # type: ignore[misc]  # untyped
    """An error of an AWS API, by its code and message.

    moto looks an error's code up in the service of its exception's module. This one is in none, so that the
    service that answers decides.
    """
