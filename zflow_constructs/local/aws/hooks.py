"""How a hook is put into moto, and taken out again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_MISSING = object()


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Replace an attribute of a module or class for the time of a `with` block.

    Args:
        owner: The module or class. The attribute may be inherited, or be new.
        name: The attribute.
        value: What takes its place.
    """
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def all_replaced(*replacements: tuple[object, str, object]) -> Iterator[None]:
    """Replace several attributes, each given as owner, name and value; see `replaced`.

    Args:
        *replacements: The attributes, in the order in which they are replaced.
    """
    with ExitStack() as stack:
        for owner, name, value in replacements:
            stack.enter_context(replaced(owner, name, value))
        yield
