"""Requests held against the service's own description of them, at synth.

A step renders the request that its state will send, overrides included. The shapes of botocore (and of Databricks, in
its family) say which fields exist, which are required and what they may hold. What doesn't fit is a `WorkflowError`
that names the step and the field.
"""
