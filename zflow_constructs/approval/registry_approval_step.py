"""Approval in SageMaker's model registry."""

from collections.abc import Iterator, Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from zflow_constructs.approval.decision import DecisionSettings, DecisionStep, OnTimeout
from zflow_constructs.core.states.asl import Choice, Pass, Retrier, Rule, State, Task, Wait
from zflow_constructs.core.states.fragment import Fragment
from zflow_constructs.core.states.legend import StateRole
from zflow_constructs.core.values.expressions import Concatenation, Condition, Expression, Jsonata
from zflow_constructs.core.values.references import RESULT, ExecutionId, RedriveCount, Variable
from zflow_constructs.core.values.syntax import If, Predicate
from zflow_constructs.core.values.templates import Scalar, Template
from zflow_constructs.sagemaker.model.package import ModelPackage
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step, StepGroup

_CALL_SECONDS = 60
_SHORTEST_WAIT = 60
_LONGEST_WAIT = 900
# Ten in the first ten minutes; then each wait is a tenth of the time passed, until it is the longest.
_FIRST_LOOKS = 45
_SNS = Retrier(("Sns.SdkClientException", "Sns.SnsException", "Sns.ThrottledException"), interval_seconds=2)


class RegistryApprovalStep(DecisionStep):
    """Waits until somebody approves or rejects a model's version in the SageMaker model registry.

    Whoever decides does so in SageMaker Studio, with the AWS CLI or an SDK, by a right in IAM
    (`ModelPackageGroup.grant_approve`), and is known. The workflow goes on in either case:
    `when=approval.approved` makes what follows depend on the decision.

    It looks at the version, first each minute, then at longer and longer intervals, each quarter of an hour in the end:
    so no event that is lost keeps it waiting, and 28 days fit into an execution's history.
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html

    Args:
        scope: the construct that owns the step.
        id: the step's id, which names its state.
        model_package: the version: `register.model_package`.
        topic: who is told that it waits, with the commands that decide. Default: nobody
        question: what the message asks. Default: whether the version may be deployed
        details: what it says besides, by name: metrics, where the report is. Default: nothing
        timeout: the step waits for this time, 28 days at most; the workflow's own time limit must be longer.
            Default: 3 days
        on_timeout: whether the step then fails, or counts as rejected. After a failure a redrive waits again.
            Default: fail
        escalate_after: after this time, if nobody has decided, a second message is sent. Default: never
        escalation_topic: who gets it. Default: nobody
        fail_on_rejection: whether a rejection fails the step, for good. Default: no
        after: steps, or groups of them, that must have ended before. Default: none
        when: the step runs only if this holds. Default: always
        optional: whether the workflow goes on when the step fails. Default: no

    Raises:
        WorkflowError: a time is out of bounds, or only a part of the escalation is given.

    Example:
        approval = RegistryApprovalStep(self, "Approve", model_package=register.model_package, topic=topic)
        endpoint = InferencePipelineEndpoint(self, "Endpoint", containers=[...], when=approval.approved)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model_package: ModelPackage,
        topic: sns.ITopic | None = None,
        question: str | Expression = "May this version of the model be deployed?",
        details: Mapping[str, Scalar | Expression] | None = None,
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
        self._package = model_package

    @property
    def looks(self) -> int:
        """One each quarter of an hour at the end; more often at first."""
        return _FIRST_LOOKS + self._seconds // _LONGEST_WAIT

    def fragment(self) -> Fragment:
        """The states `Approve: begin` -> `Approve` (describeModelPackage) -> `Approve: decided?` -> `Approve: wait`.

        And round again. With topics, `Approve: ask` and `Approve: escalate` (sns:publish) are among them; where time is
        over, `Approve: nobody decided` fails, or stands for a rejection.
        """
        name, described = self.name, {"ModelPackageName": self._package.arn}
        states: dict[str, State] = {
            f"{name}: begin": Pass(assign=self._begun(), next=f"{name}: ask" if self._topic else name)
        }
        if self._topic:
            states[f"{name}: ask"] = self._publish(self._topic, "To decide", then=name)
        states |= {
            name: self._look(described),
            f"{name}: decided?": Choice(tuple(self._rules()), default=f"{name}: wait"),
            f"{name}: wait": Wait(Jsonata(self._wait()), next=name),
        }
        if self._escalation:
            told = {self._asked: Jsonata(f'$merge([${self._asked}, {{"escalated": true}}])')}
            states[f"{name}: escalate"] = self._publish(
                self._escalation.topic, "Still undecided", then=f"{name}: wait", assign=told
            )
        if self._rejects_in_time:
            states[self._too_late] = self._rejection(self._end)
        else:
            late = {"ModelPackageName": self._overdue() + self._package.arn}
            states[self._too_late] = self._look(late, assign=self._begun())
        return Fragment({**states, **self._ending()}, result=self.variable, roles={name: StateRole.DECISION})

    def bind(self, binding: Binding) -> None:
        """Lets the state machine look at versions of this group, and send messages to these topics."""
        binding.allow(["sagemaker:DescribeModelPackage"], self._package.group.version_arns)
        for topic in self._topics:
            topic.grant_publish(binding.role)

    @property
    def _elapsed(self) -> str:
        return f"($millis() - ${self._asked}.since) / 1000"

    def _begun(self) -> dict[str, Template]:
        begun: dict[str, Template] = {
            "since": Jsonata("$millis()"),
            "redrive": RedriveCount(),
            "escalated": False,
        }
        return {self._asked: begun}

    def _look(self, arguments: Template, *, assign: Mapping[str, Template] | None = None) -> Task:
        status, by = RESULT["ModelApprovalStatus"], RESULT["LastModifiedBy"]
        seen: dict[str, Template] = {
            "decision": If(status == "Approved", "approved", If(status == "Rejected", "rejected", "")),
            "decided_by": _first_existing(by["UserProfileName"], by["IamIdentity"]["Arn"]),
            "comment": _first_existing(RESULT["ApprovalDescription"]),
        }
        return Task(
            resource="arn:aws:states:::aws-sdk:sagemaker:describeModelPackage",
            arguments=arguments,
            timeout_seconds=_CALL_SECONDS,
            assign={self.variable: seen, **(assign or {})},
            retry=self.retry.service_retriers(),
            next=f"{self.name}: decided?",
        )

    def _rules(self) -> Iterator[Rule]:
        yield Rule(Variable(self.variable)["decision"] != "", self._end)
        yield Rule(Jsonata(f"{self._elapsed} >= {self._seconds}"), self._too_late)
        if self._escalation:
            due = f"{self._elapsed} >= {self._patience} and $not(${self._asked}.escalated)"
            yield Rule(Jsonata(due), f"{self.name}: escalate")

    def _wait(self) -> str:
        """A tenth of the time passed, within bounds, and not beyond what comes next: the escalation or the end."""
        following = (
            f"$not(${self._asked}.escalated) and $passed < {self._patience} ? {self._patience} : {self._seconds}"
        )
        bounded = f"{_LONGEST_WAIT}, $max([{_SHORTEST_WAIT}, $passed / 10]), $max([1, $next - $passed])"
        return f"($passed := {self._elapsed}; $next := {following}; $ceil($min([{bounded}])))"

    def _publish(
        self, topic: sns.ITopic, subject: str, *, then: str, assign: Mapping[str, Template] | None = None
    ) -> Task:
        return Task(
            resource="arn:aws:states:::aws-sdk:sns:publish",
            arguments={
                "TopicArn": topic.topic_arn,
                "Subject": f"{subject}: {self.name}",
                "Message": Concatenation(tuple(self._message())),
            },
            timeout_seconds=_CALL_SECONDS,
            assign=assign or {},
            retry=(_SNS,),
            next=then,
        )

    def _message(self) -> Iterator[str | Expression]:
        yield self._question
        yield "\n\n"
        for name, value in self._details.items():
            yield f"  {name}: "
            yield value if isinstance(value, Expression) else str(value)
            yield "\n"
        yield "\nDecide in SageMaker Studio, or with the AWS CLI, and say Approved or Rejected:\n"
        yield "aws sagemaker update-model-package --model-approval-status Approved --model-package-arn "
        yield self._package.arn
        yield f"\n\nStep {self.name} waits for it, for {self._seconds} seconds in all, in the execution "
        yield ExecutionId()
        yield "."


def _first_existing(*values: Expression) -> Expression | str:
    """The first of some values that exists, or an empty text."""
    if not values:
        return ""
    first, *others = values
    return If(Predicate("exists", (first,)), first, _first_existing(*others))
