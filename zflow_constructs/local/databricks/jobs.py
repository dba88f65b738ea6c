"""The jobs of a local run: those whose settings it was given, in place of the workspace's."""

from zflow_constructs.local.databricks.errors import invalid
from zflow_constructs.local.databricks.reading import Json


class GivenJobs(dict[int, Json]):
    """The settings of the jobs by their ids; a job that is not among them is refused with the remedy."""

    def __missing__(self, job_id: int) -> Json:
        """Refuse a job that was not given.

        Raises:
            ApiError: Always.
        """
        raise invalid(
            f"Job {job_id} does not exist in this local run. Give it the job's settings, by the option "
            f"--databricks-job {job_id}=FILE, where FILE holds what `databricks jobs get {job_id}` prints."
        )
