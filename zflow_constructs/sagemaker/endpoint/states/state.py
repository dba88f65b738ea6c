"""What is known of an endpoint while it is brought to a new configuration: the variables, and what they are given."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import RESULT, RedriveCount, Variable
from zflow_constructs.core.values.syntax import Call, Error, If, Predicate
from zflow_constructs.core.values.templates import Template

LOOK_ERRORS = ("SageMaker.SageMakerException", "SageMaker.SdkClientException")
"""What a look at an endpoint fails with, be it missing, be it asked for too often: `not_found` tells them apart."""

_CAUSE = Variable("states")["errorOutput"]["Cause"]
_LONGEST_BASE = 42
_NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class EndpointState:
    """The variables of a step that brings an endpoint to a new configuration.

    Args:
        step: the step's name.
        variable: the step's variable.
        endpoint: the endpoint's name.
        seconds: how long it may take.
    """

    step: str
    variable: str
    endpoint: str
    seconds: int

    @property
    def described(self) -> dict[str, str]:
        """What the endpoint is looked at with."""
        return {"EndpointName": self.endpoint}

    @property
    def config(self) -> str:
        """The configuration that this run made."""
        return f"{self.variable}_config"

    @property
    def expected(self) -> str:
        """The configuration that is to serve in the end: this run's, or the one that is put back."""
        return f"{self.variable}_expected"

    @property
    def found(self) -> str:
        """What the endpoint was found to be."""
        return f"{self.variable}_found"

    @property
    def before(self) -> str:
        """The configuration that served before; empty if none did."""
        return f"{self.variable}_before"

    @property
    def released(self) -> str:
        """The variants that are taken out of scaling."""
        return f"{self.variable}_released"

    @property
    def attempt(self) -> str:
        """In which redrive this attempt began, and until when it may last."""
        return f"{self.variable}_attempt"

    @property
    def failure(self) -> str:
        """What went wrong so far; empty if nothing did."""
        return f"{self.variable}_failure"

    def new_attempt(self) -> dict[str, Template]:
        """`{"redrive": 0, "deadline": <milliseconds>}`."""
        return {"redrive": RedriveCount(), "deadline": Jsonata(f"$millis() + {self.seconds * 1000}")}

    def until_deadline(self, arguments: Mapping[str, str], *, late: str | None = None) -> Expression:
        """The arguments, or an error once the time is over. A redrive asks again.

        Args:
            arguments: Of the call.
            late: What the error says. Default: that the endpoint does not serve
        """
        attempt = Variable(self.attempt)
        over = (Call("millis") > attempt["deadline"]) & (RedriveCount() == attempt["redrive"])
        message = late or self._message(f"does not serve after {self.seconds} seconds.")
        return If(over, Error(message), arguments)

    def not_found(self) -> dict[str, Template]:
        """What an error of the first look says: a missing endpoint, throttling and a missing right bear one name."""
        missing = Predicate("contains", (_CAUSE, "Could not find"))
        forbidden = Predicate("contains", (_CAUSE, "not authorized"))
        refusal = Error(self._message("could not be looked at.") + (" " + _CAUSE))
        return {self.found: If(missing, "missing", If(forbidden, refusal, "unknown")), self.before: ""}

    def seen(self) -> dict[str, Template]:
        """What the endpoint's state means: `live`, `back`, `down` or `changing`, and what went wrong so far.

        An update whose answer was lost is refused when it is asked for again: where this run's configuration serves,
        nothing went wrong.
        """
        status, config = RESULT["EndpointStatus"], RESULT["EndpointConfigName"]
        own, expected, failure = Variable(self.config), Variable(self.expected), Variable(self.failure)
        final = status.is_in(["InService", "Failed", "UpdateRollbackFailed"])
        arrived = (status == "InService") & (config == expected)
        # Else it is put back to the configuration before.
        updated = expected == own

        found = If(~final, "changing", If(status != "InService", "down", If(config == own, "live", "back")))

        refused = self._message("does not serve this run's configuration: the update failed or was rolled back.")
        problem = If(failure == "", refused, failure + If(updated, "", " That failed, too."))
        reason = " Status: " + status + ". Reason: " + Call("string", (RESULT["FailureReason"],))
        failed = If(~final, failure, If(arrived, If(updated, "", failure), problem + reason))
        return {self.found: found, self.failure: failed}

    def failed_with(self, problem: str) -> dict[str, Template]:
        """What went wrong so far, and this, which was just caught.

        Args:
            problem: What is said of the endpoint, before the cause.
        """
        failure = Variable(self.failure)
        so_far = If(failure == "", "", failure + " ")
        return {self.failure: so_far + self._message(f"{problem}: ") + _CAUSE}

    def result(self) -> dict[str, Template]:
        """The step's result, or the error of all that went wrong, after which a redrive begins `again`."""
        failure = Variable(self.failure)
        redriven = RedriveCount() > Variable(self.attempt)["redrive"]
        return {
            self.variable: {
                "endpoint_name": self.endpoint,
                "config_name": RESULT["EndpointConfigName"],
                "status": If(failure == "", "live", If(redriven, "again", Error(failure))),
            }
        }

    def _message(self, problem: str) -> str:
        return f'Step "{self.step}": the endpoint {self.endpoint} {problem}'


def check_name(label: str, endpoint_name: str) -> None:
    """Checks that an endpoint can have a name, after which its models and configurations are named.

    Args:
        label: the step, for messages: `Step "Endpoint"`.
        endpoint_name: the name.

    Raises:
        WorkflowError: it can't.
    """
    if not _NAME.fullmatch(endpoint_name):
        raise WorkflowError(
            f'{label}: endpoint_name is "{endpoint_name}". Give lower case letters, digits and single '
            '"-" between them, 63 at most (SageMaker\'s ARNs are in lower case, whatever the name).'
        )


def shortened(endpoint_name: str) -> str:
    """What the names of an endpoint's models and configurations begin with, which have digits of their own at the end.

    Args:
        endpoint_name: the endpoint's name, which no other endpoint of the account and region has.
    """
    if len(endpoint_name) <= _LONGEST_BASE:
        return endpoint_name
    digest = hashlib.sha256(endpoint_name.encode()).hexdigest()[:8]
    return f"{endpoint_name[: _LONGEST_BASE - 9].rstrip('-')}-{digest}"
