"""A workspace around a scheduler, which one personal token may call."""

from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.server import DatabricksServer


def serving(scheduler: Scheduler) -> DatabricksServer:
    return DatabricksServer(scheduler, authority=Authority(tokens=["personal"]))
