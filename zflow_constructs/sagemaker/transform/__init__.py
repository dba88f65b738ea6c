"""Batch transform: predictions over a data set, by one container or a chain of them.

`BatchTransformStep` makes the model that it needs, runs the job, and deletes the model again when the job has
succeeded; that of a failed job stays, for a redrive. `records` says how the data is split, filtered and joined.
"""
