"""The script of a wheel task, copied into its folder: `entry_point.py PACKAGE ENTRY_POINT [PARAMETER ...]`.

PACKAGE is a distribution, one of whose entry points has this name, or else a module that has such a function.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoints, PackageNotFoundError, distribution


def find(package: str, name: str) -> Callable[[], object]:
    """What is to be called.

    Args:
        package: The name of a distribution or of a module.
        name: The name of the entry point, or of the function.
    """
    try:
        own = distribution(package).entry_points.select(name=name)
    except PackageNotFoundError:
        own = EntryPoints()
    for entry_point in own:
        loaded: Callable[[], object] = entry_point.load()
        return loaded
    function: Callable[[], object] = getattr(import_module(package.replace("-", "_")), name)
    return function


if __name__ == "__main__":
    _, package, name, *parameters = sys.argv
    sys.argv = [name, *parameters]
    find(package, name)()
