"""AWS on this machine: moto in this process, with the hooks that make it run a machine learning workflow for real.

moto answers the AWS APIs and interprets the Amazon States Language. What it lacks is hooked in, one small module a
service, each a context manager that takes its hooks away again:

server.py              all of it together, on 127.0.0.1
  hooks.py               how a hook is put in and taken out
  clients.py             the run's own clients
  errors.py              the errors that the hooks' APIs answer with
jsonata.py             JSONata expressions and variables
interpreter.py         where moto's interpreter differs from Step Functions
integrations.py        the service integrations of a Task
  sagemaker_task.py      SageMaker's optimized one, with `.sync`
  execution_task.py      Step Functions' own, with `.sync` and `.sync:2`
stepfunctions.py       machines of CloudFormation; executions, their events and status
  variables.py           the scopes of variables
  statuses.py            the status of executions
  redrive.py             RedriveExecution
  task_tokens.py         the tokens of `.waitForTaskToken`
  aborts.py              what ends with a failed state, or a stopped execution
  maps.py                Map states
    map_runs.py            a run of a Distributed Map
dynamodb.py            DynamoDB's writes in one step
sagemaker.py           SageMaker's API
  sagemaker_jobs.py      training, transform and processing jobs, as local processes
  sagemaker_endpoints.py models and endpoints, as local processes
  sagemaker_registry.py  the model registry
lambda_.py             Lambda's invocations
  callers.py             and which state makes them
  lambda_process.py      a function's processes
  lambda_runtime.py      what runs in such a process
  function_urls.py       functions behind a URL
cloudformation.py      the resource types that moto doesn't know
  resource_types.py      the types that a run honours, and why some do nothing
messages.py            SNS's messages, which somebody hears of
events.py              EventBridge's delivery to Lambda, and Step Functions' status events

They are hooks into moto's internals: its version is pinned exactly, and each hook has a test.
"""
