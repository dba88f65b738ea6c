"""What the roles of a synthesized template may do, and why: a page for who reviews its security.

`statements` reads a template's roles, `reasons` says why zflow_constructs gives each right, `page` writes both down.
"""
