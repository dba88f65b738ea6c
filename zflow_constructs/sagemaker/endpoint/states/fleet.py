"""The variants of an endpoint with the models that serve in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.endpoint.settings.variants import ALL_TRAFFIC, EndpointVariant
from zflow_constructs.sagemaker.endpoint.states.scaling import EndpointScaling, ScaledVariant
from zflow_constructs.sagemaker.jobs.network import Network
from zflow_constructs.sagemaker.model.model import StepModel
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step


@dataclass(frozen=True)
class Fleet:
    """The variants of an endpoint with the models that serve in them.

    Args:
        step: the endpoint's step.
        variants: its production variants.
        shadow_variants: its shadow variants.
        models: the models that the step makes, by the variant's name.
        role: the role of the models that the step makes.
    """

    step: Step
    variants: Sequence[EndpointVariant]
    shadow_variants: Sequence[EndpointVariant]
    models: Mapping[str, StepModel]
    role: iam.IRole

    @classmethod
    def of(
        cls,
        step: Step,
        variants: Sequence[EndpointVariant],
        shadow_variants: Sequence[EndpointVariant],
        *,
        base: str,
        role: iam.IRole,
        network: Network | None,
        network_isolation: bool,
        tags: Mapping[str, str | Expression] | None,
    ) -> "Fleet":
        """The variants of a step, with a model for each that has none.

        Args:
            step: the endpoint's step.
            variants: its production variants.
            shadow_variants: its shadow variants.
            base: what the models' names begin with.
            role: the models' role.
            network: The VPC that they serve in. `None`: SageMaker's own
            network_isolation: whether their containers can't reach any network.
            tags: the models' tags.
        """
        models = {
            variant.name: StepModel.of(
                step,
                variant.containers,
                machine=variant.machines(step.label).type,
                role=role,
                title="model" if variant.name == ALL_TRAFFIC else f"model {variant.name}",
                base=base,
                network=network,
                network_isolation=network_isolation,
                tags=tags,
            )
            for variant in (*variants, *shadow_variants)
            if variant.containers
        }
        return cls(step, variants, shadow_variants, models, role)

    @property
    def names(self) -> list[str]:
        """The names of the production variants."""
        return [variant.name for variant in self.variants]

    @property
    def roles(self) -> list[iam.IRole]:
        """The roles that serve: that of the step's own models, and those of models that were there."""
        there = [variant.model.role for variant in (*self.variants, *self.shadow_variants) if variant.model]
        return list(dict.fromkeys([*([self.role] if self.models else []), *there]))

    @property
    def fields(self) -> dict[str, Template]:
        """`{"ProductionVariants": [...], "ShadowProductionVariants": [...]}`."""
        shadow = self._rendered(self.shadow_variants)
        return {
            "ProductionVariants": self._rendered(self.variants),
            **({"ShadowProductionVariants": shadow} if shadow else {}),
        }

    def scaling(self, endpoint: str) -> EndpointScaling | None:
        """How the variants scale: `None` if none does.

        Args:
            endpoint: the endpoint's name.
        """
        scaled = [
            ScaledVariant(
                variant.name,
                variant.autoscaling,
                "" if variant.serverless else variant.machines(self.step.label).type,
            )
            for variant in self.variants
            if variant.autoscaling
        ]
        return EndpointScaling(self.step.name, endpoint, scaled) if scaled else None

    def bind(self, binding: Binding) -> None:
        """Lets the models load their data, and the state machine create them.

        Args:
            binding: the workflow.
        """
        for model in self.models.values():
            model.bind(binding, deletes=False)

    def _rendered(self, variants: Sequence[EndpointVariant]) -> list[dict[str, Template]]:
        return [
            variant.render(self.step.label, variant.model.name if variant.model else self.models[variant.name].name)
            for variant in variants
        ]
