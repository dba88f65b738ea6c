"""Wheels as pip builds them, small and the same to the byte each time."""

import zipfile
from collections.abc import Sequence
from pathlib import Path


def wheel(
    folder: Path,
    *,
    name: str = "churn-1.0-py3-none-any.whl",
    package: str = "churn",
    module: str = "churn",
    source: str = "def features() -> None: ...\n",
    entry_points: Sequence[str] = ("features = churn:features",),
    metadata: bool = True,
) -> str:
    """Writes a wheel of one module.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/

    Args:
        folder: where to.
        name: the file's name.
        package: the package's name.
        module: what it lets one import.
        source: the module.
        entry_points: its console scripts, as pyproject.toml names them.
        metadata: whether it has any.

    Returns:
        The file's path.
    """
    described = f"{module}-1.0.dist-info"
    files = {f"{module}.py": source}
    if metadata:
        files[f"{described}/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    if entry_points:
        files[f"{described}/entry_points.txt"] = "\n".join(["[console_scripts]", *entry_points, ""])
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return str(path)
