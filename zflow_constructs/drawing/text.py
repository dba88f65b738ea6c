"""How much room a text takes, with no font at hand: about what the widest of the usual sans-serifs take."""

import textwrap

NAME_SIZE = 14
NOTE_SIZE = 12
NAME_LINE = 20
NOTE_LINE = 17
_MOST_CHARACTERS = 34
_WIDTHS = {
    **dict.fromkeys("fijlrtI.,:;'|!()[]{} `\"-/", 0.4),
    **dict.fromkeys("mwMW@%≥≤≠", 0.95),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ_=<>+", 0.72),
}
_USUAL = 0.62


def width_of(text: str, size: int) -> float:
    """About how wide a text is, rather too wide than too narrow.

    Args:
        text: the text, one line.
        size: the font's size in pixels.
    """
    return sum(_WIDTHS.get(character, _USUAL) for character in text) * size


def wrapped(text: str) -> list[str]:
    """A text in lines that are short enough for a box.

    Args:
        text: the text.
    """
    return textwrap.wrap(text, _MOST_CHARACTERS, break_long_words=False, break_on_hyphens=False)
