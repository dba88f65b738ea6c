"""A synthesized cloud assembly, `cdk.out`: its stacks, their templates and file assets.

See https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-deploy
"""

import difflib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zflow_constructs.core.picture.picture import MACHINERY_METADATA

Json = Mapping[str, object]


class AssemblyError(ValueError):
    """The assembly can't be run; the message says why and what to do."""


_STATE_MACHINE = "AWS::StepFunctions::StateMachine"


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that the template finds in the bootstrap bucket.

    Args:
        source: The file or folder.
        zipped: Whether a folder is to be zipped.
        bucket: The bucket's name, with `${AWS::AccountId}` and `${AWS::Region}`.
        key: The object's key.
    """

    source: Path
    zipped: bool
    bucket: str
    key: str

    def content(self) -> bytes:
        """The object: the file, or the folder as a zip file."""
        if not self.zipped:
            return self.source.read_bytes()
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zip_file:
            for file in sorted(file for file in self.source.rglob("*") if file.is_file()):
                zip_file.write(file, file.relative_to(self.source).as_posix())
        return archive.getvalue()


@dataclass(frozen=True)
class Stack:
    """A stack of the assembly.

    Args:
        name: Its name in CloudFormation.
        account: Its AWS account; empty if the app leaves it open.
        region: Its AWS region; empty if the app leaves it open.
        template: Its template.
        manifests: The files that list its assets, the template itself among them.
        needs: The stacks that are deployed before it, in order.
    """

    name: str
    account: str
    region: str
    template: Json
    manifests: Sequence[Path]
    needs: Sequence["Stack"]

    @property
    def assets(self) -> Sequence[FileAsset]:
        """Its file assets, the template itself among them.

        Raises:
            AssemblyError: There are container images among them.
        """
        return [asset for manifest in self.manifests for asset in _assets(manifest)]

    @property
    def in_order(self) -> Sequence["Stack"]:
        """The stacks to deploy: what it needs, then itself."""
        stacks: dict[str, Stack] = {}
        for needed in self.needs:
            stacks.update((stack.name, stack) for stack in needed.in_order)
        return [*stacks.values(), self]

    @property
    def resources(self) -> Mapping[str, Json]:
        """The template's resources by logical id."""
        return _mappings(self.template["Resources"])


def load_stack(folder: Path, name: str = "") -> Stack:
    """Read a stack.

    Args:
        folder: The assembly, usually `cdk.out`.
        name: The stack: its id in the app, or its name. Default: the assembly's only one.

    Raises:
        AssemblyError: There is no assembly, or no such stack, or it isn't clear which.
    """
    found = dict(_stacks(folder))
    if not name:
        if len(found) == 1:
            return next(iter(found.values()))
        raise AssemblyError(f"{folder} has {len(found)} stacks; choose one with --stack: {', '.join(sorted(found))}")
    matching = [stack for key, stack in found.items() if name in {key, stack.name}]
    if matching:
        return matching[0]
    raise AssemblyError(f"{folder} has no stack {name!r}, but: {_listed(found, name)}")


def state_machine(stack: Stack, workflow: str = "") -> str:
    """The logical id of a workflow's state machine.

    Args:
        stack: The stack.
        workflow: The workflow's id in the stack. Default: the stack's only one.

    Raises:
        AssemblyError: There is no such workflow, or it isn't clear which.
    """
    following = set(_following(stack))
    machines = {
        _construct_id(stack, key): key
        for key, resource in stack.resources.items()
        if resource["Type"] == _STATE_MACHINE and key not in following and not _is_machinery(resource)
    }
    # Without the paths that only the CDK's command writes, the logical id begins with the workflow's.
    matching = [key for name, key in machines.items() if workflow and (name == workflow or key.startswith(workflow))]
    if len(matching) == 1:
        return matching[0]
    if workflow:
        raise AssemblyError(f"The stack {stack.name} has no workflow {workflow!r}, but: {_listed(machines, workflow)}")
    if len(machines) == 1:
        return next(iter(machines.values()))
    names = ", ".join(sorted(machines)) or "none"
    raise AssemblyError(f"The stack {stack.name} has {len(machines)} workflows; choose one with --workflow: {names}")


