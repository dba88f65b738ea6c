"""Which texts a secret may be."""

import re


def is_visible(text: str) -> bool:
    """Whether a text is safe in an HTTP header, and can be found again in any other text to hide it."""
    return re.fullmatch(r"[!#-\[\]-~]+", text) is not None
