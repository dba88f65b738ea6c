"""One account for all tests of a module; each has a Databricks workspace of its own."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.asl import rendered_definition, state_machines
from tests.databricks_faults.nights import Night
from tests.databricks_faults.workflows import assembly
from tests.databricks_faults.world import World
from tests.simulation.definition import Scope
from zflow_constructs.local.databricks.scripted_workspace import Workspace


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("account"))
    yield world
    world.close()


@pytest.fixture
def world(account: World) -> Iterator[World]:
    with account.databricks():
        yield account


@pytest.fixture
def workspace(world: World) -> Workspace:
    return world.workspace


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Scope]:
    """The machines of `workflows.py`: by their workflows' names, and the watcher by its ARN."""
    folder = assembly(tmp_path_factory.mktemp("machines") / "cdk.out")
    template = json.loads((folder / "Team.template.json").read_text(encoding="utf-8"))
    scopes = {name: Scope.of(rendered_definition(template, name)) for name in state_machines(template)}
    arns = {f"arn:aws:states:eu-central-1:123456789012:stateMachine:{name}": scope for name, scope in scopes.items()}
    return {**{name.partition("StateMachine")[0]: scope for name, scope in scopes.items()}, **arns}


@pytest.fixture(scope="module")
def make_night(machines: Mapping[str, Scope]) -> Iterator[Callable[..., Night]]:
    """Makes a night, on an AWS that has the workspace's bucket and secret."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-central-1")
    s3 = session.client("s3", endpoint_url=url)
    # What moto has is all modules' of this process.
    name = f"runs-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    secrets = session.client("secretsmanager", endpoint_url=url)
    secrets.create_secret(Name=name, SecretString='{"token": "personal-token-1"}')
    yield partial(Night, machines=machines, bucket=name, secret=name, s3=s3, secrets=secrets)
    server.stop()
