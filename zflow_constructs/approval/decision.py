"""What steps that wait for somebody's decision have in common: their time, their escalation, and what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from zflow_constructs.core.states.asl import EXIT, Choice, Fail, Pass, Rule, State
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.references import RedriveCount, Variable
from zflow_constructs.core.values.syntax import Error, If
from zflow_constructs.core.values.templates import Scalar
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step, StepGroup

OnTimeout: TypeAlias = Literal["fail", "reject"]
"""What becomes of a step that nobody has decided in time."""

_LONGEST_SECONDS = 28 * 86_400


@dataclass(frozen=True)
class DecisionSettings:
    """What a step says of the decision that it waits for.

    Args:
        question: What is asked.
        details: What one should know to decide, by name.
        topic: Who is asked. `None`: nobody
        timeout: The step waits for this time. `None`: 3 days
        on_timeout: Whether it then fails, or counts as rejected.
        escalate_after: When somebody else is asked. `None`: never
        escalation_topic: Who. `None`: nobody
        fail_on_rejection: Whether a rejection fails the step.
    """

    question: str | Expression
    details: Mapping[str, Scalar | Expression]
    topic: sns.ITopic | None
    timeout: Duration | None
    on_timeout: OnTimeout
    escalate_after: Duration | None
    escalation_topic: sns.ITopic | None
    fail_on_rejection: bool


@dataclass(frozen=True)
class Escalation:
    """A second message, sent if nobody has decided.

    Args:
        seconds: When, from the first one on.
        topic: Who gets it.
    """

    seconds: int
    topic: sns.ITopic


class DecisionStep(Step):
    """A step that waits until somebody approves or rejects.

    Args:
        scope: The construct that owns the step.
        id: The step's id.
        settings: What it says of the decision.
        after: Steps, or groups of them, that must have ended before.
        when: The step runs only if this holds. `None`: always
        optional: Whether the workflow goes on when it fails.

    Raises:
        WorkflowError: A time is out of bounds, or only a part of the escalation is given.
    """

    kind = "approval"

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: DecisionSettings,
        *,
        after: Sequence[Step | StepGroup],
        when: Condition | None,
        optional: bool,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._question = settings.question
        self._details = as_texts(self.label, "details", settings.details)
        self._topic = settings.topic
        self._seconds = whole_seconds(
            self.label, "timeout", settings.timeout or Duration.days(3), least=2, most=_LONGEST_SECONDS
        )
        self._escalation = self._escalated(settings)
        self._rejects_in_time = settings.on_timeout == "reject"
        self._fails_on_rejection = settings.fail_on_rejection

    @property
    def decision(self) -> Expression:
        """What was decided: `approved` or `rejected`."""
        return self.result("decision", kind="string")

    @property
    def approved(self) -> Condition:
        """Whether it was approved: `when=approval.approved`."""
        return self.decision == "approved"

    @property
    def decided_by(self) -> Expression:
        """Who decided, as far as it is known; else an empty string."""
        return self.result("decided_by", kind="string")

    @property
    def comment(self) -> Expression:
        """What they said to it, or an empty string."""
        return self.result("comment", kind="string")

    def _escalated(self, settings: DecisionSettings) -> Escalation | None:
        after, topic = settings.escalate_after, settings.escalation_topic
        if after is None and topic is None:
            return None
        if after is None or topic is None:
            raise WorkflowError(
                f"{self.label}: escalate_after says when, and escalation_topic who is asked then. Give both, or none."
            )
        return Escalation(whole_seconds(self.label, "escalate_after", after, least=1, most=self._seconds - 1), topic)

    @property
    def _topics(self) -> list[sns.ITopic]:
        """Who is asked, first and last."""
        last = self._escalation.topic if self._escalation else None
        return [topic for topic in (self._topic, last) if topic]

    @property
    def _patience(self) -> int:
        """For how many seconds it waits for who is asked first."""
        return self._escalation.seconds if self._escalation else self._seconds

    @property
    def _asked(self) -> str:
        return f"{self.variable}_asked"

    @property
    def _too_late(self) -> str:
        return f"{self.name}: nobody decided"

    def _overdue(self) -> Expression:
        """An error that says who was asked, or nothing in a redrive, which asks again."""
        asked = ", ".join(topic.topic_arn for topic in self._topics) or "nobody"
        said = f"{self.label}: nobody decided within {self._seconds} seconds. Asked: {asked}. A redrive asks again."
        return If(RedriveCount() == Variable(self._asked)["redrive"], Error(said), "")

    def _rejection(self, then: str) -> Pass:
        decision = {
            "decision": "rejected",
            "decided_by": "",
            "comment": f"Nobody decided within {self._seconds} seconds.",
        }
        return Pass(assign={self.variable: decision}, next=then)

    @property
    def _end(self) -> str:
        """Where it goes once it is decided."""
        return f"{self.name}: approved?" if self._fails_on_rejection else EXIT

    def _ending(self) -> dict[str, State]:
        """A rejection as a failure, and a final one: a redrive doesn't ask again."""
        if not self._fails_on_rejection:
            return {}
        decided, rejected = Variable(self.variable), f"{self.name}: rejected"
        by = If(decided["decided_by"] != "", decided["decided_by"], "somebody")
        cause = f"{self.label} was rejected by " + by + ". " + decided["comment"]
        return {
            f"{self.name}: approved?": Choice((Rule(decided["decision"] == "approved", EXIT),), default=rejected),
            rejected: Fail("Zflow.Rejected", cause),
        }
