"""The AWS of a local run: moto with its hooks, served on 127.0.0.1."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
import botocore.session
import moto.iam.models
from botocore.client import BaseClient
from botocore.config import Config
from botocore.loaders import Loader, create_loader
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.local.aws.clients import Clients
from zflow_constructs.local.aws.cloudformation import cloudformation
from zflow_constructs.local.aws.dynamodb import dynamodb
from zflow_constructs.local.aws.hooks import replaced
from zflow_constructs.local.aws.integrations import integrations
from zflow_constructs.local.aws.interpreter import interpreter
from zflow_constructs.local.aws.jsonata import jsonata
from zflow_constructs.local.aws.policies import policies

MOTO_VERSION = "5.2.5"
"""The version of moto whose internals the hooks were written for."""

_INHERITED = ("HOME", "JAVA_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")

_running = threading.Lock()


class AwsServer:
    """AWS's APIs for one account and region, at a port of this machine. One a process: moto's state is global.

    Args:
        account: The AWS account.
        region: The AWS region.
        time_scale: What a second of a Wait state or a retry's interval lasts, in seconds.
        log: The file that moto's log goes to.

    Raises:
        InputError: moto's version is not the one that the hooks were written for.
        RuntimeError: Another server runs.

    Example:
        with AwsServer(account="123456789012", region="eu-central-1", time_scale=0.1, log=folder / "aws.log") as aws:
            aws.clients.s3.create_bucket(...)
    """

    def __init__(self, *, account: str, region: str, time_scale: float, log: Path) -> None:
        installed = version("moto")
        if installed != MOTO_VERSION:
            raise InputError(
                f"moto {installed} is installed, and the local engine needs {MOTO_VERSION} exactly; "
                f"run: pip install 'moto[server]=={MOTO_VERSION}'"
            )
        if not _running.acquire(blocking=False):
            raise RuntimeError("another local run is going on in this process; stop it first")
        self.account = account
        self.region = region
        with ExitStack() as opened:
            opened.callback(_running.release)
            self._session = _session(region)
            self.clients = Clients(self._make_client)
            for hook in (
                _logged(log),
                replaced(moto.iam.models, "get_account_id_from", lambda _access_key: self.account),
                cloudformation(),
                policies(),
                dynamodb(),
                interpreter(time_scale=time_scale),
                jsonata(),
                integrations(clients=self.clients),
            ):
                opened.enter_context(hook)
            self._server = opened.enter_context(_serving())
            self._hooks = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the APIs are."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a child process: AWS is here, and nothing of the user's own account is in it."""
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # Jobs share the processors: a thread of OpenMP's that waits busily takes those of the others.
            "OMP_WAIT_POLICY": "PASSIVE",
        }

    def use(self, hooks: Sequence[AbstractContextManager[None]]) -> None:
        """Add hooks that need the server's address, for as long as it runs.

        Args:
            hooks: The hooks.
        """
        for hook in hooks:
            self._hooks.enter_context(hook)

    def stop(self) -> None:
        """Stop serving, forget all resources, and leave moto as it was. Idempotent."""
        self._hooks.close()

    def _make_client(self, service: str) -> BaseClient:
        client: BaseClient = self._session.client(  # type: ignore[call-overload]  # of a service that isn't known here
            service,
            endpoint_url=self.url,
            config=Config(
                # A job's request, or a model's answer, takes the time it takes; the Task's own limit ends it.
                read_timeout=24 * 3600,
                retries={"total_max_attempts": 1},
                parameter_validation=False,
                max_pool_connections=64,
                s3={"addressing_style": "path"},
            ),
        )
        return client


def _session(region: str) -> boto3.Session:
    """A session that the user's own profile has no say in, and that is used by one thread at a time."""
    nothing = (None, None, os.devnull, None)
    variables = {"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing}
    session = botocore.session.Session(session_vars=variables)
    session.register_component("data_loader", _service_models())
    return boto3.Session(
        botocore_session=session,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name=region,
    )


@cache
def _service_models() -> Loader:
    """AWS's service models, which take long to read: once a process."""
    return create_loader()


@contextmanager
def _serving() -> Iterator[BaseWSGIServer]:
    """Serve moto's APIs, and forget all resources in the end."""
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=_QuietHandler
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
        BackendDict.reset()


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # untyped
    # Without it, a connection is made for each request.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what succeeds."""


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send moto's and its web server's log to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    with ExitStack() as stack:
        stack.callback(handler.close)
        for name in ("moto", "werkzeug", "zflow_constructs.local"):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
            stack.enter_context(replaced(logger, name="propagate", value=False))
        yield
