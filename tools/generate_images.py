"""Writes images.json of zflow_constructs/sagemaker/images/: AWS's images of frameworks and algorithms.

They are read from `sagemaker.core`.

Run it when AWS has released a framework version, with the dependency group `images` installed:

    python tools/generate_images.py

It asks `image_uris.retrieve` for every framework and algorithm, version, kind of instance and region, and keeps what it
answers: accounts, repositories and tags. Of a version's images it takes that with the newest Python; Python 2 is left
out. JumpStart's algorithms, such as LightGBM, have no images of their own: the SDK looks them up in S3 when it runs.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, TypeAlias

from sagemaker.core import common_utils, image_uris

IMAGES = Path(__file__).parent.parent / "zflow_constructs" / "sagemaker" / "images" / "images.json"
FRAMEWORKS = ("sklearn", "xgboost", "pytorch", "pytorch-amzn2023", "tensorflow", "huggingface", "spark")
# They train and serve by themselves, and take no script.
ALGORITHMS = (
    "blazingtext",
    "factorization-machines",
    "forecasting-deepar",
    "image-classification",
    "ipinsights",
    "kmeans",
    "knn",
    "lda",
    "linear-learner",
    "ntm",
    "object-detection",
    "object2vec",
    "pca",
    "randomcutforest",
    "semantic-segmentation",
    "seq2seq",
)
# An instance of each kind that has images of its own: p4d for a few old versions.
INSTANCES = {
    "training": {"cpu": "ml.m5.large", "gpu": "ml.g5.xlarge", "p4d": "ml.p4d.24xlarge"},
    "inference": {"cpu": "ml.m5.large", "gpu": "ml.g5.xlarge", "p4d": "ml.p4d.24xlarge"},
    "inference_graviton": {"cpu": "ml.m6g.large"},
    "processing": {"cpu": "ml.m5.large", "gpu": "ml.g5.xlarge"},
}
Entry: TypeAlias = dict[str, Any]  # The SDK's files have no schema.


@dataclass(frozen=True, kw_only=True)
class Image:
    """What `retrieve` wants to know, but for the instance type and the region.

    Args:
        framework: the framework or algorithm, as the SageMaker SDK names it.
        scope: `training`, `inference`, `inference_graviton` or `processing`.
        version: the framework's version or an alias of it; for Hugging Face, that of the transformers.
        python: as the SDK names it. Empty: the image's name has none.
        base_framework: for Hugging Face, `pytorch2.1.0` for example. Default: the framework stands alone.
    """

    framework: str
    scope: str
    version: str
    python: str
    base_framework: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Framework and version in our table: Hugging Face's are named as in AWS's repositories and tags."""
        base = re.fullmatch(r"([a-z]+)(.+)", self.base_framework)
        if not base:
            return self.framework, self.version
        return f"huggingface-{base[1]}", f"{base[2]}-transformers{self.version}"

    def uri(self, *, instance_type: str, region: str) -> str:
        """The image's URI as the SDK has it.

        Raises:
            ValueError: There is none.
        """
        uri: str = image_uris.retrieve(
            self.framework,
            region,
            version=self.version,
            py_version=self.python or None,
            instance_type=instance_type,
            image_scope=self.scope,
            base_framework_version=self.base_framework or None,
            # What the SDK's estimator hands over; an image that knows its own container version has that one.
            container_version="cu110-ubuntu18.04" if self.base_framework else None,
        )
        return uri


