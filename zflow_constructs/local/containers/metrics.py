"""Metrics that a training job prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import MetricDefinitionTypeDef


class MetricReader:
    """Finds metrics in a log by `MetricDefinitions`, as CloudWatch does; the last value of each is its final one.

    Args:
        definitions: Each with `Name` and `Regex`, whose first group is the value.

    Example:
        MetricReader([{"Name": "validation:auc", "Regex": "auc=([0-9.]+)"}])
    """

    def __init__(self, definitions: Sequence[MetricDefinitionTypeDef]) -> None:
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self.final: dict[str, float] = {}

    def read(self, line: str) -> None:
        """Note the values in a line; what the pattern takes for one but isn't a number is left out, as on AWS.

        Args:
            line: One line of the log.
        """
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    self.final[name] = float(match.group(1))
                except (IndexError, TypeError, ValueError):
                    continue
