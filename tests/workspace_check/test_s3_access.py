"""Whether what the steps read is there, and their clusters' roles may read and write it."""

import boto3
import pytest

from tests.workspace_check.assemblies import ASSETS
from tests.workspace_check.iam_server import IamServer
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.clients import Clients
from zflow_constructs.workspace_check.findings import Mark
from zflow_constructs.workspace_check.needs import Work
from zflow_constructs.workspace_check.s3_access import Traffic, access, objects, traffic
from zflow_constructs.workspace_check.values import Account, Values

ACCOUNT = Account("123456789012", "eu-central-1", "aws", "arn:aws:iam::123456789012:user/ana")
PROFILE = "arn:aws:iam::123456789012:instance-profile/clusters"
ROLE = "arn:aws:iam::123456789012:role/clusters-role"
ASSET = f"s3://{ASSETS}/extract.py"
FOLDER = "s3://lake/Risk/zflow-check/Extract/history/"
READS = Traffic("Extract", PROFILE, [ASSET], [FOLDER])


def make_bucket(*keys: str, name: str = ASSETS) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"")


def make_profile(*, role: bool = True) -> None:
    client = boto3.client("iam")
    client.create_instance_profile(InstanceProfileName="clusters")
    if role:
        client.create_role(RoleName="clusters-role", AssumeRolePolicyDocument="{}")
        client.add_role_to_instance_profile(InstanceProfileName="clusters", RoleName="clusters-role")


def there(clients: Clients, location: str) -> str:
    found = [Traffic("Extract", "", [location], []), Traffic("Report", "", [location], [])]
    (finding,) = objects(clients, ACCOUNT, found)
    return finding.line


def allowed(clients: Clients, *found: Traffic) -> str:
    (finding,) = access(clients, ACCOUNT, found)
    return finding.line


class TestAnObject:
    def test_that_is_there_is_looked_at_once(self, clients: Clients) -> None:
        make_bucket("extract.py")
        assert there(clients, ASSET) == f"✓ {ASSET} (Extract, Report): there"

    @pytest.mark.parametrize("buckets", [[ASSETS], []])
    def test_that_cdk_uploads_is_not_deployed_yet(self, clients: Clients, buckets: list[str]) -> None:
        for bucket in buckets:
            make_bucket(name=bucket)
        assert there(clients, ASSET) == f"✗ {ASSET} (Extract, Report): not deployed yet. Run cdk deploy."

    def test_that_is_the_user_s_is_not_there(self, clients: Clients) -> None:
        assert there(clients, "s3://lake/a.whl") == (
            "✗ s3://lake/a.whl (Extract, Report): not there. Upload it, or correct the location."
        )

    def test_is_not_looked_for_without_an_account(self, clients: Clients) -> None:
        (finding,) = objects(clients, None, [READS])
        assert finding.line == f"{Mark.UNKNOWN} {ASSET} (Extract): not looked for without AWS"
        assert access(clients, None, [READS]) == []


