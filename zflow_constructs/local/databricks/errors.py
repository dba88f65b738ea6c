"""How the Jobs API says no."""


class ApiError(Exception):
    """A refused request, answered as Databricks does: an HTTP status and `{"error_code", "message"}`.

    Args:
        status: The HTTP status.
        error_code: Databricks' name of the error, for example `INVALID_PARAMETER_VALUE`.
        message: What is wrong, and what would be right.
    """

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message


def invalid(message: str) -> ApiError:
    """The refusal of a parameter's value (400)."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def malformed(message: str) -> ApiError:
    """The refusal of a body that has the wrong shape (400)."""
    return ApiError(400, "MALFORMED_REQUEST", message)