def images() -> Iterator[Image]:
    """Every image of every framework and algorithm."""
    for framework in FRAMEWORKS:
        config = image_uris.config_for_framework(framework)
        for scope in sorted(INSTANCES.keys() & config.keys()):
            for version, entry in _with_aliases(config[scope]["versions"], config[scope]).items():
                bases = _with_aliases(entry, entry) if framework == "huggingface" else {"": entry}
                for base, below in bases.items():
                    if base and base.count(".") != version.count("."):
                        continue  # 2.1.0-transformers4.36.0 and 2.1-transformers4.36 are listed, nothing in between.
                    # Spark's images with a Python in their names have the container's version in them, too.
                    for python in [""] if framework == "spark" else _newest_python(below):
                        yield Image(
                            framework=framework, scope=scope, version=version, python=python, base_framework=base
                        )
    for algorithm in ALGORITHMS:
        config = image_uris.config_for_framework(algorithm)
        for scope, version in itertools.product(config["scope"], config["versions"]):
            yield Image(framework=algorithm, scope=scope, version=version, python="")


def _with_aliases(entries: Mapping[str, Entry], owner: Entry) -> dict[str, Entry]:
    """The entries by their full and their short names; not by "latest", whose image changes under a deployed job."""
    aliases = {alias: name for alias, name in owner.get("version_aliases", {}).items() if alias != "latest"}
    entries = {name: entry for name, entry in entries.items() if name != "version_aliases"}
    return {**entries, **{alias: entries[name] for alias, name in aliases.items()}}


def _newest_python(entry: Entry) -> list[str]:
    """The newest of the entry's Python 3 versions, `[""]` where it has none to choose, nothing if all are Python 2."""
    pythons = entry.get("py_versions") if "repository" in entry else list(entry)
    newest = sorted((name for name in pythons or () if name.startswith("py3")), key=lambda name: int(name[2:]))
    return newest[-1:] if pythons else [""]


def regions() -> list[str]:
    """Every region that any images are in."""
    found: set[str] = set()

    def collect(entry: Entry) -> None:
        found.update(entry.get("registries", ()))
        for below in entry.values():
            if isinstance(below, dict):
                collect(below)

    for framework in (*FRAMEWORKS, *ALGORITHMS):
        collect(image_uris.config_for_framework(framework))
    return sorted(found)


def remember_what_was_read() -> None:
    """Lets `retrieve` read its files once instead of at each call, which takes 80 ms."""
    image_uris.config_for_framework = cache(image_uris.config_for_framework)
    resolver = common_utils._botocore_resolver()  # noqa: SLF001 - it has no other name
    resolver.construct_endpoint = cache(resolver.construct_endpoint)
    common_utils._botocore_resolver = lambda: resolver  # noqa: SLF001


def table() -> dict[str, object]:
    """What `images.json` holds."""
    everywhere = regions()
    domains: dict[str, str] = {}
    account_sets: list[dict[str, str]] = []
    frameworks: dict[str, dict[str, dict[str, object]]] = {}
    algorithms: dict[str, dict[str, dict[str, object]]] = {}
    for image in images():
        accounts: dict[str, str] = {}
        tags: dict[str, str] = {}
        for region, (kind, instance_type) in itertools.product(everywhere, INSTANCES[image.scope].items()):
            try:
                uri = image.uri(instance_type=instance_type, region=region)
            except ValueError:
                continue  # No image for this kind of instance, or none in this region.
            registry, _, name = uri.partition("/")
            accounts[region], _, _, _, domains[region] = registry.split(".", 4)
            repository, _, tags[kind] = name.partition(":")
        if tags.get("p4d") == tags.get("gpu"):
            tags.pop("p4d", None)
        if accounts not in account_sets:
            account_sets.append(accounts)
        framework, version = image.key
        named = algorithms if framework in ALGORITHMS else frameworks
        named.setdefault(framework, {}).setdefault(version, {})[image.scope] = {
            "accounts": account_sets.index(accounts),
            "repository": repository,
            "tags": tags,
        }
    return {
        "source": f"sagemaker-core {installed_version('sagemaker-core')}",
        "domains": {region: domain for region, domain in domains.items() if domain != "amazonaws.com"},
        "accounts": account_sets,
        "algorithms": algorithms,
        "frameworks": frameworks,
    }


if __name__ == "__main__":
    remember_what_was_read()
    IMAGES.write_text(json.dumps(table(), indent=1, sort_keys=True) + "\n")
