"""The process inside a local serving container: a script's functions behind `/ping` and `/invocations`.

It runs as `python -m model_server` with the folder above on the path, so that it loads neither the package that starts
it nor what that imports. Its modules import each other relatively for the same reason.
"""
