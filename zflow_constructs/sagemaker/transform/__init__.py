"""Batch transform: predictions over a data set, by one container or a chain of them.

`BatchTransformStep` makes the model that it needs, runs the job, and deletes the model again, whether the job succeeded
or failed. `records` says how the data is split, filtered and joined.
"""
