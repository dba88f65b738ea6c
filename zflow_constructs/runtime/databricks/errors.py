"""The errors that a state machine sees: their names are what its `Retry` and `Catch` fields match."""


class DatabricksError(Exception):
    """The base of all errors of this function.

    Lambda reports the name of an exception's class as the error's name, and Step Functions matches that name in
    `ErrorEquals`. So the class `RunFailed` is named `Databricks.RunFailed`, like the errors of AWS's services.
    See https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """

    def __init_subclass__(cls) -> None:
        """Put the service's name before the class's."""
        super().__init_subclass__()
        cls.__name__ = f"Databricks.{cls.__name__}"


class RunFailed(DatabricksError):
    """The run ended, and not in success, or without the values that are wanted of it."""


class TransientRunFailure(DatabricksError):
    """The run failed for a reason that may pass (cloud, capacity, quota), in its last attempt too."""


class TimedOut(DatabricksError):
    """The run took longer than its time limit, or a cancellation was not confirmed in time."""


class Canceled(DatabricksError):
    """Someone cancelled the run in Databricks, or the execution was over before the run was asked for."""


class Skipped(DatabricksError):
    """Databricks skipped the run: nothing was executed."""


class AuthError(DatabricksError):
    """The credentials, or the function's role, are missing, malformed, refused, or lack a permission."""


class InvalidRequest(DatabricksError):
    """Databricks, or this function, can't accept the request: it would be refused again."""


class Throttled(DatabricksError):
    """Databricks or AWS was not reached, or was busy, for as long as this invocation could wait. Try again."""
