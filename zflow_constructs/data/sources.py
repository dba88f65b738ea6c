"""What goes into a workflow: data, trained models and source code, as values."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of, refuse_text
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.references import RunLocation
from zflow_constructs.data.file_assets import file_asset
from zflow_constructs.data.packing import LEFT_OUT, archive, packed_files
from zflow_constructs.data.storage import FixedPlace, Place, RunPlace

Distribution: TypeAlias = Literal["FullyReplicated", "ShardedByS3Key"]
"""How a prefix's objects come to several machines: all to each of them, or each to one."""


class Writer(Protocol):
    """A step that writes data."""

    @property
    def name(self) -> str:
        """Its name, which is that of its folder in each run."""

    @property
    def path(self) -> str:
        """Its construct path."""


@dataclass(frozen=True)
class DataLocation:
    """Objects in S3: all those below a prefix, or a single one.

    Args:
        uri: `s3://bucket/prefix`, or an expression of it.
        place: where it is, for permissions.
        content_type: the MIME type of the objects. Default: not said

    Example:
        `DataLocation.from_bucket(bucket, "applications/", content_type="text/csv")`
    """

    uri: str | Expression
    place: Place
    content_type: str = ""

    @classmethod
    def from_bucket(
        cls, bucket: s3.IBucket, prefix: str = "", *, content_type: str = "", key: kms.IKey | None = None
    ) -> "DataLocation":
        """Name the objects below a prefix of a bucket.

        Args:
            bucket: The bucket; its key, if it has one, is granted with it.
            prefix: The beginning of the objects' keys. Default: all objects
            content_type: The MIME type of the objects. Default: not set
            key: What they are encrypted with, if not with the bucket's key; whoever reads them may decrypt them.
                Default: the bucket's key
        """
        place = FixedPlace(bucket, f"{prefix}*", key)
        return cls(f"s3://{bucket.bucket_name}/{prefix}", place, content_type)

    @classmethod
    def from_asset(cls, scope: Construct, id: str, path: str, *, content_type: str = "") -> "DataLocation":
        """Name a file, or a folder of a few files, that is deployed with the workflow: reference data, or an example's.

        The file keeps its name, and the files of a folder their paths in it: a script opens them by these.

        Args:
            scope: The construct that owns the asset.
            id: Its id.
            path: The file or the folder, relative to the working directory of `cdk synth`. Of a folder, what
                `SourceCode.from_directory` leaves out is left out, too.
            content_type: The MIME type. Default: not set

        Raises:
            WorkflowError: There is no such file or folder, or it has more than 100 files.

        Example:
            `DataLocation.from_asset(self, "Cars", "data/cars.csv", content_type="text/csv")`
        """
        if not Path(path).exists():
            raise WorkflowError(f'DataLocation "{id}": there is no file {path}. {_near(path)}')
        asset = file_asset(scope, id, Path(path))
        return cls(asset.uri, asset.place, content_type)

    @classmethod
    def from_step(
        cls, step: "Writer", name: str, *, content_type: str = "", key: kms.IKey | None = None
    ) -> "DataLocation":
        """Name what a step writes into the folder of each run: `<workflow's bucket>/.../<execution>/<step>/<name>/`.

        Args:
            step: The step that writes it.
            name: The name of this output.
            content_type: The MIME type. Default: not set
            key: What the step encrypts it with; whoever reads it may decrypt it. Default: the bucket's key
        """
        path = f"{step.name}/{name}" if name else step.name
        uri = RunLocation(step.path, step.name, path)
        return cls(uri, RunPlace(path, key), content_type)

    def file(self, name: str | Expression, *, content_type: str) -> "DataLocation":
        """A single file of the location, for what takes one and not a prefix, or for one iteration of a loop.

        Args:
            name: what comes after the location's prefix, such as `metrics.json`.
            content_type: the file's MIME type.

        Example:
            `evaluate.outputs["evaluation"].file("statistics.json", content_type="application/json")`, or
            `split.outputs["training"].file(Item("country") + ".csv", content_type="text/csv")`
        """
        return DataLocation(self.uri + name, self.place, content_type)


def s3_source(owner: str, data: DataLocation, manifest: DataLocation | None) -> dict[str, str | Expression]:
    """What a job reads: `{"S3DataType": "S3Prefix", "S3Uri": "s3://..."}`, or what a manifest lists of it.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformS3DataSource.html

    Args:
        owner: the step, for messages: `Step "Predict"`.
        data: the objects.
        manifest: a JSON file that lists some of them. `None`: all of them are read

    Raises:
        WorkflowError: the data are each run's own, and the list is always the same.
    """
    if manifest is None:
        return {"S3DataType": "S3Prefix", "S3Uri": data.uri}
    if isinstance(data.uri, Expression) and not isinstance(manifest.uri, Expression):
        raise WorkflowError(
            f"{owner}: manifest is {manifest.uri} in every run, and can't list what a run writes: {data.uri!r}. "
            "Have a step write the manifest, too."
        )
    return {"S3DataType": "ManifestFile", "S3Uri": manifest.uri}


