"""Metrics, told in a line of the log: CloudWatch's embedded metric format.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from typing import Literal

from documents import Document

NAMESPACE = "zflow/Databricks"

Name = Literal["Submissions", "Looks", "WaitSeconds", "Retries", "Cancellations"]


class Metrics:
    """What one invocation has to tell.

    Submissions counts runs that were submitted, started or repaired; Looks counts looks at runs; WaitSeconds is the
    wait until the next; Retries counts calls that were tried again; Cancellations counts those asked for; Failures
    counts errors, by their name too.
    """

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._error = ""

    def add(self, name: Name, value: int = 1) -> None:
        """Add to a metric."""
        self._values[name] = self._values.get(name, 0) + value

    def fail(self, error: str) -> None:
        """Count the failure of the invocation."""
        self._error = error

    def document(self, *, workspace: str, at: float) -> Document:
        """The metrics as members of one line of the log; empty when there is nothing to tell.

        {"_aws": {"Timestamp": 1700000000000, "CloudWatchMetrics": [{"Namespace": "zflow/Databricks",
         "Dimensions": [["Workspace"]], "Metrics": [{"Name": "Looks", "Unit": "Count"}]}]},
         "Workspace": "prod", "Looks": 1}
        """
        directives: list[Document] = []
        values: dict[str, object] = {"Workspace": workspace}
        if self._values:
            directives.append(_directive([["Workspace"]], list(self._values)))
            values |= self._values
        if self._error:
            directives.append(_directive([["Workspace"], ["Workspace", "Error"]], ["Failures"]))
            values |= {"Error": self._error, "Failures": 1}
        if not directives:
            return {}
        return {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": directives}, **values}


def _directive(dimensions: list[list[str]], names: list[str]) -> Document:
    metrics = [{"Name": name, "Unit": "Seconds" if name == "WaitSeconds" else "Count"} for name in names]
    return {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
