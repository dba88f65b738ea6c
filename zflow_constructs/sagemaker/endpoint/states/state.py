"""What is known of an endpoint while it is brought to a new configuration: the variables, and what they are given."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import REDRIVE_COUNT
from zflow_constructs.core.values.templates import Template

LOOK_ERRORS = ("SageMaker.SageMakerException", "SageMaker.SdkClientException")
"""What a look at an endpoint fails with, be it missing, be it asked for too often: `not_found` tells them apart."""

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
        return {
            "redrive": Jsonata(REDRIVE_COUNT),
            "deadline": Jsonata(f"$millis() + {self.seconds * 1000}"),
        }

    def until_deadline(self, arguments: Mapping[str, str], *, late: str = "") -> Expression:
        """The arguments, or an error once the time is over. A redrive asks again.

        Args:
            arguments: of the call.
            late: what the error says, in JSON. Default: that the endpoint does not serve
        """
        late = late or self._message(f"does not serve after {self.seconds} seconds.")
        over = f"$millis() > ${self.attempt}.deadline and {REDRIVE_COUNT} = ${self.attempt}.redrive"
        return Jsonata(f"{over} ? $error({late}) : {json.dumps(arguments)}")

    def not_found(self) -> dict[str, Template]:
        """What an error of the first look says: a missing endpoint, throttling and a missing right bear one name."""
        cause = "$states.errorOutput.Cause"
        forbidden = self._message("could not be looked at.")
        found = (
            f'$contains({cause}, "Could not find") ? "missing" : '
            f'$contains({cause}, "not authorized") ? $error({forbidden} & " " & {cause}) : "unknown"'
        )
        return {self.found: Jsonata(found), self.before: ""}

    def seen(self) -> dict[str, Template]:
        """What the endpoint's state means: `live`, `back`, `down` or `changing`, and what went wrong so far.

        An update whose answer was lost is refused when it is asked for again: where this run's configuration serves,
        nothing went wrong.
        """
        status, config = "$states.result.EndpointStatus", "$states.result.EndpointConfigName"
        final = f'{status} in ["InService", "Failed", "UpdateRollbackFailed"]'
        found = (
            f'$not({final}) ? "changing" : {status} != "InService" ? "down" : '
            f'{config} = ${self.config} ? "live" : "back"'
        )
        problem = self._message("does not serve this run's configuration: the update failed or was rolled back.")
        there = f'{status} = "InService" and {config} = ${self.expected}'
        told = f'" Status: " & {status} & ". Reason: " & $string($states.result.FailureReason)'
        kept = f'${self.failure} & (${self.expected} = ${self.config} ? "" : " That failed, too.")'
        failure = (
            f'$not({final}) ? ${self.failure} : {there} ? (${self.expected} = ${self.config} ? "" : ${self.failure}) : '
            f'(${self.failure} = "" ? {problem} : {kept}) & {told}'
        )
        return {self.found: Jsonata(found), self.failure: Jsonata(failure)}

    def failed_with(self, problem: str) -> dict[str, Template]:
        """What went wrong so far, and this, which was just caught.

        Args:
            problem: what is said of the endpoint, before the cause.
        """
        said = self._message(f"{problem}: ")
        return {
            self.failure: Jsonata(
                f'(${self.failure} = "" ? "" : ${self.failure} & " ") & {said} & $states.errorOutput.Cause'
            )
        }

    def result(self) -> dict[str, Template]:
        """The step's result, or the error of all that went wrong, after which a redrive begins `again`."""
        status = (
            f'${self.failure} = "" ? "live" : {REDRIVE_COUNT} > ${self.attempt}.redrive ? "again" : '
            f"$error(${self.failure})"
        )
        return {
            self.variable: {
                "endpoint_name": self.endpoint,
                "config_name": Jsonata("$states.result.EndpointConfigName"),
                "status": Jsonata(status),
            }
        }

    def _message(self, problem: str) -> str:
        return json.dumps(f'Step "{self.step}": the endpoint {self.endpoint} {problem}')


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
