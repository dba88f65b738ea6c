"""The local engine (extra `local`): it runs a synthesized workflow for real on one machine, its template unchanged.

A run has five stages. What flows from one to the next is a frozen value.

1. First the assembly is read: `load_workflow` of `zflow_constructs.assembly` gives the `Workflow`, with its stack and
   the stacks that this one needs. How to run it is `RunSettings`.
2. Then `Engine` refuses what it can't honour (`honoured`), makes the run folder (`record`), and starts the local AWS
   (`aws`): moto, whose hooks lead to the services (`services`) whose work local processes do. These are the containers
   of SageMaker's jobs and endpoints (`containers`), the Jobs API of Databricks (`databricks`) and the Lambda functions.
3. `Engine.deploy` creates each stack as `cdk bootstrap` and `cdk deploy` would (`bootstrap`): it uploads the assets,
   and hands the template to CloudFormation. The result is the `DeployedWorkflow`.
4. `DeployedWorkflow.run` starts an execution and waits for its end, and for what rules start after it. Meanwhile the
   history shows how far each step is (`executions`, `progress`), which `console` shows to a person.
5. At the end the `RunResult` says what became of the run. `record` keeps it in the run folder, with the objects of S3
   beside the logs, and `console` reports it.

However a run ends, `Engine.close` stops all that it started, down to the last process (`processes`). Nothing is
enforced that only AWS can: permissions, quotas, prices.
"""
