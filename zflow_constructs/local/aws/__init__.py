"""AWS on this machine: moto in this process, with the hooks that make it run a machine learning workflow for real.

moto answers the AWS APIs and interprets the Amazon States Language. What it lacks is hooked in, one small module a
service, each a context manager which takes its hooks away again:

- `jsonata`: JSONata expressions and variables.
- `interpreter`: the interpreter's differences from Step Functions.
- `stepfunctions`: machines from CloudFormation, executions, their events, redrive.
- `integrations`: the service integrations of a Task, SageMaker's `.sync` ones among them.
- `sagemaker`, `sagemaker_jobs`, `sagemaker_endpoints`: SageMaker, whose jobs and endpoints are local processes.
- `functions`, `lambda_runtime`: Lambda, each function in a process of its own.
- `cloudformation`: the resource types that moto doesn't know.
- `events`: EventBridge's delivery to Lambda.
- `server`: all of it together, on 127.0.0.1.

They are hooks into moto's internals: its version is pinned exactly, and each hook has a test.
"""
