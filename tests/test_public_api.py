"""What `import zflow_constructs as zflow` offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import zflow_constructs as zflow
from tests.waiting import LIMIT_SECONDS


def test_the_public_names_are_sorted_and_each_is_there_once() -> None:
    assert zflow.__all__ == sorted(set(zflow.__all__))


@pytest.mark.parametrize("name", zflow.__all__)
def test_each_public_name_is_importable_and_documented(name: str) -> None:
    value = getattr(zflow, name)
    assert value.__name__ == name
    assert value.__doc__


def test_the_names_that_are_loaded_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(str(zflow.__file__)).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: str(node.module).removeprefix("zflow_constructs.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == zflow._MODULES
    assert sorted(seen) == zflow.__all__


def test_dir_lists_the_public_names() -> None:
    assert set(zflow.__all__) <= set(dir(zflow))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'zflow_constructs' has no attribute 'TrainStep'"):
        zflow.TrainStep  # noqa: B018


def test_the_package_alone_starts_no_node_process() -> None:
    code = "import sys, zflow_constructs; assert not {'aws_cdk', 'jsii', 'boto3'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIMIT_SECONDS)
