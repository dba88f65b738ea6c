"""What a user declares of an endpoint, as frozen values: each checks itself and knows its fields of the request."""
