"""A Databricks workspace as workflows reach it: credentials, the Lambda that calls it, the bucket of its records.

One construct, used by the steps of any stack. The watcher is a state machine that watches very long runs, so that the
history of the workflow stays short.
"""