class TestARole:
    def test_that_may_is_said_with_how_much_was_asked(self, clients: Clients, iam: IamServer) -> None:
        make_profile()
        line = allowed(clients, READS, Traffic("Report", PROFILE, [ASSET, "s3://lake/a.whl"], []))
        assert line == (
            f"✓ S3 access of {PROFILE} (Extract, Report): clusters-role may (2 objects to read, 1 folder to write)"
        )
        assert iam.simulated == [
            (ROLE, "s3:GetObject", f"arn:aws:s3:::{ASSETS}/extract.py"),
            (ROLE, "s3:GetObject", "arn:aws:s3:::lake/a.whl"),
            (ROLE, "s3:PutObject", "arn:aws:s3:::lake/Risk/zflow-check/Extract/history/part-0"),
        ]

    def test_that_may_not_is_said_with_what(self, clients: Clients, iam: IamServer) -> None:
        make_profile()
        written = "s3:PutObject arn:aws:s3:::lake/Risk/zflow-check/Extract/history/part-0"
        iam.denied = {f"s3:GetObject arn:aws:s3:::{ASSETS}/extract.py", written}
        assert allowed(clients, READS) == (
            f"✗ S3 access of {PROFILE} (Extract): the role may not s3:GetObject arn:aws:s3:::{ASSETS}/extract.py; "
            f"{written}. Allow that in the policies of {ROLE}, unless the bucket's own policy already does."
        )

    def test_that_who_runs_this_may_not_simulate_is_said(self, clients: Clients, iam: IamServer) -> None:
        make_profile()
        iam.refused["SimulatePrincipalPolicy"] = "AccessDenied"
        assert allowed(clients, READS) == (
            f"{Mark.UNKNOWN} S3 access of {PROFILE} (Extract): who runs this may not look (iam:GetInstanceProfile, "
            "iam:SimulatePrincipalPolicy)"
        )

    def test_that_can_t_be_looked_at_for_another_reason_is_said(self, clients: Clients, iam: IamServer) -> None:
        make_profile()
        iam.refused["SimulatePrincipalPolicy"] = "PolicyEvaluation"
        assert allowed(clients, READS) == (
            f"✗ S3 access of {PROFILE} (Extract): can't be looked at (An error occurred (PolicyEvaluation) when "
            "calling the SimulatePrincipalPolicy operation: No.). Try again once that is mended."
        )

    def test_of_a_profile_that_is_not_there_is_said(self, clients: Clients) -> None:
        assert allowed(clients, READS) == (
            f"✗ S3 access of {PROFILE} (Extract): there is no such instance profile. Make it, or correct the ARN."
        )

    def test_that_a_profile_lacks_is_said(self, clients: Clients) -> None:
        make_profile(role=False)
        assert allowed(clients, READS) == (
            f"✗ S3 access of {PROFILE} (Extract): the instance profile has no role. Add the role that the clusters are "
            "to have to the instance profile."
        )

    def test_of_another_account_is_not_looked_at(self, clients: Clients) -> None:
        other = "arn:aws:iam::222222222222:instance-profile/clusters"
        assert allowed(clients, Traffic("Extract", other, [ASSET], [])) == (
            f"{Mark.UNKNOWN} S3 access of {other} (Extract): of another account, whose roles 123456789012 can't look at"
        )

    def test_is_not_known_without_a_profile(self, clients: Clients) -> None:
        assert allowed(clients, Traffic("Extract", "", [ASSET], [])) == (
            f"{Mark.UNKNOWN} S3 access (Extract): no instance profile is named: how else the cluster gets to S3 can't "
            "be checked from here"
        )


def test_a_task_reads_its_files_and_assets_and_writes_its_folders() -> None:
    parameters: list[Json] = [
        "--data",
        f"s3://{ASSETS}/data.csv",
        "--given",
        "s3://lake/folder/",
        '{% "s3://lake/Risk/" & $name & "/Extract/history/" %}',
        {"Ref": "Unknown"},
    ]
    work = [Work("Extract", "Demo", None, [ASSET, "dbfs:/a.whl", None], parameters), Work("Idle", "Demo", None, [], [])]
    result = traffic(work, Values(account=ACCOUNT))
    assert result.value == [Traffic("Extract", "", [ASSET, f"s3://{ASSETS}/data.csv"], [FOLDER])]
    assert result.findings == []


def test_files_that_only_the_run_knows_are_said_once() -> None:
    files: list[Json] = ["{% $parameters.script %}", ASSET]
    result = traffic([Work("Extract", "Demo", None, files, []), Work("Report", "Demo", None, files, [])], Values())
    assert [finding.line for finding in result.findings] == [
        f"{Mark.UNKNOWN} files in S3 (Extract, Report): known when the workflow runs"
    ]
    assert result.value == [Traffic("Extract", "", [ASSET], []), Traffic("Report", "", [ASSET], [])]


def test_a_profile_that_is_not_known_keeps_no_file_from_being_looked_for(clients: Clients) -> None:
    result = traffic([Work("Extract", "Demo", {"Ref": "Profile"}, [ASSET], [])], Values())
    assert [finding.line for finding in result.findings] == [
        f"{Mark.UNKNOWN} S3 access (Extract): known once the stack Demo is deployed (Profile)"
    ]
    assert result.value == [Traffic("Extract", None, [ASSET], [])]
    assert access(clients, ACCOUNT, result.value) == []
