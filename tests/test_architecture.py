"""What the layers contract of import-linter can't say."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "zflow_constructs"
CHECKED = ("benchmarks", "examples", "tests", "tools", "zflow_constructs")
SHIPPED_WITH_LAMBDA = {"boto3", "botocore"}


def imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def foreign(folder: Path, *, allowed: set[str]) -> list[str]:
    return [
        f"{source.relative_to(PACKAGE)} imports {name}"
        for source in sorted(folder.rglob("*.py"))
        for name in imports(source)
        if name.partition(".")[0] not in sys.stdlib_module_names and name.partition(".")[0] not in allowed
    ]


def test_the_core_imports_the_standard_library_alone() -> None:
    assert (PACKAGE / "core").is_dir()
    assert foreign(PACKAGE / "core", allowed={"zflow_constructs"}) == []


def test_a_lambda_imports_what_its_runtime_ships_and_its_own_folder() -> None:
    folders = [folder for folder in (PACKAGE / "runtime").iterdir() if any(folder.glob("*.py"))]
    assert folders
    for folder in folders:
        own = {source.stem for source in folder.glob("*.py")}
        assert foreign(folder, allowed=own | SHIPPED_WITH_LAMBDA) == []


def test_nothing_imports_lambda_code() -> None:
    importers = [
        source
        for source in PACKAGE.rglob("*.py")
        if any(f"{name}.".startswith("zflow_constructs.runtime.") for name in imports(source))
    ]
    assert importers == []


def test_mypy_reads_every_module_of_cdk_that_is_used() -> None:
    used = {
        f"aws_cdk.{alias.name}" if node.module == "aws_cdk" else node.module or ""
        for folder in CHECKED
        for source in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module == "aws_cdk" and alias.name.islower()) or (node.module or "").startswith("aws_cdk.")
    }
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (read,) = (
        set(override["module"])
        for override in configuration["tool"]["mypy"]["overrides"]
        if override.get("follow_imports") == "normal"
    )
    assert used <= read
