"""All the checks: those that don't need each other side by side, and their findings in one order."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.workspace_check.account import account, deployed
from zflow_constructs.workspace_check.clients import Clients
from zflow_constructs.workspace_check.console import CheckConsole
from zflow_constructs.workspace_check.findings import Concealment, Finding, Result, failed, of_steps, unknown
from zflow_constructs.workspace_check.host import host
from zflow_constructs.workspace_check.needs import Kind, Need, Work, free_clusters, needs, work
from zflow_constructs.workspace_check.offers import check_kind
from zflow_constructs.workspace_check.s3_access import Traffic, access, objects, traffic
from zflow_constructs.workspace_check.secret import Credentials, federation, secret
from zflow_constructs.workspace_check.sign_in import SignedIn, may_create_clusters, sign_in
from zflow_constructs.workspace_check.values import Account, NotKnownError, Values
from zflow_constructs.workspace_check.workspaces import Workspace

T = TypeVar("T")
# A check that waits for another one takes a thread, too; one starts after those that it waits for.
_THREADS = 64
_FEDERATED = "aws-iam"


LIMIT_SECONDS = 60.0
"""When the checks that have not ended are given up."""


@dataclass(frozen=True)
class Started:
    """A check that was started.

    Args:
        section: the heading of its findings.
        name: what it looks at.
        findings: gives what it found, or raises TimeoutError after so many seconds.
        ended: whether it has ended.
    """

    section: str
    name: str
    findings: Callable[[float], Sequence[Finding]]
    ended: Callable[[], bool]


@dataclass(frozen=True)
class Checks:
    """The checks of an app, which run as soon as they are started.

    Args:
        pool: runs them.
        clients: the AWS clients.
        concealment: learns the secrets.
        console: shows what they find.
    """

    pool: Executor
    clients: Clients
    concealment: Concealment
    console: CheckConsole
    _started: list[Started] = field(default_factory=list)

    def start(self, stacks: Sequence[Stack], found: Sequence[Workspace]) -> None:
        """Start all of them.

        Args:
            stacks: The stack, then those that it needs. None: the workspaces alone are checked.
            found: The workspaces.
        """
        expected = stacks[0].account if stacks else ""
        where = self._run("AWS", "the AWS account", lambda: account(self.clients, expected))
        values = self._run("AWS", "the stack", lambda: deployed(self.clients, where.result().value, stacks))
        for workspace in found:
            self._workspace(workspace, values)
        if tasks := work([submission for workspace in found for submission in workspace.submissions]):
            self._s3(tasks, values)

    def show(self, seconds: float) -> None:
        """Show what they find, in the order in which they were started.

        Args:
            seconds: when those that have not ended are given up.
        """
        limit = time.monotonic() + seconds
        heading = ""
        for each in self._started:
            for finding in _findings(each, limit):
                if each.section != heading:
                    heading = each.section
                    self.console.heading(heading)
                self.console.show(finding)

    def _workspace(self, workspace: Workspace, values: Future[Result[Values]]) -> None:
        section = f"Workspace {workspace.name}"
        url = self._run(section, "the host", lambda: host(workspace, known(values)))
        credentials = self._run(section, "the credentials", lambda: self._credentials(workspace, known(values)))
        signed = self._run(section, "who signs in", lambda: self._signed_in(workspace, url, credentials))
        if wanted := needs(workspace.submissions):
            self._run(section, "the steps", lambda: _unsigned(signed.result().value, wanted))
        if steps := free_clusters(workspace.submissions):
            self._run(section, "new clusters", lambda: _clusters(signed.result().value, steps))
        for kind in Kind:
            if its := [need for need in wanted if need.kind is kind]:
                self._run(section, f"each {kind}", partial(_offers, kind, its, values, signed))

    def _credentials(self, workspace: Workspace, values: Values) -> Result[Credentials]:
        if values.account is None:
            return Result([unknown("secret", "not read without AWS")])
        if workspace.auth == _FEDERATED:
            return Result(federation(self.clients, workspace, values))
        return secret(self.clients, workspace, values, self.concealment)

    def _signed_in(
        self, workspace: Workspace, url: Future[Result[str]], credentials: Future[Result[Credentials]]
    ) -> Result[SignedIn]:
        if workspace.auth == _FEDERATED:
            return Result([])
        where, who = url.result().value, credentials.result().value
        if where is None or who is None:
            return Result([unknown("credentials", "not tried without a host and a secret")])
        return sign_in(where, who, self.concealment)

    def _s3(self, tasks: Sequence[Work], values: Future[Result[Values]]) -> None:
        found = self._run("S3", "what is in S3", lambda: traffic(tasks, known(values)))
        for name, look in (("files in S3", objects), ("access to S3", access)):
            self._run("S3", name, partial(self._in_s3, look, found, values))

    def _in_s3(
        self,
        look: Callable[[Clients, Account | None, Sequence[Traffic]], Sequence[Finding]],
        found: Future[Result[Sequence[Traffic]]],
        values: Future[Result[Values]],
    ) -> Result[None]:
        return Result(look(self.clients, known(values).account, found.result().value or []))

    def _run(self, section: str, name: str, do: Callable[[], Result[T]]) -> Future[Result[T]]:
        future = self.pool.submit(do)
        self._started.append(Started(section, name, lambda seconds: future.result(seconds).findings, future.done))
        future.add_done_callback(
            lambda _: self.console.waiting([each.name for each in self._started if not each.ended()])
        )
        return future


def check(
    stacks: Sequence[Stack],
    found: Sequence[Workspace],
    console: CheckConsole,
    concealment: Concealment,
    seconds: float = LIMIT_SECONDS,
) -> int:
    """Make all checks, and show what they find.

    Args:
        stacks: The stack, then those that it needs. None: the workspaces alone are checked.
        found: The workspaces.
        console: Shows the findings.
        concealment: Learns the secrets.
        seconds: When the checks that have not ended are given up. Default: after a minute.

    Returns:
        How many checks failed.
    """
    pool = ThreadPoolExecutor(_THREADS)
    try:
        checks = Checks(pool, Clients(stacks[0].region if stacks else ""), concealment, console)
        checks.start(stacks, found)
        checks.show(seconds)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    console.summary()
    return console.failures


def known(values: Future[Result[Values]]) -> Values:
    """What the templates' values are, once that was looked up.

    Args:
        values: the check that looks it up.
    """
    return values.result().value or Values()


def _findings(started: Started, limit: float) -> Sequence[Finding]:
    try:
        return started.findings(max(limit - time.monotonic(), 0))
    except TimeoutError:
        return [failed(started.name, "no answer in time", "Try again.")]


def _unsigned(signed: SignedIn | None, wanted: Sequence[Need]) -> Result[None]:
    about = of_steps("what the steps ask for", [need.step for need in wanted])
    return Result([] if signed else [unknown(about, "not looked at, since nobody is signed in")])


def _clusters(signed: SignedIn | None, steps: Sequence[str]) -> Result[None]:
    return Result([may_create_clusters(signed, steps)] if signed else [])


def _offers(
    kind: Kind, its: Sequence[Need], values: Future[Result[Values]], signed: Future[Result[SignedIn]]
) -> Result[None]:
    who = signed.result().value
    if who is None:
        return Result([])
    wanted: dict[str, list[str]] = {}
    unresolved: dict[str, list[str]] = {}
    for need in its:
        try:
            wanted.setdefault(known(values).known(need.stack, need.value), []).append(need.step)
        except NotKnownError as error:
            unresolved.setdefault(str(error), []).append(need.step)
    return Result(
        [
            *check_kind(kind, wanted, who),
            *(unknown(of_steps(kind, steps), why) for why, steps in unresolved.items()),
        ]
    )
