import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.local.aws import server as server_module
from zflow_constructs.local.aws.server import AwsServer


def start(folder: Path, account: str = "111122223333") -> AwsServer:
    return AwsServer(account=account, region="eu-west-1", time_scale=0.1, log=folder / "aws.log")


def test_another_version_of_moto_is_refused_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server_module, "version", lambda _package: "5.3.0")
    with pytest.raises(InputError, match=r"moto 5\.3\.0 is installed, .* 5\.2\.5 exactly; run: pip install"):
        start(tmp_path)


def test_two_servers_at_once_are_refused_and_one_after_the_other_is_not(tmp_path: Path) -> None:
    with start(tmp_path), pytest.raises(RuntimeError, match="another local run"):
        start(tmp_path)
    with start(tmp_path) as again:
        assert again.clients.s3.list_buckets()["Buckets"] == []


def test_it_listens_on_this_machine_only_and_no_more_after_its_stop(tmp_path: Path) -> None:
    with start(tmp_path) as aws:
        host, port = aws.url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS).close()


def test_it_is_the_account_and_region_of_the_stack(tmp_path: Path) -> None:
    with start(tmp_path, account="999988887777") as aws:
        client = boto3.client(
            "sts", endpoint_url=aws.url, region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any"
        )
        assert client.get_caller_identity()["Account"] == "999988887777"
        client.close()


def test_it_forgets_everything_and_leaves_moto_as_it_was(tmp_path: Path) -> None:
    before = vars(StringJSONata)["_eval_body"]
    with start(tmp_path) as aws:
        assert vars(StringJSONata)["_eval_body"] is not before
        aws.clients.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert vars(StringJSONata)["_eval_body"] is before
    assert logging.getLogger("moto").propagate
    with start(tmp_path) as aws:
        assert aws.clients.s3.list_buckets()["Buckets"] == []


def test_its_clients_and_a_child_s_know_nothing_of_the_user_s_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    code = "import boto3, json; print(json.dumps(boto3.client('s3').list_buckets()['Buckets']))"
    with start(tmp_path) as aws:
        assert aws.clients.s3.list_buckets()["Buckets"] == []
        assert "AWS_PROFILE" not in aws.environment
        assert aws.environment["PATH"] == os.environ["PATH"]
        child = subprocess.run(
            [sys.executable, "-c", code], env=aws.environment, capture_output=True, text=True, check=True
        )
    assert json.loads(child.stdout) == []
