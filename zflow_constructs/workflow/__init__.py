"""The workflow: its steps as one state machine, with roles, logs, triggers and the steps at the end.

`MlWorkflow` checks its steps, binds them to its role and bucket, and compiles their fragments into one definition.
`finally_` is a second state machine for the steps at the end; `WorkflowStep` makes a workflow a step of another one.
"""
