"""Who approves in a local run: whoever sits before it, by a link or a command that is shown; or the run itself."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.local.aws.messages import Message
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.history import details_of

ALL = "all"
"""The name that stands for every approval step."""

_LINK = re.compile(r"http://127\.0\.0\.1:\d+/\?q=[0-9a-f]+&k=[\w-]+")
_SECONDS = 60


class Approvals:
    """Shows what waits for a decision, and decides what the run was told to approve.

    A decision takes the way that a person's takes: the form of the page behind a message's link, or the registry's API.

    Args:
        aws: The local AWS.
        approved: The steps that are approved at once; `all`: every one.
        say: Shows a line.
        place_of: Gives what a state of an execution is for.
    """

    def __init__(
        self,
        aws: AwsServer,
        *,
        approved: Sequence[str],
        say: Callable[[str], None],
        place_of: Callable[[str, str], StatePlace],
    ) -> None:
        self._aws = aws
        self._place_of = place_of
        self._approved = frozenset(approved)
        self._say = say
        self._looking: dict[tuple[str, object], str] = {}
        self._told: set[tuple[str, str, str]] = set()

    def on_message(self, message: Message) -> None:
        """Take a message to a topic.

        Args:
            message: The message.
        """
        link, step = _LINK.search(message.text), message.subject.partition(": ")[2]
        if link is None:
            self._say(f"A message to {message.topic}: {message.subject}")
        elif self._approves(step):
            self._say(f"{step} is approved, as --approve says")
            self._later(self._approve, step, link[0])
        else:
            self._say(f"{step} waits for a decision, on this page: {link[0]}")

    def on_history(self, execution: str, event: Mapping[str, object]) -> None:
        """Take an event of an execution's history: a step that looks at a version's approval is seen there alone.

        Args:
            execution: The execution.
            event: The event.
        """
        details = details_of(event)
        if event["type"] == "TaskStateEntered":
            self._looking[execution, event["id"]] = str(details["name"])
        elif event["type"] == "TaskScheduled" and details.get("resource") == "describeModelPackage":
            place = self._place_of(execution, self._looking.get((execution, event["previousEventId"]), ""))
            package = str(json.loads(str(details["parameters"]))["ModelPackageName"])
            # A step that registers a version looks at it, too: it waits for the registry, and for nobody.
            if place.role is not StateRole.DECISION or place.step is None:
                return
            if (execution, place.step, package) not in self._told:
                self._told.add((execution, place.step, package))
                self._later(self._on_look, place.step, package)

    def _on_look(self, step: str, package: str) -> None:
        client = self._aws.clients.sagemaker
        if (
            client.describe_model_package(ModelPackageName=package).get("ModelApprovalStatus")
            != "PendingManualApproval"
        ):
            return
        if self._approves(step):
            self._say(f"{step} is approved, as --approve says")
            client.update_model_package(
                ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="By --approve."
            )
        else:
            self._say(
                f"{step} waits until {package} is Approved or Rejected: AWS_ENDPOINT_URL={self._aws.url} "
                f"AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION={self._aws.region} "
                f"aws sagemaker update-model-package --model-approval-status Approved --model-package-arn {package}"
            )

    def _approve(self, step: str, link: str) -> None:
        """Send the form of the page behind a link."""
        fields = {**dict(parse_qsl(urlsplit(link).query)), "decision": "approved", "name": "zflow local run --approve"}
        try:
            urllib.request.urlopen(link, data=urlencode(fields).encode(), timeout=_SECONDS).close()
        except urllib.error.URLError as error:
            self._say(f"{step} could not be approved: {error}")

    def _approves(self, step: str) -> bool:
        return bool(self._approved & {ALL, step})

    def _later(self, action: Callable[..., None], *arguments: str) -> None:
        """Not in the thread that tells of it, which the decision would wait for."""
        threading.Thread(target=action, args=arguments, daemon=True).start()
