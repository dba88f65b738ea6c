"""A regular package: a package of PyPI's that the tests need installs a `tests` of its own, which would come first."""
