"""An app with all that approvals need, looked at by cdk-nag, in a process of its own like `validated_app`."""

from contextlib import suppress

from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sns as sns
from cdk_nag import AwsSolutionsChecks

import zflow_constructs as zflow
from examples.acknowledging import acknowledge, partition, place, wildcards
from tests.parts import model

app = App()
stack = Stack(app, "Approving")
topic = sns.Topic(stack, "Topic", enforce_ssl=True)
page = zflow.ApprovalPage(stack, "Approvals")
group = zflow.ModelPackageGroup(stack, "Group", name="risk-scoring")
register = zflow.RegisterModelStep(stack, "Register", group=group, containers=[model(stack)])
by_link = zflow.ApprovalStep(
    stack, "ByLink", page=page, topic=topic, question="Go?", model_package=register.model_package
)
in_registry = zflow.RegistryApprovalStep(
    stack, "InRegistry", model_package=register.model_package, topic=topic, after=[by_link]
)
workflow = zflow.MlWorkflow(stack, "Workflow", steps=[register, by_link, in_registry])
REASONS = {
    page: {"*": "A task token says itself which task it is for: the action knows no resources."},
    workflow: {
        "*": "The delivery of logs and the traces of X-Ray have no ARN.",
        f"arn:{partition(stack)}:sagemaker:{place(stack)}:model-package/risk-scoring/*": (
            "A version's number is the registry's: the group is the limit."
        ),
    },
}
"""Why each wildcard stays."""
for scope, reasons in REASONS.items():
    for resource, reason in reasons.items():
        acknowledge(scope, wildcards(reason, [resource]))
acknowledge(workflow, {"AwsSolutions-S1": "A test has no bucket for access logs."})
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
with suppress(RuntimeError):
    app.synth()
