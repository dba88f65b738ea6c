"""Approval by a link in a message."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from zflow_constructs.approval.decision import DecisionSettings, DecisionStep, OnTimeout
from zflow_constructs.approval.page import ApprovalPage
from zflow_constructs.core.states.asl import Catcher, Retrier, State, Task
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.iterations import IterationNumber
from zflow_constructs.core.values.references import RESULT, ExecutionId, RedriveCount, Variable
from zflow_constructs.core.values.syntax import If
from zflow_constructs.core.values.templates import Scalar, Template
from zflow_constructs.sagemaker.model.package import ModelPackage
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import LAMBDA
from zflow_constructs.steps.step import Step, StepGroup

_CALL_SECONDS = 60
# A message that is sent twice does no harm: both links decide the same question.
_UNAVAILABLE = Retrier(("Approval.Unavailable",), interval_seconds=10, max_attempts=6)
_BUSY = Retrier(("SageMaker.ConflictException",), interval_seconds=5)


class ApprovalStep(DecisionStep):
    """Asks people by a message with a link, and waits until one of them approves or rejects.

    The workflow goes on in either case: `when=approval.approved` makes what follows depend on the decision. The link
    leads to a page that shows the question and its details; `ApprovalPage` says why that is safe.
    https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        page: where it is decided.
        topic: who is asked: those who have subscribed to it, by mail for instance. All of them get the same link.
        question: what is asked.
        details: what they should know to decide, by name: metrics, where the report is. Default: nothing
        model_package: the version of a model that it is about: the decision becomes its approval status in the
            registry. Default: none
        timeout: the step waits for this time, 28 days at most; the workflow's own time limit must be longer.
            Default: 3 days
        on_timeout: whether the step then fails, or counts as rejected. After a failure a redrive asks again.
            Default: fail
        escalate_after: after this time, if nobody has decided, a second message is sent. Default: never
        escalation_topic: who gets it, too. Default: nobody
        fail_on_rejection: whether a rejection fails the step, for good. Default: no
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: a time is out of bounds, or only a part of the escalation is given.

    Example:
        approval = ApprovalStep(self, "Approve", page=approvals, topic=topic, question="Shall the new model go live?",
                                details={"AUC": train.metric("validation:auc")})
        endpoint = InferencePipelineEndpoint(self, "Endpoint", containers=[...], when=approval.approved)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        page: ApprovalPage,
        topic: sns.ITopic,
        question: str | Expression,
        details: Mapping[str, Scalar | Expression] | None = None,
        model_package: ModelPackage | None = None,
        timeout: Duration | None = None,
        on_timeout: OnTimeout = "fail",
        escalate_after: Duration | None = None,
        escalation_topic: sns.ITopic | None = None,
        fail_on_rejection: bool = False,
        after: Sequence[Step | StepGroup] = (),
        when: Condition | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(
            scope,
            id,
            DecisionSettings(
                question=question,
                details=details or {},
                topic=topic,
                timeout=timeout,
                on_timeout=on_timeout,
                escalate_after=escalate_after,
                escalation_topic=escalation_topic,
                fail_on_rejection=fail_on_rejection,
            ),
            after=after,
            when=when,
            optional=optional,
        )
        self._page = page
        self._package = model_package

    def fragment(self) -> Fragment:
        """The states `Approve` (lambda:invoke.waitForTaskToken) and, where they are wanted, `Approve: escalate`.

        Where time is over, `Approve: nobody decided` fails, or stands for a rejection. `Approve: tell the registry`
        (updateModelPackage) and `Approve: approved?` come last, if there is a model's version or a rejection fails.
        """
        everybody = [topic.topic_arn for topic in self._topics]
        first, *others = everybody
        states: dict[str, State] = {
            self.name: self._ask([first], self._seconds, waits=self._patience, late=self._after_first)
        }
        if self._escalation:
            left = self._seconds - self._patience
            states[self._after_first] = self._ask(others, left, waits=left, late=self._too_late)
        if self._rejects_in_time:
            states[self._too_late] = self._rejection(self._decided)
        else:
            states[self._too_late] = self._ask(
                everybody, self._seconds, waits=self._seconds, late=self._too_late, more={"overdue": self._overdue()}
            )
        if self._package:
            states[self._decided] = self._told(self._package)
        return Fragment({**states, **self._ending()}, result=self.variable)

    def bind(self, binding: Binding) -> None:
        """Lets the state machine call the Lambda that asks, and that one send messages to these topics."""
        binding.allow(["lambda:InvokeFunction"], [self._page.function.function_arn])
        for topic in self._topics:
            self._page.allow_messages(topic)
        if self._package:
            binding.allow(["sagemaker:UpdateModelPackage"], self._package.group.version_arns)

    @property
    def _after_first(self) -> str:
        return f"{self.name}: escalate" if self._escalation else self._too_late

    @property
    def _decided(self) -> str:
        return f"{self.name}: tell the registry" if self._package else self._end

    def _ask(
        self, topics: Sequence[str], seconds: int, *, waits: int, late: str, more: Mapping[str, Template] | None = None
    ) -> Task:
        names = ("decision", "decided_by", "comment")
        payload: dict[str, Template] = {
            "token": Jsonata("$states.context.Task.Token"),
            "execution": ExecutionId(),
            "step": self.name,
            "item": IterationNumber(),
            "redrive": RedriveCount(),
            "topics": list(topics),
            "question": self._question,
            "details": self._details,
            "seconds": seconds,
            **(more or {}),
        }
        return Task(
            resource="arn:aws:states:::lambda:invoke.waitForTaskToken",
            arguments={"FunctionName": self._page.function.function_arn, "Payload": payload},
            timeout_seconds=waits,
            assign={self.variable: {name: RESULT[name] for name in names}},
            retry=(LAMBDA, _UNAVAILABLE),
            catch=(Catcher(("States.Timeout",), late, {self._asked: {"redrive": RedriveCount()}}),),
            next=self._decided,
        )

    def _told(self, package: ModelPackage) -> Task:
        decided = Variable(self.variable)
        by, why = decided["decided_by"], decided["comment"]
        return Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:updateModelPackage",
            arguments={
                "ModelPackageArn": package.arn,
                "ModelApprovalStatus": If(decided["decision"] == "approved", "Approved", "Rejected"),
                "ApprovalDescription": by + If((by != "") & (why != ""), ": ", "") + why,
            },
            timeout_seconds=_CALL_SECONDS,
            retry=(*self.retry.service_retriers(), _BUSY),
            next=self._end,
        )
