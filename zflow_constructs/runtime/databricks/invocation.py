"""One invocation: its parts, made for the time that it has."""

from dataclasses import dataclass, replace

import outputs
import stopping
from answers import Answer
from cancellation import Cancellation
from checks import Checks
from client import JobsClient
from clock import Clock
from credentials import Credentials
from ending import Ending
from events import Execution, StepEvent, Stop
from logs import Log
from metrics import Metrics
from objects import Objects
from outputs import Outputs
from records import Records
from redriving import Redriving
from stopping import Stopping
from submission import Submission
from transport import Transport


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """Does what one event asks for.

    Args:
        host: The workspace's URL.
        credentials: Its access token.
        objects: The workspace's bucket.
        clock: Tells the time and waits.
        transport: Sends the requests, for as long as the invocation has time.
        log: Gets a line for each thing done.
        metrics: Counts them.
    """

    host: str
    credentials: Credentials
    objects: Objects
    clock: Clock
    transport: Transport
    log: Log
    metrics: Metrics

    def submit(self, event: StepEvent) -> Answer:
        """See `Submission.submit`."""
        return Submission(
            client=self._client(self.transport),
            records=self._records(event.execution),
            clock=self.clock,
            log=self.log,
            metrics=self.metrics,
        ).submit(event)

    def check(self, event: StepEvent) -> Answer:
        """See `Checks.check`."""
        client = self._client(self.transport)
        records = self._records(event.execution)
        redriving = Redriving(client=client, records=records, clock=self.clock, log=self.log, metrics=self.metrics)
        kept = Outputs(
            client=self._client(replace(self.transport, patience=outputs.PATIENCE_SECONDS)),
            objects=self.objects,
            time_left=self.transport.time_left,
            log=self.log,
        )
        return Checks(
            cancellation=self._cancellation(self.transport),
            redriving=redriving,
            ending=Ending(client=client, outputs=kept, records=records, redriving=redriving, log=self.log),
            clock=self.clock,
            log=self.log,
            metrics=self.metrics,
        ).check(event)

    def stop(self, event: Stop) -> list[str]:
        """See `Stopping.stop`."""
        patient = replace(self.transport, patience=stopping.PATIENCE_SECONDS)
        return Stopping(
            client=self._client(patient),
            cancellation=self._cancellation(patient),
            records=self._records(event.execution),
            log=self.log,
        ).stop(event)

    def _client(self, transport: Transport) -> JobsClient:
        return JobsClient(host=self.host, credentials=self.credentials, transport=transport)

    def _cancellation(self, transport: Transport) -> Cancellation:
        return Cancellation(
            client=self._client(transport), clock=self.clock, transport=transport, log=self.log, metrics=self.metrics
        )

    def _records(self, execution: Execution) -> Records:
        return Records(objects=self.objects, execution=execution)