def machinery(stack: Stack) -> list[str]:
    """The logical ids of the state machines that do a step's work for workflows, and are none themselves.

    Args:
        stack: The stack.
    """
    return [
        key
        for key, resource in stack.resources.items()
        if resource["Type"] == _STATE_MACHINE and _is_machinery(resource)
    ]


def _is_machinery(resource: Mapping[str, object]) -> bool:
    return MACHINERY_METADATA in _mapping(resource.get("Metadata", {}))


def _following(stack: Stack) -> Iterator[str]:
    """The logical ids of what rules start when an execution ends: no workflow, but what comes after one."""
    for resource in stack.resources.values():
        properties = _mapping(resource.get("Properties", {}))
        pattern = properties.get("EventPattern")
        if isinstance(pattern, Mapping) and pattern.get("source") == ["aws.states"]:
            for target in _list(properties.get("Targets", [])):
                arn = _mapping(target)["Arn"]
                yield str(arn.get("Ref", "") if isinstance(arn, Mapping) else arn)


def _construct_id(stack: Stack, logical_id: str) -> str:
    """The id in its stack of the construct that a resource belongs to; without CDK's metadata, the logical id."""
    path = _mapping(stack.resources[logical_id].get("Metadata", {})).get("aws:cdk:path", "")
    parts = str(path).split("/")
    return parts[1] if len(parts) > 2 else logical_id


def _listed(names: Iterable[str], wanted: str) -> str:
    known = sorted(names)
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{', '.join(known) or 'none'}.{hint}"


def _stacks(folder: Path) -> Iterator[tuple[str, Stack]]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise AssemblyError(f"{folder} is no cloud assembly: it has no manifest.json. Make one with `cdk synth`.")
    artifacts = _mappings(json.loads(manifest.read_text(encoding="utf-8")).get("artifacts", {}))
    for key, artifact in artifacts.items():
        if artifact["type"] == "aws:cloudformation:stack":
            yield str(artifact.get("displayName", key)), _stack(folder, artifacts, key)
        elif artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / str(_mapping(artifact["properties"])["directoryName"]))


def _stack(folder: Path, artifacts: Mapping[str, Json], key: str) -> Stack:
    artifact = artifacts[key]
    properties = _mapping(artifact["properties"])
    account, region = str(artifact["environment"]).removeprefix("aws://").split("/")
    dependencies = [str(other) for other in _list(artifact.get("dependencies", []))]
    return Stack(
        name=str(properties.get("stackName", key)),
        account="" if account == "unknown-account" else account,
        region="" if region == "unknown-region" else region,
        template=json.loads((folder / str(properties["templateFile"])).read_text(encoding="utf-8")),
        manifests=[
            folder / str(_mapping(artifacts[other]["properties"])["file"])
            for other in dependencies
            if artifacts[other]["type"] == "cdk:asset-manifest"
        ],
        needs=[
            _stack(folder, artifacts, other)
            for other in dependencies
            if artifacts[other]["type"] == "aws:cloudformation:stack"
        ],
    )


def _assets(manifest: Path) -> Iterator[FileAsset]:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    if content.get("dockerImages"):
        raise AssemblyError(
            f"{manifest.name} has container images to build, which the local engine can't: "
            "it runs the framework images of AWS, as processes of this machine. Use one of them."
        )
    for asset in _mappings(content.get("files", {})).values():
        source = _mapping(asset["source"])
        for destination in _mappings(asset["destinations"]).values():
            yield FileAsset(
                source=manifest.parent / str(source["path"]),
                zipped=source.get("packaging") == "zip",
                bucket=str(destination["bucketName"]),
                key=str(destination["objectKey"]),
            )


def _mapping(value: object) -> Json:
    assert isinstance(value, Mapping)
    return value


def _mappings(value: object) -> Mapping[str, Json]:
    return {name: _mapping(item) for name, item in _mapping(value).items()}


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
