"""The `zflow` command: one module for each subcommand, each importing its extra only when it is used.

A subcommand reads the assembly (`zflow_constructs.assembly`), hands what it found to the package that does the work,
and prints the result. What it can't use it raises as an `InputError`; `main` turns that into one message and exit code
2.
"""
