"""Whether what the steps read is in S3, and whether their clusters' roles may read and write."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.clients import Clients, Document, code, is_denied
from zflow_constructs.workspace_check.findings import Finding, Result, failed, of_steps, ok, unknown
from zflow_constructs.workspace_check.needs import Work, is_asset, written
from zflow_constructs.workspace_check.values import Account, NotKnownError, Values

_READ, _WRITE = "s3:GetObject", "s3:PutObject"
_AT_ONCE = 8


@dataclass(frozen=True)
class Traffic:
    """What a task reads and writes, its functions resolved.

    Args:
        step: the step's name.
        profile: the ARN of its cluster's instance profile. Empty: none. None: not known
        reads: objects in S3.
        writes: folders in S3.
    """

    step: str
    profile: str | None
    reads: Sequence[str]
    writes: Sequence[str]


def traffic(work: Sequence[Work], values: Values) -> Result[Sequence[Traffic]]:
    """What the tasks read and write, and what isn't known of it.

    Args:
        work: the tasks.
        values: what the templates' values are.
    """
    found: list[Traffic] = []
    known = _Known(values)
    for each in work:
        files = [known.value("files in S3", each, file) for file in each.files if file]
        parameters = [_text(parameter, each, values) for parameter in each.parameters]
        reads = [file for file in files if file and file.startswith("s3://")]
        reads += [parameter for parameter in parameters if is_asset(parameter)]
        writes = [place for parameter in parameters if (place := written(each.step, parameter))]
        if reads or writes:
            profile = known.value("S3 access", each, each.profile) if each.profile else ""
            found.append(Traffic(each.step, profile, reads, writes))
    return Result(known.findings, found)


def objects(clients: Clients, account: Account | None, found: Sequence[Traffic]) -> Sequence[Finding]:
    """The scripts, packages and files that the requests name are there.

    Args:
        clients: the AWS clients.
        account: where to look. None: nowhere
        found: what the tasks read.
    """
    wanted: dict[str, list[str]] = {}
    for each in found:
        for location in each.reads:
            wanted.setdefault(location, []).append(each.step)
    if account is None:
        return [unknown(of_steps(location, steps), "not looked for without AWS") for location, steps in wanted.items()]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda item: _object(clients, *item), wanted.items()))


def access(clients: Clients, account: Account | None, found: Sequence[Traffic]) -> Sequence[Finding]:
    """The roles of the clusters may read and write what the steps do.

    Args:
        clients: the AWS clients.
        account: where to look. None: nowhere
        found: what the tasks read and write.
    """
    by_profile: dict[str, list[Traffic]] = {}
    for each in found:
        if each.profile is not None:
            by_profile.setdefault(each.profile, []).append(each)
    if account is None:
        return []
    return [_role_access(clients, account, profile, its) for profile, its in by_profile.items()]


def _text(value: Json, work: Work, values: Values) -> str:
    try:
        return values.text(work.stack, value)
    except NotKnownError:
        return ""  # A parameter may be anything: what isn't known is no location that could be checked.


class _Known:
    """Values of the templates, and what isn't known of them."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._steps: dict[tuple[str, str], list[str]] = {}

    def value(self, about: str, work: Work, value: Json) -> str | None:
        try:
            return self._values.known(work.stack, value)
        except NotKnownError as error:
            self._steps.setdefault((about, str(error)), []).append(work.step)
            return None

    @property
    def findings(self) -> Sequence[Finding]:
        return [unknown(of_steps(about, steps), why) for (about, why), steps in self._steps.items()]


def _object(clients: Clients, location: str, steps: Sequence[str]) -> Finding:
    about = of_steps(location, steps)
    bucket, key = _split(location)
    try:
        clients.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code(error) in {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}:
            if is_asset(location):
                return failed(about, "not deployed yet", "Run cdk deploy.")
            return failed(about, "not there", "Upload it, or correct the location.")
        if is_denied(error):
            return unknown(about, "who runs this may not look (s3:GetObject, s3:ListBucket)")
        return failed(about, f"can't be looked at ({error})", "Try again once that is mended.")
    except BotoCoreError as error:
        return failed(about, f"can't be looked at ({error})", "Try again once that is mended.")
    return ok(about, "there")


def _role_access(clients: Clients, account: Account, profile: str, its: Sequence[Traffic]) -> Finding:
    steps = [each.step for each in its]
    if not profile:
        about = of_steps("S3 access", steps)
        return unknown(
            about, "no instance profile is named: how else the cluster gets to S3 can't be checked from here"
        )
    about = of_steps(f"S3 access of {profile}", steps)
    if f":{account.id}:" not in profile:
        return unknown(about, f"of another account, whose roles {account.id} can't look at")
    reads = list(dict.fromkeys(location for each in its for location in each.reads))
    writes = list(dict.fromkeys(location for each in its for location in each.writes))
    try:
        role = _role(clients, profile)
        denied = [
            *_denied(clients, role, _READ, [_arn(account, location) for location in reads]),
            *_denied(clients, role, _WRITE, [f"{_arn(account, folder)}part-0" for folder in writes]),
        ]
    except NotKnownError as error:
        return failed(about, str(error), "Add the role that the clusters are to have to the instance profile.")
    except (BotoCoreError, ClientError) as error:
        return _not_simulated(about, error)
    if denied:
        remedy = f"Allow that in the policies of {role}, unless the bucket's own policy already does."
        return failed(about, f"the role may not {'; '.join(denied)}", remedy)
    counted = f"{_count(reads, 'object')} to read, {_count(writes, 'folder')} to write"
    return ok(about, f"{role.rpartition('/')[2]} may ({counted})")


def _not_simulated(about: str, error: BotoCoreError | ClientError) -> Finding:
    match error:
        case ClientError() if code(error) == "NoSuchEntity":
            return failed(about, "there is no such instance profile", "Make it, or correct the ARN.")
        case ClientError() if is_denied(error):
            says = "who runs this may not look (iam:GetInstanceProfile, iam:SimulatePrincipalPolicy)"
            return unknown(about, says)
        case _:
            return failed(about, f"can't be looked at ({error})", "Try again once that is mended.")


def _role(clients: Clients, profile: str) -> str:
    match clients.iam.get_instance_profile(InstanceProfileName=profile.rpartition("/")[2]):
        case {"InstanceProfile": {"Roles": [{"Arn": str(arn)}, *_]}}:
            return arn
        case _:
            raise NotKnownError("the instance profile has no role")


def _denied(clients: Clients, role: str, action: str, arns: Sequence[str]) -> Iterator[str]:
    if not arns:
        return
    answer = clients.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action], ResourceArns=arns)
    for arn, decision in _decisions(answer):
        if decision != "allowed":
            yield f"{action} {arn}"


def _decisions(answer: Document) -> Iterator[tuple[str, str]]:
    results = answer.get("EvaluationResults")
    for result in results if isinstance(results, list) else []:
        match result:
            case {"ResourceSpecificResults": [*each]} if each:
                for specific in each:
                    yield str(specific["EvalResourceName"]), str(specific["EvalResourceDecision"])
            case {"EvalResourceName": str(arn), "EvalDecision": str(decision)}:
                yield arn, decision


def _arn(account: Account, location: str) -> str:
    return f"arn:{account.partition}:s3:::{'/'.join(_split(location))}"


def _split(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def _count(things: Sequence[str], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"
