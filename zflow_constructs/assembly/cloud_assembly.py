"""A synthesized cloud assembly, `cdk.out`: its stacks, their templates and file assets.

See https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-deploy
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zflow_constructs.assembly.input_error import AssemblyError, listed
from zflow_constructs.assembly.json_document import fields, items, read_json
from zflow_constructs.core.values.templates import Json


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
        """Read the object: the file, or the folder as a zip file.

        Raises:
            AssemblyError: The file or folder is missing.
        """
        if not self.source.exists():
            raise AssemblyError(f"The asset {self.source} is missing. Synthesize the app again.")
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
        path: Its path in the app, with which its constructs' paths begin: `Production/Scoring`. Default: as its name
        account: Its AWS account. Default: the app leaves it open.
        region: Its AWS region. Default: the app leaves it open.
        template: Its template, as CloudFormation takes it. Default: an empty one.
        manifests: The files that list its assets, the template itself among them. Default: none.
        needs: The stacks that are deployed before it, in order. Default: none.
    """

    name: str
    path: str = ""
    account: str = ""
    region: str = ""
    template: Mapping[str, Json] = field(default_factory=dict)
    manifests: Sequence[Path] = ()
    needs: Sequence["Stack"] = ()

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
    def resources(self) -> Mapping[str, Mapping[str, Json]]:
        """The template's resources by logical id."""
        return {name: fields(resource) for name, resource in fields(self.template.get("Resources")).items()}

    def resources_of(self, kind: str) -> Mapping[str, Mapping[str, Json]]:
        """Return the template's resources of a type by logical id.

        Args:
            kind: The type, such as `AWS::Lambda::Function`.
        """
        return {name: resource for name, resource in self.resources.items() if resource.get("Type") == kind}


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
    raise AssemblyError(f"{folder} has no stack {name!r}, but: {listed(found, name)}")


def _stacks(folder: Path) -> Iterator[tuple[str, Stack]]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise AssemblyError(f"{folder} is no cloud assembly: it has no manifest.json. Make one with `cdk synth`.")
    artifacts = {key: fields(artifact) for key, artifact in fields(read_json(manifest).get("artifacts")).items()}
    for key, artifact in artifacts.items():
        if artifact.get("type") == "aws:cloudformation:stack":
            yield str(artifact.get("displayName", key)), _stack(folder, artifacts, key)
        elif artifact.get("type") == "cdk:cloud-assembly":
            yield from _stacks(folder / _property(artifact, "directoryName"))


def _stack(folder: Path, artifacts: Mapping[str, Mapping[str, Json]], key: str) -> Stack:
    artifact = artifacts[key]
    account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
    dependencies = {name: artifacts.get(name, {}) for name in map(str, items(artifact.get("dependencies")))}
    return Stack(
        name=_property(artifact, "stackName") or key,
        path=str(artifact.get("displayName", "")),
        account="" if account == "unknown-account" else account,
        region="" if region == "unknown-region" else region,
        template=read_json(folder / _property(artifact, "templateFile")),
        manifests=[
            folder / _property(other, "file")
            for other in dependencies.values()
            if other.get("type") == "cdk:asset-manifest"
        ],
        needs=[
            _stack(folder, artifacts, name)
            for name, other in dependencies.items()
            if other.get("type") == "aws:cloudformation:stack"
        ],
    )


def _property(artifact: Mapping[str, Json], name: str) -> str:
    return str(fields(artifact.get("properties")).get(name, ""))


def _assets(manifest: Path) -> Iterator[FileAsset]:
    content = read_json(manifest)
    if content.get("dockerImages"):
        raise AssemblyError(
            f"{manifest.name} has container images to build, which the local engine can't: "
            "it runs the framework images of AWS, as processes of this machine. Use one of them."
        )
    for asset in map(fields, fields(content.get("files")).values()):
        source = fields(asset.get("source"))
        for destination in map(fields, fields(asset.get("destinations")).values()):
            yield FileAsset(
                source=manifest.parent / str(source.get("path", "")),
                zipped=source.get("packaging") == "zip",
                bucket=str(destination.get("bucketName", "")),
                key=str(destination.get("objectKey", "")),
            )
