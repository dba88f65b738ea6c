"""The states that bring an endpoint to a new configuration, and what is known of it meanwhile.

`rollout` puts them together: `state` looks at the endpoint, `fleet` has the variants with their models, `scaling` sets
the variants up to scale, `update` has the fields of an update and of putting back, `history` finds the earlier
configurations. `rules` are what SageMaker's kinds of endpoints can't do; `metrics` are those of the endpoint.
"""
