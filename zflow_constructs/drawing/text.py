"""How much room a text takes, with no font at hand: about what the widest of the usual sans-serifs take."""

import textwrap

NAME_SIZE = 14
NOTE_SIZE = 12
NAME_LINE = 20
NOTE_LINE = 17
_MOST_LINES = 6
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


def wrapped(text: str, most: int) -> list[str]:
    """A text in lines; of a very long one, the beginning.

    Args:
        text: the text.
        most: how many characters a line has at most, unless a word has more.
    """
    return textwrap.wrap(
        text, most, break_long_words=False, break_on_hyphens=False, max_lines=_MOST_LINES, placeholder=" …"
    )
