"""The states that bring an endpoint to a new configuration, and know whether it got there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_

from zflow_constructs.core.states.asl import Catcher, Choice, Retrier, Rule, State, Task, Wait
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import RESULT, Variable
from zflow_constructs.core.values.syntax import Call
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.endpoint.settings.answers import made_once
from zflow_constructs.sagemaker.endpoint.settings.smoke_test import SmokeTest
from zflow_constructs.sagemaker.endpoint.states.history import EndpointHistory
from zflow_constructs.sagemaker.endpoint.states.scaling import EndpointScaling
from zflow_constructs.sagemaker.endpoint.states.state import LOOK_ERRORS, EndpointState
from zflow_constructs.sagemaker.endpoint.states.update import EndpointUpdate

_CALL_SECONDS = 60
POLL_SECONDS = 30
"""How long it waits from one look at the endpoint to the next."""
_ANY = ("States.ALL",)


@dataclass(frozen=True)
class Sample:
    """A smoke test, and the Lambda that runs it."""

    test: SmokeTest
    function: lambda_.IFunction


@dataclass(frozen=True)
class EndpointRollout:
    """Creates an endpoint or updates it, and waits until the wanted configuration serves.

    What goes wrong on the way is kept in a variable, so that what has to be put right is put right first: traffic that
    goes back, scaling that is set up again. Then the state with the step's name fails with all of it. A redrive of that
    state begins again with new models.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html

    Args:
        state: what is known of it.
        start: the step's first state.
        variants: the names of its production variants.
        config: the request of CreateEndpointConfig.
        created_with: fields of CreateEndpoint besides the names.
        update: How it is updated and put back.
        scaling: The scaling of its variants. `None`: none of them scales
        sample: The smoke test. `None`: there is none
        history: what deletes old configurations.
        retry: the retriers of its calls.
    """

    state: EndpointState
    start: str
    variants: Sequence[str]
    config: Mapping[str, Template]
    created_with: Mapping[str, Template]
    update: EndpointUpdate
    scaling: EndpointScaling | None
    sample: Sample | None
    history: EndpointHistory
    retry: tuple[Retrier, ...]

    def states(self) -> dict[str, State]:
        """The states.

        `Endpoint: config` -> `: look` -> `: exists?` -> `: create` or `: update` -> `: wait` -> `: check` ->
        `: settled?` -> (`: smoke test?` -> `: smoke test`) -> (`: scaling`) -> `Endpoint` -> `: done?` ->
        (`: configurations` ...)

        It scales only when it is tested: what scales can't be put back to other machines.
        """
        return {
            **self._look(),
            **self._change(),
            **self._settle(),
            **({} if self.sample is None else self._smoke(self.sample)),
            self.state.step: self._describe(
                self.state.described, then=f"{self.state.step}: done?", assign=self.state.result()
            ),
            f"{self.state.step}: done?": Choice(
                (Rule(Variable(self.state.variable)["status"] == "again", self.start),),
                default=self.history.start,
            ),
            **self.history.states(),
        }

    def _look(self) -> dict[str, State]:
        name, found = self.state.step, Variable(self.state.found)
        made = Call("substringAfter", (RESULT["EndpointConfigArn"], "endpoint-config/"))
        assigned: dict[str, Template] = {
            self.state.config: made,
            self.state.attempt: self.state.new_attempt(),
            self.state.failure: "",
            self.state.expected: made,
        }

        def released(variants: str) -> dict[str, Template]:
            return {} if self.scaling is None else {self.state.released: Jsonata(variants)}

        seen: dict[str, Template] = {
            self.state.found: RESULT["EndpointStatus"],
            self.state.before: RESULT["EndpointConfigName"],
            **released("[$states.result.ProductionVariants.VariantName]"),
        }
        missing: dict[str, Template] = {**self.state.not_found(), **released("[]")}
        update = f"{name}: update" if self.scaling is None else f"{name}: configuration before"
        return {
            f"{name}: config": self._call("createEndpointConfig", self.config, then=f"{name}: look", assign=assigned),
            f"{name}: look": Task(
                resource="arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
                arguments=self.state.until_deadline(self.state.described),
                timeout_seconds=_CALL_SECONDS,
                assign=seen,
                catch=(Catcher(LOOK_ERRORS, f"{name}: exists?", missing),),
                next=f"{name}: exists?",
            ),
            f"{name}: exists?": Choice(
                (
                    Rule(found == "missing", f"{name}: create"),
                    Rule(found.is_in(["InService", "OutOfService", "UpdateRollbackFailed"]), update),
                    # All that can be done with an endpoint whose creation failed; it serves nobody.
                    Rule(found == "Failed", f"{name}: delete"),
                ),
                default=f"{name}: wait for others",
            ),
            f"{name}: wait for others": Wait(POLL_SECONDS, next=f"{name}: look"),
            **made_once(
                self._call("deleteEndpoint", self.state.described, then=f"{name}: wait for others"),
                name=f"{name}: delete",
                asked=f"{name}: deleted?",
                again=f"{name}: delete again",
                variable=self.state.found,
                done="Could not find",
            ),
        }

    def _change(self) -> dict[str, State]:
        name = self.state.step
        wanted: dict[str, Template] = {**self.state.described, "EndpointConfigName": Variable(self.state.config)}
        refused = Catcher(_ANY, f"{name}: check", self.state.failed_with("could not be updated"))
        states: dict[str, State] = {}
        if self.scaling is not None:
            states[f"{name}: configuration before"] = Task(
                resource="arn:aws:states:::aws-sdk:sagemaker:describeEndpointConfig",
                arguments={"EndpointConfigName": Variable(self.state.before)},
                timeout_seconds=_CALL_SECONDS,
                assign={self.state.released: self.scaling.changed()},
                retry=self.retry,
                # Without it, it can't be told which machines change: all variants are taken out.
                catch=(Catcher(("SageMaker.SageMakerException",), f"{name}: release scaling"),),
                next=f"{name}: release scaling",
            )
            states[f"{name}: release scaling"] = self.scaling.release(
                Variable(self.state.released), then=f"{name}: update", failed=refused
            )
        return {
            **made_once(
                self._call("createEndpoint", {**wanted, **self.created_with}, then=f"{name}: wait"),
                name=f"{name}: create",
                asked=f"{name}: created?",
                again=f"{name}: create again",
                variable=self.state.found,
                done="already existing",
            ),
            **states,
            f"{name}: update": self._call(
                "updateEndpoint", {**wanted, **self.update.fields}, then=f"{name}: wait", catch=(refused,)
            ),
        }

    def _settle(self) -> dict[str, State]:
        name, found = self.state.step, Variable(self.state.found)
        states: dict[str, State] = {
            f"{name}: wait": Wait(POLL_SECONDS, next=f"{name}: check"),
            f"{name}: check": self._describe(
                self.state.until_deadline(self.state.described), then=f"{name}: settled?", assign=self.state.seen()
            ),
            f"{name}: settled?": Choice(
                (
                    Rule(found == "changing", f"{name}: wait"),
                    Rule(found == "down", name),
                ),
                default=self._served if self.sample is None else f"{name}: smoke test?",
            ),
        }
        if self.scaling is not None:
            failed = Catcher(_ANY, name, self.state.failed_with("could not be set up to scale"))
            states[f"{name}: scaling"] = self.scaling.set_up(then=name, failed=failed)
        return states

    def _smoke(self, sample: Sample) -> dict[str, State]:
        name, before, failure = self.state.step, Variable(self.state.before), Variable(self.state.failure)
        earlier: dict[str, Template] = {
            **self.state.described,
            "EndpointConfigName": before,
            **self.update.put_back_fields,
        }
        put_back: dict[str, Template] = {
            self.state.attempt: self.state.new_attempt(),
            self.state.expected: before,
            self.state.failure: failure + " It is put back to " + before + ".",
        }
        return {
            f"{name}: smoke test?": Choice((Rule(failure == "", f"{name}: smoke test"),), default=self._served),
            f"{name}: smoke test": sample.test.task(
                sample.function,
                endpoint=self.state.endpoint,
                variants=self.variants,
                then=self._served,
                failed=Catcher(_ANY, f"{name}: put back?", self.state.failed_with("failed its smoke test")),
            ),
            f"{name}: put back?": Choice((Rule(before != "", f"{name}: put back"),), default=self._served),
            f"{name}: put back": self._call(
                "updateEndpoint",
                earlier,
                then=f"{name}: wait",
                assign=put_back,
                catch=(Catcher(_ANY, self._served, self.state.failed_with("could not be put back")),),
            ),
        }

    @property
    def _served(self) -> str:
        """Where it goes on once the endpoint serves what it will serve."""
        return self.state.step if self.scaling is None else f"{self.state.step}: scaling"

    def _call(
        self,
        action: str,
        arguments: Template,
        *,
        then: str,
        assign: Mapping[str, Template] | None = None,
        catch: tuple[Catcher, ...] = (),
    ) -> Task:
        return Task(
            resource=f"arn:aws:states:::aws-sdk:sagemaker:{action}",
            arguments=arguments,
            timeout_seconds=_CALL_SECONDS,
            assign=assign or {},
            retry=self.retry,
            catch=catch,
            next=then,
        )

    def _describe(self, arguments: Template, *, then: str, assign: Mapping[str, Template]) -> Task:
        return self._call("describeEndpoint", arguments, then=then, assign=assign)
