"""Databricks: a workspace, tasks and what they run on, and the step that runs them.

`tasks` are values: what a run does, on which compute, with which libraries and code. `workspace` is made once: the
Lambda, its role and credentials, the bucket of its records. `step` has `DatabricksJobStep`, which renders the request
(checked against Databricks' own description), submits it through the Lambda, watches the run, and reads its outputs.
"""
