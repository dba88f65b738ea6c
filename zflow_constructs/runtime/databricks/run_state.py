"""Where a run, or one task's run, is in its life.

See https://docs.databricks.com/api/workspace/jobs/getrun
"""

from dataclasses import dataclass

from documents import Document, child, text

FINAL_STATES = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}
"""Every other life-cycle state, known or not, means that the run goes on."""

TRANSIENT_TYPES = {"CLOUD_FAILURE", "INTERNAL_ERROR"}

TRANSIENT_CODES = {
    "BREAKING_CHANGE",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED",
    "REPOSITORY_CHECKOUT_FAILED",
    "WORKSPACE_RUN_LIMIT_EXCEEDED",
}

PERMANENT_CODES = {
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "FEATURE_DISABLED",
    "LIBRARY_INSTALLATION_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNAUTHORIZED_ERROR",
    "USER_CANCELED",
}


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run, or of one task's run.

    The API tells it twice: in `state` (older, with the life cycle and the result) and in `status` (newer, with the
    termination's details). Both are read, so that either may be missing.
    """

    life_cycle: str
    result: str
    message: str
    code: str
    type: str

    @staticmethod
    def from_document(document: Document) -> "RunState":
        """Read `state` and `status`."""
        state, status = child(document, "state"), child(document, "status")
        details = child(status, "termination_details")
        return RunState(
            life_cycle=text(state, "life_cycle_state") or text(status, "state"),
            result=text(state, "result_state"),
            message=text(state, "state_message") or text(details, "message"),
            code=text(details, "code"),
            type=text(details, "type"),
        )

    @property
    def final(self) -> bool:
        """Whether the state will never change again."""
        return self.life_cycle in FINAL_STATES

    @property
    def succeeded(self) -> bool:
        """Whether the run ended in full success: SUCCESS alone, not SUCCESS_WITH_FAILURES."""
        return self.life_cycle == "TERMINATED" and (self.result or self.code) == "SUCCESS"

    @property
    def succeeded_with_failures(self) -> bool:
        """Whether the run went on to its end although tasks failed."""
        return self.life_cycle == "TERMINATED" and (self.result or self.code) == "SUCCESS_WITH_FAILURES"

    @property
    def permanent(self) -> bool:
        """Whether the details of the failure say that every new attempt would fail as well."""
        return self.code in PERMANENT_CODES or self.code.startswith("INVALID_")

    @property
    def transient(self) -> bool:
        """Whether the details of the failure say that a new attempt may succeed."""
        return not self.permanent and (self.type in TRANSIENT_TYPES or self.code in TRANSIENT_CODES)

    @property
    def verdict(self) -> str:
        """The most telling of the state's names."""
        names = (self.result or self.life_cycle, self.code)
        return " / ".join(dict.fromkeys(name for name in names if name))
