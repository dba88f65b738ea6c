"""Wheels as they lie on disk: their names, and what their metadata say."""

import re
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of

_NAME = re.compile(r"(?P<name>[^-]+-[^-]+?)(-(?P<build>\d[^-]*))?(?P<tags>-[^-]+-[^-]+-[^-]+)\.whl")


@dataclass(frozen=True)
class Wheel:
    """A Python package, built.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/

    Args:
        path: the file, relative to the working directory of `cdk synth`.

    Raises:
        WorkflowError: there is no such file, or it is no wheel.
    """

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_file():
            built = sorted(file.name for file in self.path.parent.glob("*.whl"))
            raise WorkflowError(
                f"Wheel {self.path}: there is no such file.{did_you_mean(self.path.name, built)} "
                f"Wheels in {self.path.parent}/: {one_of(built) or 'none'}. "
                "Build it first: pip wheel --no-deps -w dist ."
            )
        if not _NAME.fullmatch(self.path.name) or not zipfile.is_zipfile(self.path) or not self._metadata:
            raise WorkflowError(
                f"Wheel {self.path}: this is no wheel. Give a file such as dist/churn-1.0-py3-none-any.whl, as "
                "pip wheel builds it."
            )

    @property
    def package(self) -> str:
        """The package's name."""
        return self._distribution.name

    @property
    def entry_points(self) -> list[str]:
        """The names of its entry points, of any group."""
        return [entry.name for entry in self._distribution.entry_points]

    @property
    def modules(self) -> list[str]:
        """What it lets one import: its top-level modules and packages."""
        with zipfile.ZipFile(self.path) as archive:
            tops = {name.split("/")[0] for name in archive.namelist()}
        return sorted(top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".data")))

    def built(self, content: str) -> str:
        """Its name with a build tag, so that wheels of the same version and other content have other names.

        Args:
            content: a hash of its content.

        Example:
            `churn-1.0-0a1b2-py3-none-any.whl`
        """
        named = _NAME.fullmatch(self.path.name)
        assert named is not None
        return f"{named['name']}-{named['build'] or '0'}_{content}{named['tags']}.whl"

    @property
    def _metadata(self) -> list[zipfile.Path]:
        """The folder of its metadata, if it has one."""
        return [each for each in zipfile.Path(self.path).iterdir() if (each / "METADATA").is_file()]

    @property
    def _distribution(self) -> Distribution:
        return PathDistribution(self._metadata[0])
