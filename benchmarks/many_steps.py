"""A workflow of many Lambda steps, one after the other: `python -m benchmarks.many_steps 1000`."""

import sys

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

import zflow_constructs as zflow


class ManySteps(Stack):
    """One function, called by every step with the count of the step before."""

    def __init__(self, scope: Construct, id: str, *, count: int) -> None:
        super().__init__(scope, id)
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context):\n    return {'count': event['count'] + 1}\n"),
        )
        steps = [zflow.LambdaStep(self, "Step1", function=function, payload={"count": 0}, outputs=["count"])]
        for number in range(2, count + 1):
            payload = {"count": steps[-1].outputs["count"]}
            steps.append(zflow.LambdaStep(self, f"Step{number}", function=function, payload=payload, outputs=["count"]))
        zflow.MlWorkflow(self, "Workflow", steps=steps)


if __name__ == "__main__":
    app = App()
    ManySteps(app, "ManySteps", count=int(sys.argv[1]))
    app.synth()
