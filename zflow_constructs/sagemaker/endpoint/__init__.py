"""Endpoints: `InferencePipelineEndpoint` brings one to a new configuration, `DeleteEndpointStep` takes it away.

`settings` are the values that a user declares: variants, deployment, rollback, scaling, smoke test. `states` turns them
into the states of a rollout: look, create or update, wait, check which configuration serves, test, put back. The two
constructs put these together, with the rights of the state machine and of the endpoint's role.
"""