@dataclass(frozen=True)
class ModelData:
    """A trained model's `model.tar.gz` in S3.

    Args:
        uri: `s3://bucket/key`, or an expression of it.
        place: where it is, for permissions.
    """

    uri: str | Expression
    place: Place

    @property
    def location(self) -> DataLocation:
        """The archive as data, for a step that reads it: `inputs={"model": train.model_data.location}`."""
        return DataLocation(self.uri, self.place)

    @classmethod
    def from_bucket(cls, bucket: s3.IBucket, key: str) -> "ModelData":
        """A model that was trained elsewhere.

        Args:
            bucket: the bucket.
            key: the key of the `model.tar.gz`.

        Raises:
            WorkflowError: the key doesn't end in `.tar.gz`, as SageMaker demands.
        """
        if not key.endswith(".tar.gz"):
            raise WorkflowError(f'ModelData "{key}": SageMaker takes a gzipped tar archive. Name a key in .tar.gz.')
        return cls(f"s3://{bucket.bucket_name}/{key}", FixedPlace(bucket, key))


@dataclass(frozen=True)
class SourceCode:
    """A script, alone or with the directory it lives in.

    Args:
        root: the directory, or the script itself.
        entry_point: the script's name.
        exclude: What of the directory is left out. Default: what is never taken along

    Example:
        `SourceCode.from_directory("preprocessing", entry_point="fit.py")`
    """

    root: Path
    entry_point: str
    exclude: tuple[str, ...] = ()

    @classmethod
    def from_file(cls, path: str) -> "SourceCode":
        """A script that needs no other file.

        Args:
            path: the script, relative to the working directory of `cdk synth`.

        Raises:
            WorkflowError: there is no such file.
        """
        script = Path(path)
        if not script.is_file():
            raise WorkflowError(f"SourceCode: there is no file {path}. {_near(path)}")
        return cls(script, script.name)

    @classmethod
    def from_directory(cls, path: str, *, entry_point: str, exclude: Sequence[str] = ()) -> "SourceCode":
        """A script with the modules and the `requirements.txt` beside it.

        Never taken along are `.git`, `.venv`, `venv`, `.env`, `__pycache__`, `*.pyc`, `node_modules`, `cdk.out` and the
        caches of Jupyter, mypy, pytest and ruff. Programs keep their executable bit.

        Args:
            path: the directory, relative to the working directory of `cdk synth`.
            entry_point: the script, relative to the directory.
            exclude: What else is left out, in the syntax of `.gitignore`: `["tests", "*.ipynb", "!keep.ipynb"]`.
                Default: nothing

        Raises:
            WorkflowError: there is no such directory, or no such script in it.
        """
        root = Path(path)
        if not root.is_dir():
            raise WorkflowError(f"SourceCode: there is no directory {path}. {_near(path)}")
        if not (root / entry_point).is_file():
            scripts = sorted(file.name for file in root.glob("*.py"))
            raise WorkflowError(
                f'SourceCode: there is no entry point "{entry_point}" in {path}.{did_you_mean(entry_point, scripts)} '
                f"Its scripts: {one_of(scripts) or 'none'}."
            )
        refuse_text("SourceCode", "exclude", exclude)
        files = packed_files("SourceCode", root, exclude)
        if entry_point not in files:
            raise WorkflowError(f'SourceCode: the entry point "{entry_point}" of {path} is excluded. Take it along.')
        return cls(root, entry_point, tuple(exclude))

    def packed(self, scope: Construct, id: str) -> s3_assets.Asset:
        """The `sourcedir.tar.gz` that SageMaker's framework containers unpack: the same bytes for the same files.

        Args:
            scope: the construct that owns the asset.
            id: its id.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sourcedir.tar.gz"
            file.write_bytes(archive(self._files()))
            return s3_assets.Asset(scope, id, path=str(file))

    def _files(self) -> Mapping[str, Path]:
        if self.root.is_file():
            return {self.root.name: self.root}
        return packed_files("SourceCode", self.root, self.exclude)


def _near(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f"Nor a directory {folder}: paths are relative to where cdk runs, here {Path.cwd().name}/."
    names = sorted(entry.name for entry in folder.iterdir() if entry.name not in LEFT_OUT)
    return f"In {folder}/ there are: {one_of(names)}.{did_you_mean(Path(path).name, names)}"
