"""Values that exist only when the workflow runs, and the errors of a wrong declaration.

Users make expressions, conditions, outputs and run parameters; a template is any JSON that may hold them. Each value
knows what it is made of, so that the compiler finds what a step needs. With a `Scope`, which says what the names mean
where a state stands, it renders itself as JSONata.
"""
