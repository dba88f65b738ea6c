"""The Databricks workspace of a local run, called by a function that has no secret."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.aws.conftest import api
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.processes import Processes
from zflow_constructs.local.services import Services

# It does what the Databricks function does, without its care.
HANDLER = """
import json, os, urllib.error, urllib.parse, urllib.request, boto3

def send(url, **request):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request)) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)

def handler(event, context):
    host = os.environ["DATABRICKS_HOST"]
    token = boto3.client("sts").get_web_identity_token(
        Audience=[event["audience"]], SigningAlgorithm="RS256")["WebIdentityToken"]
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": token + event["suffix"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "scope": "all-apis",
        "client_id": event["client"],
    }
    grant = send(host + "/oidc/v1/token", data=urllib.parse.urlencode(form).encode())
    if "access_token" not in grant:
        return grant
    return send(host + "/api/2.2/jobs/runs/list", headers={"Authorization": "Bearer " + grant["access_token"]})
"""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """A local AWS with a function `databricks` and the workspace that it calls."""
    folder: Path = tmp_path_factory.mktemp("services")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("h.py", HANDLER)
    with (
        Processes() as processes,
        AwsServer(account="111122223333", region="eu-central-1", time_scale=0.01, log=folder / "aws.log") as aws,
    ):
        services = Services(
            aws=aws,
            processes=processes,
            folder=folder,
            time_scale=0.01,
            start=lambda _arn, _event: None,
            on_job_line=lambda _name, _line: None,
            on_step_line=lambda _name, _line: None,
            on_state_line=lambda _execution, _state, _line: None,
            on_message=lambda _message: None,
        )
        aws.use(services.hooks)
        api(aws, "iam").create_role(RoleName="workflow", AssumeRolePolicyDocument="{}")
        aws.clients.lambda_.create_function(
            FunctionName="databricks",
            Runtime="python3.13",
            Handler="h.handler",
            Role="arn:aws:iam::111122223333:role/workflow",
            Code={"ZipFile": code.getvalue()},
            Timeout=60,
            Environment={
                "Variables": {
                    "DATABRICKS_HOST": "https://dbc-1.cloud.databricks.com",
                    "DATABRICKS_AUTH": "aws-iam",
                    "DATABRICKS_CLIENT_ID": "client-9",
                    "DATABRICKS_AUDIENCE": "databricks",
                }
            },
        )
        services.serve_databricks("auto")
        yield aws
        services.stop()


@pytest.mark.parametrize(
    ("audience", "client", "suffix", "expected"),
    [
        ("databricks", "client-9", "", {"has_more": False}),
        ("elsewhere", "client-9", "", "No federation policy of client_id 'client-9' matches the subject_token"),
        ("databricks", "client-8", "", "No federation policy of client_id 'client-8' matches the subject_token"),
        ("databricks", "client-9", "x", "No federation policy of client_id 'client-9' matches the subject_token"),
    ],
)
def test_a_function_gets_in_by_a_token_of_its_role_for_the_audience_and_by_no_other(
    function: AwsServer, audience: str, client: str, suffix: str, expected: object
) -> None:
    event = {"audience": audience, "client": client, "suffix": suffix}
    answer = function.clients.lambda_.invoke(FunctionName="databricks", Payload=json.dumps(event))
    document = json.loads(answer["Payload"].read())
    assert document.get("error_description", document) == expected
