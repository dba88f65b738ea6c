"""Real scripts in real processes, with a real S3 on loopback."""

import io
import itertools
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.waiting import until
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Process, Processes

Submit = Callable[[Mapping[str, str | bytes]], str]
"""Uploads files as an archive, and returns its URI."""


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as running:
        yield running


@pytest.fixture
def counted_from_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script's time begin with its first line: how long Python takes to start is the machine's."""
    wait = Process.wait

    def wait_from_then_on(process: Process, timeout: float | None = None) -> int:
        until(lambda: bool(process.last_lines(1)))
        return wait(process, timeout)

    monkeypatch.setattr(Process, "wait", wait_from_then_on)


@pytest.fixture
def submit(objects: ObjectStore) -> Submit:
    return lambda files: upload_archive(objects, files)


_numbers = itertools.count()


def upload_archive(objects: ObjectStore, files: Mapping[str, str | bytes]) -> str:
    """Pack files as SourceCode does, all of the time 0, and upload the archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    uri = f"s3://lake/archives/{next(_numbers)}/archive.tar.gz"
    objects.write(uri, stream.getvalue())
    return uri


def script(name: str) -> str:
    """The text of one of the scripts beside the tests."""
    return (Path(__file__).parent / "scripts" / name).read_text()


def read_archive(objects: ObjectStore, uri: str) -> dict[str, bytes]:
    """The files of an archive in S3."""
    with tarfile.open(fileobj=io.BytesIO(objects.read(uri))) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}
