from __future__ import annotations

import os

import pytest

from tests.snapshots import Snapshots

# Set before the CDK's process starts: its own validation costs seconds a template. One test of the example has it.
os.environ["CDK_VALIDATION"] = "false"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="record the templates as they are now, for review as a diff"
    )


@pytest.fixture
def snapshots(request: pytest.FixtureRequest) -> Snapshots:
    """The templates recorded beside the test's module."""
    return Snapshots(request.path.parent / "snapshots", renewed=bool(request.config.getoption("--update-snapshots")))
