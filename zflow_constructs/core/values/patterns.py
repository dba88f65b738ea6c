"""Regular expressions that Python, Step Functions' JSONata and the local engine's read alike."""

import re

_CHARACTER = r"[^\\()\[\]{}\n]|\\[dDwWsS]|\\[^A-Za-z0-9\n]"
_PORTABLE = re.compile(rf"(?:{_CHARACTER}|\[(?:{_CHARACTER})+\]|\((?:\?:|(?!\?))|\)|\{{\d+(?:,\d*)?\}})*")
_POSSESSIVE = re.compile(r"(?<!\\)[*+?}]\+")
_DAY = (
    r"(?:(?:19|20)\d\d-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))|(?:(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000)-02-29)"
)
# An expression, since JSONata's date functions end the execution on a day like 30 February instead of saying so.
DATE = rf"{_DAY}(?:T\d\d:\d\d[0-9:.]*(?:Z|[+-]\d\d:?\d\d)?)?"
"""A day from 1900 to 2099 that the calendar has, or a point in time on one: `2026-11-24T03:00:00Z`."""


def is_portable(pattern: str) -> bool:
    """Whether a regular expression is one, and means the same everywhere.

    Args:
        pattern: the regular expression.
    """
    try:
        re.compile(pattern)
    except re.error:
        return False
    return bool(_PORTABLE.fullmatch(pattern)) and not _POSSESSIVE.search(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches.

    Args:
        pattern: the regular expression.
        text: the text.
    """
    return re.fullmatch(pattern, text, re.ASCII) is not None


def in_jsonata(pattern: str) -> str:
    r"""JSONata of the regular expression, for the whole text: `/^(?:v\d+)(?![\s\S])/`.

    Args:
        pattern: the regular expression.
    """
    escaped = re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], pattern)
    # Its end is not $, which in some engines also matches before a last line break.
    return rf"/^(?:{escaped})(?![\s\S])/"
