"""`DatabricksJobStep`, and what it is made of.

`request` renders what is submitted and `api` holds it against Databricks' own description; `handed` refuses what was
passed by mistake; `watching` has the states: submit, wait, check, repeat. `permissions` say who may see and manage the
run.
"""
