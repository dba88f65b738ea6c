"""An endpoint's metrics, and the row of a dashboard that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch

from zflow_constructs.sagemaker.endpoint.settings.rollback import variant_metric

_WIDTH = 24


@dataclass(frozen=True)
class EndpointMetrics:
    """The metrics of an endpoint's variants.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html

    Args:
        endpoint: the endpoint's name.
        variants: the names of its production variants.
    """

    endpoint: str
    variants: Sequence[str]

    def of(self, variant: str, name: str, statistic: str) -> cloudwatch.Metric:
        """A metric of one variant, over five minutes.

        Args:
            variant: the variant's name. Empty: the first one
            name: the metric's name.
            statistic: such as `Sum` or `p99`.
        """
        return variant_metric(self.endpoint, variant or self.variants[0], name, statistic)

    def row(self) -> list[cloudwatch.IWidget]:
        """Three graphs side by side: requests, failures, and how long they take."""
        return [
            self._graph("requests", [("Invocations", "Sum")]),
            self._graph("failures", [("Invocation4XXErrors", "Sum"), ("Invocation5XXErrors", "Sum")]),
            self._graph("microseconds", [("ModelLatency", "p50"), ("ModelLatency", "p99"), ("OverheadLatency", "p99")]),
        ]

    def _graph(self, title: str, shown: Sequence[tuple[str, str]]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=f"{self.endpoint}: {title}",
            width=_WIDTH // 3,
            left=[
                self.of(variant, name, statistic).with_(label=f"{variant} {name} {statistic}")
                for variant in self.variants
                for name, statistic in shown
            ],
        )
