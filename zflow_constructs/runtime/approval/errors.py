"""The errors that a state machine sees: their names are what its `Retry` and `Catch` fields match."""


class ApprovalError(Exception):
    """The base of all errors of these functions: the class `InvalidRequest` is named `Approval.InvalidRequest`.

    See https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """

    def __init_subclass__(cls) -> None:
        """Put the service's name before the class's."""
        super().__init_subclass__()
        cls.__name__ = f"Approval.{cls.__name__}"


class InvalidRequest(ApprovalError):
    """The event, or the function's environment, lacks something: it would again."""


class Unavailable(ApprovalError):
    """The question could not be kept or sent: it may be asked again."""
