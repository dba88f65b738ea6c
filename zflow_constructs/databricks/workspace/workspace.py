"""A Databricks workspace, and the Lambda that speaks to it."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.databricks.workspace.credentials import DatabricksCredentials
from zflow_constructs.databricks.workspace.watcher import watcher
from zflow_constructs.resources.private_bucket import private_bucket
from zflow_constructs.resources.queues import dead_letter_queue
from zflow_constructs.resources.runtime_function import FunctionNetwork, runtime_function

CALL_SECONDS = 120
"""How long a state waits for one call of the Lambda."""
# Less than the state's, so that a slow call ends by saying why, never as the state's own time-out.
_FUNCTION_SECONDS = CALL_SECONDS - 10
_NAMESPACE = "zflow/Databricks"
_HOST = re.compile(r"https://[^/\s?#@]+")
_PROXY = re.compile(r"http://[^/\s@]+(:\d+)?")
_KEPT = Duration.days(90)


class DatabricksWorkspace(Construct):
    """A Databricks workspace, and the one Lambda through which all its steps submit, watch and cancel their runs.

    Made once, it serves the steps of any number of workflows, in other stacks too.

    Args:
        scope: the construct that owns it.
        id: its id.
        host: `https://<workspace>.cloud.databricks.com`.
        credentials: who the workflows are to Databricks.
        vpc: the VPC that the Lambda runs in, for workspaces that are reached by a private link alone. From there it
            must reach Secrets Manager or STS, S3 and CloudWatch too. Default: none, the internet
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the Lambda. Default: a new one, which nothing gets into
        proxy: the HTTP proxy through which Databricks, and nothing else, is called, such as
            `http://proxy.internal:3128`. Default: none
        bucket: where the Lambda keeps its records, and the full outputs and logs of runs: a bucket for this alone; its
            key, if it has one, is granted with it. Default: a new one, encrypted, whose objects go after 90 days

    Raises:
        WorkflowError: the host is no `https://` address, the proxy no address, or there are subnets without a VPC.

    Example:
        databricks = DatabricksWorkspace(self, "Databricks", host="https://dbc-a1b2.cloud.databricks.com",
                                         credentials=DatabricksCredentials.from_oauth_secret(secret))
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        host: str,
        credentials: DatabricksCredentials,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        proxy: str | None = None,
        bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not Token.is_unresolved(host) and not _HOST.fullmatch(host):
            raise WorkflowError(
                f'DatabricksWorkspace "{id}": host is "{host}". '
                "Give https:// and the workspace's name alone, such as https://dbc-a1b2.cloud.databricks.com."
            )
        if proxy is not None and not Token.is_unresolved(proxy) and not _PROXY.fullmatch(proxy):
            shown = re.sub("//.*@", "//<hidden>@", proxy)
            raise WorkflowError(
                f'DatabricksWorkspace "{id}": proxy is "{shown}". Give an address such as http://proxy.internal:3128, '
                "without a user or a password: it stands in the template for all to read."
            )
        network = FunctionNetwork.of(
            f'DatabricksWorkspace "{id}"', vpc=vpc, subnets=subnets, security_groups=security_groups
        )
        self._name = str(self.node.path)
        # Databricks forgets its runs after 60 days; what was said of them is kept as long as logs are.
        self._bucket = bucket or private_bucket(self, "Runs", expiration=_KEPT)
        self._function, self._role = runtime_function(
            self,
            "Function",
            folder="databricks",
            description=f"Submits, watches and cancels runs on Databricks for the workspace {id}.",
            seconds=_FUNCTION_SECONDS,
            # A stop that fails, retries included, leaves a run going: it must not be lost.
            dead_letter_queue=dead_letter_queue(self, "DeadLetterQueue"),
            network=network,
            environment={
                "DATABRICKS_HOST": host,
                **credentials.environment,
                "DATABRICKS_BUCKET": self._bucket.bucket_name,
                "DATABRICKS_WORKSPACE": self._name,
                **({"DATABRICKS_PROXY": proxy} if proxy else {}),
            },
        )
        credentials.grant(self._role)
        for actions, resource in (
            (["s3:GetObject", "s3:PutObject"], self._bucket.arn_for_objects("*")),
            # Finds the runs of an execution that was stopped; of an object that isn't there, S3 says so to those alone.
            (["s3:ListBucket"], self._bucket.bucket_arn),
        ):
            self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        if key := self._bucket.encryption_key:
            key.grant_encrypt_decrypt(self._role)

    @property
    def function(self) -> lambda_.IFunction:
        """The Lambda."""
        return self._function

    @property
    def role(self) -> iam.IRole:
        """The Lambda's role: its ARN is the subject of a federation policy on Databricks."""
        return self._role

    @property
    def bucket(self) -> s3.IBucket:
        """Where the full outputs and logs of runs lie, below `<state machine>/<execution>/output/`."""
        return self._bucket

    @cached_property
    def watcher(self) -> sfn.IStateMachine:
        """The state machine that watches very long runs; made when a step first asks for it."""
        return watcher(self, "Watcher", function=self._function, call_seconds=CALL_SECONDS)

    def grant_read_outputs(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone read the full outputs and logs of runs.

        Args:
            grantee: a role, a user, or what has one.
        """
        return self._bucket.grant_read(grantee)

    def metric_submissions(self) -> cloudwatch.Metric:
        """How many runs were submitted, in five minutes."""
        return self._metric("Submissions", {})

    def metric_failures(self, error: str = "") -> cloudwatch.Metric:
        """How many calls of the Lambda failed, in five minutes: runs that failed, and requests that were refused.

        Args:
            error: of which class, such as `Databricks.RunFailed`. Default: of all
        """
        return self._metric("Failures", {"Error": error} if error else {})

    def metric_waiting(self) -> cloudwatch.Metric:
        """For how many seconds steps were told to wait, in five minutes: those of all steps together."""
        return self._metric("WaitSeconds", {})

    def _metric(self, name: str, dimensions: Mapping[str, str]) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"Workspace": self._name, **dimensions},
            statistic="Sum",
        )
