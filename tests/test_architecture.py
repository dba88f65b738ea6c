"""What the layers contract of import-linter can't say."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "zflow_constructs"
CHECKED = ("benchmarks", "examples", "tests", "tools", "zflow_constructs")
SHIPPED_WITH_LAMBDA = {"boto3", "botocore"}

Node = TypeVar("Node", bound=ast.AST)


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


def nodes(kind: type[Node]) -> Iterator[tuple[Path, Node]]:
    """The nodes of one kind in the package, the Lambdas' code included."""
    for source, node in every_node():
        if isinstance(node, kind):
            yield source, node


@cache
def every_node() -> list[tuple[Path, ast.AST]]:
    return [
        (source.relative_to(PACKAGE), node)
        for source in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    ]


def none_or_one(node: ast.expr | None) -> bool:
    """Whether a value is a list or tuple of one entry, or an empty one where there is none: `[x] if x else []`."""
    match node:
        case ast.IfExp(body=ast.List(elts=one) | ast.Tuple(elts=one), orelse=ast.List(elts=[]) | ast.Tuple(elts=[])):
            return len(one) == 1 and not isinstance(one[0], ast.Starred)
        case ast.IfExp(body=ast.List(elts=[]) | ast.Tuple(elts=[]), orelse=ast.List(elts=one) | ast.Tuple(elts=one)):
            return len(one) == 1 and not isinstance(one[0], ast.Starred)
        case _:
            return False


def ways_out(function: ast.FunctionDef) -> list[ast.expr | None]:
    """What a function returns, for each of its ways out."""
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]


def literal_of(value: ast.expr | None, entries: int) -> bool:
    """Whether a value is a list or tuple that is written out, with so many entries."""
    match value:
        case ast.List(elts=found) | ast.Tuple(elts=found):
            return len(found) == entries and not any(isinstance(each, ast.Starred) for each in found)
        case _:
            return False


def test_what_may_be_absent_is_none_and_never_a_list_of_none_or_one() -> None:
    kept = [
        f"{source}:{node.lineno}"
        for source, node in nodes(ast.stmt)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return) and none_or_one(node.value)
        if isinstance(node, ast.Return) or ast.unparse(node).startswith("self.")
    ]
    handed = [
        f"{source}:{node.lineno}"
        for source, node in nodes(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == "cls"
        if any(none_or_one(value) for value in (*node.args, *(keyword.value for keyword in node.keywords)))
    ]
    answered = [
        f"{source}:{node.lineno} {node.name}"
        for source, node in nodes(ast.FunctionDef)
        if all(literal_of(value, 0) or literal_of(value, 1) for value in ways_out(node))
        and any(literal_of(value, 0) for value in ways_out(node))
        and any(literal_of(value, 1) for value in ways_out(node))
        # One of several groups of retriers, which are joined.
        and node.name != "failure_retriers"
    ]
    first = [
        f"{source}:{node.lineno}"
        for source, node in nodes(ast.Call)
        if isinstance(node.func, ast.Name)
        and node.func.id == "next"
        and ast.unparse(node.args[0]).startswith("iter(self._")
    ]
    assert (kept, handed, answered, first) == ([], [], [], [])


TAKEN_APART_BY = {
    "endswith",
    "partition",
    "removeprefix",
    "removesuffix",
    "rpartition",
    "rsplit",
    "split",
    "startswith",
}
TITLE = re.compile(r": (skipped|failed|item|results)\b| waits for\b| is done\b| wakes\b| waits no more\b| reads\b")


def test_only_the_compiler_knows_how_states_are_called() -> None:
    """What a state is for, the definition says itself: nothing else may read it out of a name."""
    titles = re.compile(r"^(: skipped|: failed| waits for | is done| wakes | waits no more)$")
    knowing = {
        str(source) for source, node in nodes(ast.Constant) if isinstance(node.value, str) and titles.match(node.value)
    }
    assert knowing == {"core/states/guarded.py", "core/rendezvous/rendezvous.py"}
    patterns = [
        str(source)
        for source, node in nodes(ast.Constant)
        if isinstance(node.value, str) and re.search(r"waits for \(|\(\?P<step>", node.value)
    ]
    assert patterns == ["core/states/legend.py"]
    taken_apart = [
        f"{source}:{node.lineno}"
        for source, node in nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr in TAKEN_APART_BY
        for text in ast.walk(node)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and TITLE.search(text.value)
    ]
    compared = [
        f"{source}:{node.lineno}"
        for source, node in nodes(ast.Compare)
        for text in (node.left, *node.comparators)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and TITLE.search(text.value)
    ]
    assert (taken_apart, compared) == ([], [])


def test_a_newcomer_sees_the_architecture_in_the_package_s_folder() -> None:
    entries = sorted(entry.name for entry in PACKAGE.iterdir() if entry.name != "__pycache__")
    assert len(entries) <= 20
    folders = [entry for entry in entries if (PACKAGE / entry).is_dir()]
    undocumented = [
        folder
        for folder in folders
        # The Lambdas' folder is no package: each Lambda's code is the root of its own imports.
        if folder != "runtime" and not ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text()))
    ]
    assert undocumented == []
