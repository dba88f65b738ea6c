"""Mistakes that type checkers find, told to those who use none."""

from collections.abc import Mapping, Sequence

from zflow_constructs.core.values.errors import WorkflowError, refuse_text
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.databricks.tasks.compute import Compute
from zflow_constructs.databricks.tasks.libraries import DatabricksLibrary
from zflow_constructs.databricks.tasks.task import DatabricksTask


def check_handed(
    owner: str,
    *,
    tasks: Mapping[str, DatabricksTask],
    cluster: Compute | None,
    libraries: Sequence[DatabricksLibrary],
    inputs: Mapping[str, DataLocation],
    outputs: Sequence[str],
) -> None:
    """Checks that a step was handed values of the right kinds, and says which ones these are.

    Args:
        owner: the step, for messages: `Step "Extract"`.
        tasks: its tasks.
        cluster: on what they run.
        libraries: what they find installed.
        inputs: the data that it reads.
        outputs: the names of what it writes.

    Raises:
        WorkflowError: one of them is something else.
    """
    refuse_text(owner, "outputs", outputs)
    for key, task in tasks.items():
        if not isinstance(task, DatabricksTask):
            kind = type(task).__name__
            raise WorkflowError(
                f'{owner}: tasks["{key}"] is a {kind}. Wrap it: DatabricksTask({kind}(...)), which also takes after=, '
                "cluster= and others."
            )
    clusters = {"cluster": cluster, **{f'the cluster of task "{key}"': task.cluster for key, task in tasks.items()}}
    for keyword, given in clusters.items():
        if isinstance(given, str):
            raise WorkflowError(
                f'{owner}: {keyword} is "{given}". A cluster that is there is ExistingCluster("{given}"); one of the '
                "run's own JobCluster(...); no cluster at all ServerlessCompute()."
            )
    for library in (*libraries, *(each for task in tasks.values() for each in task.libraries)):
        if not isinstance(library, DatabricksLibrary):
            raise WorkflowError(
                f"{owner}: libraries has {library!r}. A package from PyPI is "
                'DatabricksLibrary.from_pypi("pandas==2.3.3"); wheels, jars and packages of Maven have a from_... of '
                "their own."
            )
    for name, location in inputs.items():
        if not isinstance(location, DataLocation):
            raise WorkflowError(
                f'{owner}: inputs["{name}"] is {location!r}. Data of another step is step.outputs["..."], data in S3 '
                'DataLocation.from_bucket(bucket, "prefix/"); a plain text is one of the parameters.'
            )
