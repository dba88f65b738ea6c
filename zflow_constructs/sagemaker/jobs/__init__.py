"""What SageMaker's jobs have in common: role, rights, limits, instances, network, tags, hyperparameters.

Each is a value or a small construct that turns keywords of a step into fields of a request, and into rights of the
job's role. The steps put these fields together.
"""
