"""What is raised when a workflow is declared wrongly."""

from collections.abc import Iterable
from difflib import get_close_matches


class WorkflowError(ValueError):
    """A workflow, step or value was declared wrongly.

    Raised by the constructor that received the mistake, before anything is deployed. The message names the step, the
    value received, what is allowed, and the remedy.
    """


def refuse_text(owner: str, keyword: str, value: object) -> None:
    """Refuses a text where a list of texts is wanted: to Python it is a list too, of its letters.

    Args:
        owner: who received it, for the message: `Step "Extract"`.
        keyword: the keyword that received it.
        value: what it received.

    Raises:
        WorkflowError: it is a text.
    """
    if isinstance(value, str):
        raise WorkflowError(f'{owner}: {keyword} is "{value}". It takes a list: {keyword}=["{value}"].')


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """The end of an error message that suggests the closest allowed value.

    Args:
        value: what was received.
        allowed: what would have been right.

    Returns:
        `' Did you mean "x"?'`, or `''` where nothing is close.

    Example:
        >>> did_you_mean("xgbost", ["sklearn", "xgboost"])
        ' Did you mean "xgboost"?'
    """
    close = get_close_matches(value, list(allowed), n=1)
    return f' Did you mean "{close[0]}"?' if close else ""


def one_of(values: Iterable[str]) -> str:
    """The allowed values as they read in an error message.

    Example:
        >>> one_of(["b", "a"])
        '"a", "b"'
    """
    return ", ".join(f'"{value}"' for value in sorted(values))
