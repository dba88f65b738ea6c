"""IAM on loopback: what moto doesn't have, in front of moto, which answers the rest."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


@dataclass
class IamServer:
    """What is denied to roles, and which calls are refused to who calls, with which error."""

    url: str = ""
    moto: str = ""
    denied: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    simulated: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, form: dict[str, str]) -> tuple[int, str] | None:
        """The answer to a call; None: moto knows."""
        action = form["Action"]
        if action in self.refused:
            code = self.refused[action]
            status = 403 if code == "AccessDenied" else 400
            error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error>"
            return status, f'<ErrorResponse xmlns="{_NAMESPACE}">{error}<RequestId>1</RequestId></ErrorResponse>'
        if action == "GetOutboundWebIdentityFederationInfo":
            issuer = "<IssuerIdentifier>https://a1b2.tokens.sts.global.api.aws</IssuerIdentifier>"
            return 200, _response(action, f"{issuer}<JwtVendingEnabled>true</JwtVendingEnabled>")
        if action == "SimulatePrincipalPolicy":
            return 200, _response(action, f"<EvaluationResults>{''.join(self._results(form))}</EvaluationResults>")
        return None

    def _results(self, form: dict[str, str]) -> Iterator[str]:
        action = form["ActionNames.member.1"]
        for name, arn in form.items():
            if name.startswith("ResourceArns.member."):
                self.simulated.append((form["PolicySourceArn"], action, arn))
                decision = "implicitDeny" if f"{action} {arn}" in self.denied else "allowed"
                yield (
                    f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{arn}</EvalResourceName>"
                    f"<EvalDecision>{decision}</EvalDecision></member>"
                )


def _response(action: str, result: str) -> str:
    return f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result></{action}Response>'


@contextmanager
def serve_iam(moto: str) -> Iterator[IamServer]:
    """IAM at its `url`, in front of moto's."""
    iam = IamServer(moto=moto)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = iam.answer({name: values[0] for name, values in parse_qs(body.decode()).items()})
            status, text = answer or self._passed_on(body)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _passed_on(self, body: bytes) -> tuple[int, str]:
            request = urllib.request.Request(iam.moto, body, dict(self.headers.items()))
            try:
                with urllib.request.urlopen(request) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        iam.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield iam
        finally:
            server.shutdown()
