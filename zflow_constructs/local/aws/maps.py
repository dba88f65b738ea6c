"""Map states, and among them Distributed Maps, whose items are executions of their own.

See https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
"""

from collections.abc import Iterator
from contextlib import contextmanager

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import Job
from moto.stepfunctions.parser.asl.eval.environment import Environment

from zflow_constructs.local.aws.hooks import all_replaced
from zflow_constructs.local.aws.map_runs import MapRun
from zflow_constructs.local.aws.redrive import items_of


@contextmanager
def maps() -> Iterator[None]:
    """Let a state know the items that it is in, and a Distributed Map be one.

    moto's reads outer variables, belongs to the execution around it, and tolerates every failure.
    """
    run_item = IterationWorker._eval_job  # noqa: SLF001

    def run_numbered(self: IterationWorker, env: Environment, job: Job) -> None:
        env.items = (*items_of(env), job.job_index)
        run_item(self, env, job)

    def run_distributed(self: DistributedIterationComponent, env: Environment) -> None:
        MapRun(self, env).run()

    with all_replaced(
        (IterationWorker, "_eval_job", run_numbered),
        (DistributedIterationComponent, "_eval_body", run_distributed),
    ):
        yield
