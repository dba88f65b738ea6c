"""Real-time endpoints on SageMaker."""

import json
import re
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Names, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from zflow_constructs.binding import Binding
from zflow_constructs.containers import ModelContainer
from zflow_constructs.core.asl import EXIT, Catcher, Choice, Rule, Task, Wait
from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.fragment import Fragment
from zflow_constructs.core.references import REDRIVE_COUNT, JobName
from zflow_constructs.core.templates import Template
from zflow_constructs.execution_role import execution_role
from zflow_constructs.machines import Machines
from zflow_constructs.model import StepModel
from zflow_constructs.requests import sagemaker_request
from zflow_constructs.retry import SAGEMAKER
from zflow_constructs.step import Step, StepGroup, whole_seconds

_DAY = 86_400
_CALL_SECONDS = 60
_POLL_SECONDS = 30
_VARIANT = "AllTraffic"
_NAME = re.compile(r"[a-z0-9](-*[a-z0-9]){0,62}")


class InferencePipelineEndpoint(Step):
    """Puts a model, or a chain of up to 15 containers, behind a real-time endpoint, and waits until it serves.

    The endpoint is created at the first run, and updated without downtime at each later one. The step succeeds only if
    the configuration of this run is the one in service: an update that SageMaker rolled back also ends `InService`, and
    is a failure here, with the old configuration still serving.
    https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state and, with the workflow's, its models and configurations.
        containers: 1 to 15 containers; each one's answer is the next one's request.
        endpoint_name: the name that clients invoke: lower case letters, digits and `-`, 63 at most.
            Default: made of the construct's path
        instance_type: the machine. Default: m5.large
        instance_count: how many machines. Default: 1
        timeout: the step fails if the endpoint does not serve within this time. Default: 2 hours
        role: the role of the model; the step grants it what it needs. Default: a new one
        request_overrides: fields of CreateEndpointConfig that have no keyword here, laid over it. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the model or the configuration.

    Example:
        endpoint = InferencePipelineEndpoint(self, "Endpoint", containers=[preprocessor, classifier],
                                             when=train.metric("validation:auc") >= 0.75)
    """

    kind = "SageMaker endpoint"
    repeatable = False

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Sequence[ModelContainer],
        endpoint_name: str | None = None,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        timeout: Duration | None = None,
        role: iam.IRole | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._endpoint_name = endpoint_name or Names.unique_resource_name(self, max_length=63, separator="-").lower()
        if not _NAME.fullmatch(self._endpoint_name):
            raise WorkflowError(
                f'Step "{id}": endpoint_name is "{self._endpoint_name}". Give lower case letters, digits and single '
                '"-" between them, 63 at most (SageMaker\'s ARNs are in lower case, whatever the name).'
            )
        machines = Machines.of(self.label, instance_type, instance_count)
        self._role = execution_role(self, role, log_group=f"Endpoints/{self._endpoint_name}")
        self._model = StepModel.of(self, containers, machine=machines.type, role=self._role)
        self._config = JobName(self.name)
        self._seconds = whole_seconds(self.label, "timeout", timeout or Duration.hours(2), least=60, most=_DAY)
        variant: dict[str, Template] = {
            "VariantName": _VARIANT,
            "ModelName": self._model.name,
            "InitialInstanceCount": machines.count,
            "InstanceType": machines.type,
            "InitialVariantWeight": 1,
        }
        request: dict[str, Template] = {"EndpointConfigName": self._config, "ProductionVariants": [variant]}
        self._request = sagemaker_request(
            id, "CreateEndpointConfig", request, request_overrides, name_field="EndpointConfigName"
        )

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the model."""
        return self._role

    @property
    def endpoint_name(self) -> str:
        """The name that clients invoke: the same in every run."""
        return self._endpoint_name

    @property
    def endpoint_arn(self) -> str:
        """The endpoint's ARN."""
        return Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=self._endpoint_name)

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone send requests to the endpoint.

        Args:
            grantee: a role, a user, or what has one.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["sagemaker:InvokeEndpoint"], resource_arns=[self.endpoint_arn]
        )

    @property
    def looks(self) -> int:
        """One every half minute, until the time is over."""
        return self._seconds // _POLL_SECONDS

    def metric_invocations(self) -> cloudwatch.Metric:
        """How many requests came, in five minutes."""
        return self._metric("Invocations", "Sum")

    def metric_invocation_5xx_errors(self) -> cloudwatch.Metric:
        """How many requests failed on the endpoint's side, in five minutes."""
        return self._metric("Invocation5XXErrors", "Sum")

    def metric_model_latency(self) -> cloudwatch.Metric:
        """How long the containers took, in microseconds: the 99th percentile of five minutes."""
        return self._metric("ModelLatency", "p99")

    def fragment(self) -> Fragment:
        """The states that create the endpoint or update it, and wait until the wanted configuration serves.

        `Endpoint: model` -> `Endpoint: config` -> `Endpoint: look` -> `Endpoint: exists?` -> `Endpoint: create` or
        `Endpoint: update` -> `Endpoint: wait` -> `Endpoint` (describeEndpoint) -> `Endpoint: in service?`
        """
        name = self.name
        described = {"EndpointName": self._endpoint_name}
        with_config: dict[str, Template] = {**described, "EndpointConfigName": Jsonata(f"${self._config_variable}")}
        return Fragment(
            {
                f"{name}: model": self._model.creation(then=f"{name}: config"),
                f"{name}: config": self._call(
                    "createEndpointConfig", self._request, then=f"{name}: look", assign=self._config_assigned()
                ),
                f"{name}: look": Task(
                    resource="arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
                    arguments=self._until_deadline(described),
                    timeout_seconds=_CALL_SECONDS,
                    assign={self._found: Jsonata("$states.result.EndpointStatus")},
                    # A missing endpoint, throttling and a missing right bear one name: the message tells them apart.
                    catch=(Catcher(("SageMaker.SageMakerException",), f"{name}: exists?", self._not_found()),),
                    next=f"{name}: exists?",
                ),
                f"{name}: exists?": Choice(
                    (
                        Rule(Jsonata(f'${self._found} = "missing"'), f"{name}: create"),
                        Rule(
                            Jsonata(f'${self._found} in ["InService", "OutOfService", "UpdateRollbackFailed"]'),
                            f"{name}: update",
                        ),
                        # All that can be done with an endpoint whose creation failed; it serves nobody.
                        Rule(Jsonata(f'${self._found} = "Failed"'), f"{name}: delete"),
                    ),
                    default=f"{name}: wait for others",
                ),
                f"{name}: wait for others": Wait(_POLL_SECONDS, next=f"{name}: look"),
                f"{name}: delete": self._call("deleteEndpoint", described, then=f"{name}: wait for others"),
                f"{name}: create": self._call("createEndpoint", with_config, then=f"{name}: wait"),
                f"{name}: update": self._call("updateEndpoint", with_config, then=f"{name}: wait"),
                f"{name}: wait": Wait(_POLL_SECONDS, next=name),
                name: self._call(
                    "describeEndpoint",
                    self._until_deadline(described),
                    then=f"{name}: in service?",
                    assign=self._seen(),
                ),
                f"{name}: in service?": Choice(
                    (
                        Rule(Jsonata(f'${self.variable}.status = "live"'), EXIT),
                        Rule(Jsonata(f'${self.variable}.status = "again"'), f"{name}: model"),
                    ),
                    default=f"{name}: wait",
                ),
            },
            result=self.variable,
        )

    def bind(self, binding: Binding) -> None:
        """Lets the model load its data, and the state machine create and update this endpoint alone."""
        self._model.bind(binding, deletes=False)
        configs = binding.job_arn("endpoint-config", self._config)
        binding.allow(["sagemaker:CreateEndpointConfig"], [configs])
        # Creating and updating an endpoint are rights on the endpoint and on the configuration.
        binding.allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [self.endpoint_arn, configs])
        binding.allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], [self.endpoint_arn])

    @property
    def _config_variable(self) -> str:
        return f"{self.variable}_config"

    @property
    def _found(self) -> str:
        return f"{self.variable}_found"

    @property
    def _attempt(self) -> str:
        return f"{self.variable}_attempt"

    def _call(
        self, action: str, arguments: Template, *, then: str, assign: Mapping[str, Template] | None = None
    ) -> Task:
        return Task(
            resource=f"arn:aws:states:::aws-sdk:sagemaker:{action}",
            arguments=arguments,
            timeout_seconds=_CALL_SECONDS,
            assign=assign or {},
            retry=SAGEMAKER,
            next=then,
        )

    def _config_assigned(self) -> dict[str, Template]:
        return {
            self._config_variable: Jsonata('$substringAfter($states.result.EndpointConfigArn, "endpoint-config/")'),
            self._attempt: {
                "redrive": Jsonata(REDRIVE_COUNT),
                "deadline": Jsonata(f"$millis() + {self._seconds * 1000}"),
            },
        }

    def _until_deadline(self, arguments: dict[str, str]) -> Expression:
        """The arguments, or an error once the time is over. A redrive asks again."""
        late = self._message(f"does not serve after {self._seconds} seconds")
        over = f"$millis() > ${self._attempt}.deadline and {REDRIVE_COUNT} = ${self._attempt}.redrive"
        return Jsonata(f"{over} ? $error({late}) : {json.dumps(arguments)}")

    def _not_found(self) -> dict[str, Template]:
        cause = "$states.errorOutput.Cause"
        forbidden = self._message("could not be looked at")
        found = (
            f'$contains({cause}, "Could not find") ? "missing" : '
            f'$contains({cause}, "not authorized") ? $error({forbidden} & " " & {cause}) : "unknown"'
        )
        return {self._found: Jsonata(found)}

    def _seen(self) -> dict[str, Template]:
        """What the endpoint's state means: `live`, `changing`, or an error, after which a redrive begins `again`."""
        failed = self._message("does not serve this run's configuration: the update failed or was rolled back")
        status = (
            '$states.result.EndpointStatus = "InService" and '
            f'$states.result.EndpointConfigName = ${self._config_variable} ? "live" : '
            '$not($states.result.EndpointStatus in ["InService", "Failed", "UpdateRollbackFailed"]) ? "changing" : '
            f'{REDRIVE_COUNT} > ${self._attempt}.redrive ? "again" : '
            f'$error({failed} & " Status: " & $states.result.EndpointStatus & ". Reason: " & '
            "$string($states.result.FailureReason))"
        )
        return {self.variable: {"endpoint_name": self._endpoint_name, "status": Jsonata(status)}}

    def _message(self, problem: str) -> str:
        return json.dumps(f'Step "{self.name}": the endpoint {self._endpoint_name} {problem}.')

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map={"EndpointName": self._endpoint_name, "VariantName": _VARIANT},
            statistic=statistic,
        )
