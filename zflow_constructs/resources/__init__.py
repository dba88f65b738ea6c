"""CDK resources that several constructs make: state machines, Lambda functions, buckets, queues, the rendezvous table.

Constructs call these with a scope and typed keywords, and get the resource with its logs, encryption and retention set.
The Lambda code itself is in `runtime`, one folder for each function. Nothing here knows of steps.
"""
