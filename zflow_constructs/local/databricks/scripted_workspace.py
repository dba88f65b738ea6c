"""A workspace whose runs follow scripts, in simulated time, and which misbehaves when told to: for tests."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.faults import Fault, Misbehaviour, Received
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.requests import NO_JOBS
from zflow_constructs.local.databricks.scripted import Script
from zflow_constructs.local.databricks.scripted_run import ScriptedRun
from zflow_constructs.local.databricks.scripted_runs import ScriptedRuns
from zflow_constructs.local.databricks.server import DatabricksServer
from zflow_constructs.local.databricks.shown import Output


class Workspace:
    """A scripted workspace; its public attributes are what tests script and look at.

    Attributes:
        federated: The token of another issuer that a service principal gets an access token for, by its client id.

    Args:
        clock: What the time is.
        jobs: The settings of the jobs that there are, by their ids. Default: none.
        requests_per_second: How many requests of a call it serves within a second of the clock. Default: 0, any number.

    Example:
        with Workspace(SimulatedClock()) as workspace:
            workspace.scripts.append(ends(FAILED))
            workspace.faults["submit"].append(LOST)
    """

    def __init__(
        self,
        clock: SimulatedClock,
        *,
        jobs: Mapping[int, Json] = NO_JOBS,
        requests_per_second: int = 0,
    ) -> None:
        self.clock = clock
        self.federated: dict[str, str] = {}
        self.misbehaviour = Misbehaviour(clock=clock, requests_per_second=requests_per_second)
        self.authority = Authority(
            tokens=["personal-token-1"],
            clients={"client-1": "client-secret-1"},
            trusts=lambda client, token: self.federated.get(client) == token,
            clock=clock,
            new_token=lambda: f"access-token-{self.issued + 1}",
        )
        self._runs = ScriptedRuns(clock, jobs=jobs)
        self._server = DatabricksServer(self._runs, authority=self.authority, misbehaviour=self.misbehaviour)
        self._runs.url = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        """The workspace's host."""
        return self._server.url

    @property
    def scripts(self) -> deque[Script]:
        """What happens to the next runs and repairs."""
        return self._runs.scripts

    @property
    def runs(self) -> dict[int, ScriptedRun]:
        """The runs, by their ids."""
        return self._runs.runs

    @property
    def outputs(self) -> dict[str, Output]:
        """What task runs leave, by their ids."""
        return self._runs.outputs

    @property
    def faults(self) -> defaultdict[str, deque[Fault]]:
        """What goes wrong with the next requests, by their call."""
        return self.misbehaviour.faults

    @property
    def received(self) -> list[Received]:
        """All requests."""
        return self.misbehaviour.received

    @property
    def on_call(self) -> Callable[[str], None]:
        """Hears of the call of each request, before anything is done."""
        return self.misbehaviour.on_call

    @on_call.setter
    def on_call(self, hear: Callable[[str], None]) -> None:
        self.misbehaviour.on_call = hear

    @property
    def clients(self) -> dict[str, str]:
        """The secrets of the service principals, by client id."""
        return self.authority.clients

    @clients.setter
    def clients(self, clients: dict[str, str]) -> None:
        self.authority.clients = clients

    @property
    def tokens(self) -> dict[str, float]:
        """The tokens that are valid, and until when."""
        return self.authority.tokens

    @tokens.setter
    def tokens(self, tokens: dict[str, float]) -> None:
        self.authority.tokens = tokens

    @property
    def lifetime(self) -> int:
        """For how many seconds the next access tokens are good."""
        return self.authority.token_seconds

    @lifetime.setter
    def lifetime(self, seconds: int) -> None:
        self.authority.token_seconds = seconds

    @property
    def issued(self) -> int:
        """How many access tokens were issued."""
        return self.authority.issued

    def calls(self, call: str) -> list[Received]:
        """The requests of one call."""
        return self.misbehaviour.calls(call)

    def state_of(self, run_id: str) -> str:
        """The result state of a run, or its life-cycle state until it has one."""
        document = self.runs[int(run_id)].condition["state"]
        assert isinstance(document, dict)
        return str(document.get("result_state", document["life_cycle_state"]))

    def revoke_tokens(self) -> None:
        """Make every token invalid, personal ones too."""
        self.authority.tokens.clear()

    def rate(self, call: str, *, seconds: float = 1.0) -> int:
        """The most requests of a call that arrived within so many seconds of the clock."""
        times = [received.time for received in self.calls(call)]
        return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)
