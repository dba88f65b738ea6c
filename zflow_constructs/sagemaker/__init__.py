"""The SageMaker family: jobs, models and endpoints as steps.

A step takes images, locations and settings, renders one request of SageMaker's API (checked against the service model),
and gives the result's fields as outputs. `images` and `jobs` are what all of them share; `model` stands on these, and
`training`, `processing`, `transform` and `endpoint` on that. The last four never import each other.
"""
