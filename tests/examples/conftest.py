from pathlib import Path

import pytest

from tests.asl import ROOT
from tests.examples.risk_scoring.app import synthesize


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples' cloud assembly, as `cdk synth` makes it."""
    return synthesize(ROOT, tmp_path_factory.mktemp("assembly") / "cdk.out", hash_seed=1)


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of `validated_app`, with the report of cdk-nag and of the CDK's own validation."""
    folder = tmp_path_factory.mktemp("validated") / "cdk.out"
    return synthesize(ROOT, folder, app="tests.examples.validated_app", validation=True)
