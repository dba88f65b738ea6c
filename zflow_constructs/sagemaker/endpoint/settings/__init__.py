"""What a user declares of an endpoint, as frozen values: variants, deployment, rollback, scaling, smoke test.

Each checks itself when it is made, and knows its fields of SageMaker's requests. The endpoint's constructs hand them to
`states`, which brings the endpoint there.
"""
