"""Endpoints on SageMaker: real-time, serverless and asynchronous ones."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, Duration, Names, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.core.states.fragment import Fragment, Part
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.requests.aws import sagemaker_request, validate_request
from zflow_constructs.sagemaker.endpoint.settings.async_inference import AsyncInference
from zflow_constructs.sagemaker.endpoint.settings.autoscaling import AutoScaling
from zflow_constructs.sagemaker.endpoint.settings.data_capture import DataCapture
from zflow_constructs.sagemaker.endpoint.settings.deployment import Deployment
from zflow_constructs.sagemaker.endpoint.settings.rollback import Rollback
from zflow_constructs.sagemaker.endpoint.settings.smoke_test import SmokeTest
from zflow_constructs.sagemaker.endpoint.settings.variants import (
    ALL_TRAFFIC,
    EndpointVariant,
    Serverless,
    production_variants,
)
from zflow_constructs.sagemaker.endpoint.states.fleet import Fleet
from zflow_constructs.sagemaker.endpoint.states.history import EndpointHistory
from zflow_constructs.sagemaker.endpoint.states.metrics import EndpointMetrics
from zflow_constructs.sagemaker.endpoint.states.rollout import POLL_SECONDS, EndpointRollout, Sample
from zflow_constructs.sagemaker.endpoint.states.rules import check_endpoint, check_waits, doubts
from zflow_constructs.sagemaker.endpoint.states.state import EndpointState, check_name, shortened
from zflow_constructs.sagemaker.endpoint.states.update import EndpointUpdate
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.execution_role import execution_role, grant_disks
from zflow_constructs.sagemaker.jobs.job_fields import tag_fields
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.model.model import Model
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step, StepGroup
from zflow_constructs.steps.time_limit import TimeLimit

_DAY = 86_400


class InferencePipelineEndpoint(Step):
    """Puts a model, or a chain of up to 15 containers, behind an endpoint, and waits until it serves.

    The endpoint is created at the first run, and updated without downtime at each later one. The step succeeds only if
    the configuration of this run is the one in service: an update that SageMaker rolled back also ends `InService`, and
    is a failure here, with the old configuration still serving.
    https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        containers: 1 to 15 containers; each one's answer is the next one's request. Default: `model` or `variants`
        model: a model that is there already. Default: made of `containers`
        variants: several models that share the traffic. Default: one, of `containers` or `model`
        shadow_variants: one that gets a copy of the traffic, and answers to nobody. Default: none
        endpoint_name: the name that clients invoke: lower case letters, digits and `-`, 63 at most; its models and
            configurations are named after it. Default: made of the construct's path
        serverless: serve without machines. Default: on machines
        asynchronous: queue requests, and write answers to S3. Default: answer at once
        deployment: how an update moves the traffic. Default: all of it at once, as SageMaker does
        rollback: the alarms that roll an update back. Default: one server error in a hundred requests if there is a
            `deployment`, else none
        smoke_test: a sample request that has to be answered; if it isn't, the configuration before is put back, and the
            step fails. Default: none
        data_capture: what of the requests and answers is kept. Default: nothing
        keep_previous: how many earlier configurations are kept, with their models, to go back to: the one that served
            before and the newest others, 99 at most. The rest is deleted when this run's serves. Default: 3
        instance_type: the machine. Default: m5.large
        instance_count: how many machines, at first if they scale. Default: 1
        autoscaling: how the machines scale. Default: they don't
        timeout: the step fails if the endpoint does not serve within this time. Default: as the workflow says, 2 hours
        vpc: the VPC that the model serves in; S3, ECR and CloudWatch are reached from there. Default: that of SageMaker
        subnets: which of the VPC's subnets. Default: the private ones
        security_groups: those of the model. Default: a new one
        network_isolation: whether the containers can't reach any network. They can't fetch `code` then. Default: no
        volume_key: what the machines' disks are encrypted with. Default: SageMaker's own key
        tags: tags of the endpoint, its configurations and its models. Default: none
        role: the role of the models; the step grants it what it needs. Default: a new one
        request_overrides: fields of CreateEndpointConfig that have no keyword here, laid over it. Default: none
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: SageMaker would refuse the model or the configuration.

    Example:
        endpoint = InferencePipelineEndpoint(self, "Endpoint", containers=[preprocessor, classifier],
                                             deployment=Deployment.canary(Capacity.percent(10),
                                                                          wait_interval=Duration.minutes(10)),
                                             when=train.metric("validation:auc") >= 0.75)
    """

    kind = "SageMaker endpoint"
    repeatable = False

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Sequence[ModelContainer] = (),
        model: Model | None = None,
        variants: Sequence[EndpointVariant] = (),
        shadow_variants: Sequence[EndpointVariant] = (),
        endpoint_name: str | None = None,
        serverless: Serverless | None = None,
        asynchronous: AsyncInference | None = None,
        deployment: Deployment | None = None,
        rollback: Rollback | None = None,
        smoke_test: SmokeTest | None = None,
        data_capture: DataCapture | None = None,
        keep_previous: int = 3,
        instance_type: ec2.InstanceType | None = None,
        instance_count: int = 1,
        autoscaling: AutoScaling | None = None,
        timeout: Duration | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        network_isolation: bool = False,
        volume_key: kms.IKey | None = None,
        tags: Mapping[str, str | Expression] | None = None,
        role: iam.IRole | None = None,
        request_overrides: Mapping[str, Template] | None = None,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        # A long path loses its middle, where two separators may meet.
        made = Names.unique_resource_name(self, max_length=63, separator="-").lower().replace("--", "-")
        self._endpoint_name = endpoint_name or made
        check_name(self.label, self._endpoint_name)
        if not 0 <= keep_previous <= 99:
            raise WorkflowError(f"{self.label}: keep_previous is {keep_previous}. Give 0 to 99.")
        single = EndpointVariant(
            ALL_TRAFFIC,
            containers=containers,
            model=model,
            instance_type=instance_type,
            instance_count=instance_count,
            serverless=serverless,
            autoscaling=autoscaling,
        )
        served = production_variants(self.label, variants, single)
        self._limit = TimeLimit.of(self.label, "timeout", timeout, inherits="endpoint", least=60, most=_DAY)
        if deployment is not None or rollback is not None:
            # SageMaker takes alarms with a deployment alone.
            deployment, rollback = deployment or Deployment.all_at_once(), rollback or Rollback()
        self._deployment = deployment
        given = {
            "data_capture": data_capture,
            "network_isolation": network_isolation,
            "smoke_test": smoke_test,
            "vpc": vpc,
        }
        check_endpoint(
            self.label,
            variants=served,
            shadow_variants=shadow_variants,
            asynchronous=asynchronous is not None,
            deployment=deployment,
            used=[keyword for keyword, value in given.items() if value],
        )
        if self._limit.own is not None:
            check_waits(self.label, deployment, self._limit.own)
        for number, doubt in enumerate(doubts(served, deployment)):
            Annotations.of(self).add_warning_v2(f"zflow_constructs:endpoint{number}", doubt)
        self._job = JobName(self.name, base=shortened(self._endpoint_name))
        every = [*served, *shadow_variants]
        there = [variant.model.role for variant in every if variant.model]
        if len(there) == len(every) and (role or vpc or network_isolation):
            raise WorkflowError(
                f"{self.label}: role, vpc and network_isolation are those of a model that is made here, and all of its "
                "models are there already. Remove them."
            )
        logs = f"Endpoints/{self._endpoint_name}"
        self._role = there[0] if len(there) == len(every) else execution_role(self, role, log_group=logs)
        self._fleet = Fleet.of(
            self,
            served,
            shadow_variants,
            base=self._job.base,
            role=self._role,
            network=Network.of(self, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=1),
            network_isolation=network_isolation,
            tags=tags,
        )
        self._data_capture = data_capture
        self._asynchronous = asynchronous
        self._volume_key = volume_key
        self._tags = tag_fields(self.label, tags)
        self._alarms = (
            [] if rollback is None else rollback.create(self, endpoint=self._endpoint_name, variants=self._fleet.names)
        )
        self._sample: Sample | None = None
        if smoke_test is not None:
            sender = smoke_test.function(self, endpoint=self._endpoint_name, endpoint_arn=self.endpoint_arn)
            self._sample = Sample(smoke_test, sender)
        self._kept = keep_previous
        self._scaling = self._fleet.scaling(self._endpoint_name)
        self._request = sagemaker_request(
            id, "CreateEndpointConfig", self._config(), request_overrides, name_field="EndpointConfigName"
        )
        validate_request(self.name, "sagemaker", "CreateEndpoint", {**self._names, **self._tags})
        self._update = EndpointUpdate(deployment, self._alarms, self._scaling)
        for fields in (self._update.fields, self._update.put_back_fields):
            validate_request(self.name, "sagemaker", "UpdateEndpoint", {**self._names, **fields})

    @property
    def role(self) -> iam.IRole:
        """The role that SageMaker assumes for the models."""
        return self._role

    @property
    def endpoint_name(self) -> str:
        """The name that clients invoke: the same in every run."""
        return self._endpoint_name

    @property
    def endpoint_arn(self) -> str:
        """The endpoint's ARN."""
        return Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=self._endpoint_name)

    @property
    def config_name(self) -> Expression:
        """The name of the configuration that this run put into service."""
        return self.result("config_name", kind="string")

    @property
    def captured(self) -> DataLocation:
        """Where requests and answers are kept.

        Raises:
            WorkflowError: The endpoint keeps none.
        """
        if self._data_capture is None:
            raise WorkflowError(f"{self.label} captures no data. Give data_capture=DataCapture(...).")
        return self._data_capture.destination(self)

    @property
    def alarms(self) -> Sequence[cloudwatch.IAlarm]:
        """The alarms that roll an update back; they ring at any other time, too."""
        return tuple(self._alarms)

    @property
    def looks(self) -> int:
        """One every half minute, until the time is over: twice, if a smoke test can have the update put back."""
        rounds = 1 if self._sample is None else 2
        return rounds * self._seconds // POLL_SECONDS

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone send requests to the endpoint.

        Args:
            grantee: a role, a user, or what has one.
        """
        action = "sagemaker:InvokeEndpointAsync" if self._asynchronous else "sagemaker:InvokeEndpoint"
        return iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=[self.endpoint_arn])

    def metric_invocations(self, variant: str = "") -> cloudwatch.Metric:
        """How many requests came, in five minutes.

        Args:
            variant: the variant's name. Default: the first one
        """
        return self._metrics.of(variant, "Invocations", "Sum")

    def metric_invocation_5xx_errors(self, variant: str = "") -> cloudwatch.Metric:
        """How many requests failed on the endpoint's side, in five minutes.

        Args:
            variant: the variant's name. Default: the first one
        """
        return self._metrics.of(variant, "Invocation5XXErrors", "Sum")

    def metric_model_latency(self, variant: str = "") -> cloudwatch.Metric:
        """How long the containers took, in microseconds: the 99th percentile of five minutes.

        Args:
            variant: the variant's name. Default: the first one
        """
        return self._metrics.of(variant, "ModelLatency", "p99")

    def dashboard_row(self) -> Sequence[cloudwatch.IWidget]:
        """A row of a CloudWatch dashboard: requests, failures, latencies.

        Example:
            `Dashboard(self, "Dashboard").add_widgets(*endpoint.dashboard_row())`
        """
        return self._metrics.row()

    def fragment(self) -> Fragment:
        """The states that create the endpoint or update it, and wait until the wanted configuration serves.

        `Endpoint: model` -> `Endpoint: config` -> `Endpoint: look` -> `Endpoint: exists?` -> `Endpoint: create` or
        `Endpoint: update` -> `Endpoint: wait` -> `Endpoint: check` -> `Endpoint: settled?` -> `Endpoint` -> ...
        """
        models = list(self._fleet.models.values())
        check_waits(self.label, self._deployment, self._seconds)
        following = [*(model.state_name for model in models), f"{self.name}: config"]
        creations: dict[str, Part] = {
            model.state_name: model.creation(then=then) for model, then in zip(models, following[1:], strict=True)
        }
        return Fragment({**creations, **self._rollout(start=following[0]).states()}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the models load their data, and the state machine create and update this endpoint alone."""
        self._fleet.bind(binding)
        self._history.bind(binding)
        configs = binding.job_arn("endpoint-config", self._job)
        tagging = ["sagemaker:AddTags"] if self._tags else []
        binding.allow(["sagemaker:CreateEndpointConfig", *tagging], [configs])
        # Creating and updating an endpoint are rights on the endpoint and on the configuration.
        binding.allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [self.endpoint_arn, configs])
        binding.allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint", *tagging], [self.endpoint_arn])
        for role in self._fleet.roles:
            if self._data_capture is not None:
                self._data_capture.bind(self, binding, role)
            if self._asynchronous is not None:
                self._asynchronous.bind(self, binding, role)
        self._update.bind(binding, self._fleet.roles)
        if self._scaling is not None:
            self._scaling.bind(binding)
        if self._sample is not None:
            binding.allow(["lambda:InvokeFunction"], [self._sample.function.function_arn])
        if self._volume_key is not None:
            grant_disks(binding.role, self._volume_key)

    @property
    def _seconds(self) -> int:
        return self._limit.seconds(self.timeouts)

    @property
    def _history(self) -> EndpointHistory:
        return EndpointHistory(self.name, self.variable, self._job, self._kept, self.retry.service_retriers())

    @property
    def _metrics(self) -> EndpointMetrics:
        return EndpointMetrics(self._endpoint_name, self._fleet.names)

    @property
    def _names(self) -> dict[str, Template]:
        return {"EndpointName": self._endpoint_name, "EndpointConfigName": self._job}

    def _config(self) -> dict[str, Template]:
        return {
            "EndpointConfigName": self._job,
            **self._fleet.fields,
            **(self._data_capture.fields(self) if self._data_capture else {}),
            **(self._asynchronous.fields(self) if self._asynchronous else {}),
            **({"KmsKeyId": self._volume_key.key_arn} if self._volume_key else {}),
            **self._tags,
        }

    def _rollout(self, *, start: str) -> EndpointRollout:
        return EndpointRollout(
            state=EndpointState(self.name, self.variable, self._endpoint_name, self._seconds),
            start=start,
            variants=self._fleet.names,
            config=self._request,
            created_with=self._tags,
            update=self._update,
            scaling=self._scaling,
            sample=self._sample,
            history=self._history,
            retry=self.retry.service_retriers(),
        )
