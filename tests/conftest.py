from __future__ import annotations

import os

import pytest

from tests.snapshots import Snapshots

# Set before the CDK's process starts: its own validation costs seconds a template. One test of the example has it.
os.environ["CDK_VALIDATION"] = "false"
# Before XGBoost and scikit-learn are loaded: a thread that waits busily takes the processor of the other workers.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="record the templates as they are now, for review as a diff"
    )
    parser.addoption("--slow", action="store_true", help="run the tests that take long, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: runs with --slow alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        left_out = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture
def snapshots(request: pytest.FixtureRequest) -> Snapshots:
    """The templates recorded beside the test's module."""
    return Snapshots(request.path.parent / "snapshots", renewed=bool(request.config.getoption("--update-snapshots")))
