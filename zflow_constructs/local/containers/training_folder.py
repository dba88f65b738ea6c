"""The folders, files and variables that a script finds in a training container, below a folder instead of /opt/ml."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HOST = "algo-1"
_NOT_THE_SCRIPT_S = ("sagemaker_", "_tuning_")


@dataclass(frozen=True)
class TrainingFolder:
    """The folders of one training job, laid out as `/opt/ml` is.

    Args:
        root: The job's folder.
    """

    root: Path

    @property
    def code(self) -> Path:
        """The script's folder."""
        return self.root / "code"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.root / "model"

    @property
    def output(self) -> Path:
        """Where a script may write the file `failure`."""
        return self.root / "output"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.output / "data"

    @property
    def checkpoints(self) -> Path:
        """What a later job goes on from."""
        return self.root / "checkpoints"

    @property
    def config(self) -> Path:
        """The JSON files with what the job was asked to do."""
        return self.root / "input" / "config"

    def channel(self, name: str) -> Path:
        """The folder of a channel's data.

        Args:
            name: The channel's name.
        """
        return self.root / "input" / "data" / name

    def make(self) -> None:
        """Make the folders that a script expects to be there."""
        for folder in (self.code, self.model, self.output_data, self.output / "intermediate", self.config):
            folder.mkdir(parents=True, exist_ok=True)


def training_environment(
    folder: TrainingFolder,
    *,
    program: str,
    submit_directory: str,
    given: Mapping[str, str],
    hyperparameters: Mapping[str, object],
    channels: Mapping[str, Mapping[str, str]],
    instance_type: str,
) -> dict[str, str]:
    """Write the configuration files, and name all that a script may read in `SM_*` variables.

    It follows https://github.com/aws/sagemaker-training-toolkit, whose containers run the scripts on AWS.

    Args:
        folder: The job's folders.
        program: The script's path in its folder.
        submit_directory: Where the folder comes from.
        given: The hyperparameters as the job was given them: texts.
        hyperparameters: All, decoded; those of SageMaker itself start with `sagemaker_`.
        channels: For each channel's name its entry of inputdataconfig.json.
        instance_type: The instance type that the job asks for.
    """
    own = own_hyperparameters(hyperparameters)
    resources = {
        "current_host": _HOST,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": [_HOST],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": [_HOST]}
        ],
        "network_interface_name": "lo",
    }
    _write_json(folder.config / "hyperparameters.json", given)
    _write_json(folder.config / "inputdataconfig.json", channels)
    _write_json(folder.config / "resourceconfig.json", resources)
    variables: dict[str, object] = {
        "CHANNELS": sorted(channels),
        "CURRENT_HOST": _HOST,
        "CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "CURRENT_INSTANCE_TYPE": instance_type,
        "FRAMEWORK_PARAMS": {name: value for name, value in hyperparameters.items() if name not in own},
        "HOSTS": [_HOST],
        "HPS": own,
        "INPUT_CONFIG_DIR": str(folder.config),
        "INPUT_DATA_CONFIG": channels,
        "INPUT_DIR": str(folder.root / "input"),
        "IS_HETERO": False,
        "LOG_LEVEL": 20,
        "MODEL_DIR": str(folder.model),
        "MODULE_DIR": submit_directory,
        "MODULE_NAME": program.removesuffix(".py"),
        "NETWORK_INTERFACE_NAME": "lo",
        "NUM_CPUS": os.cpu_count(),
        "NUM_GPUS": 0,
        "OUTPUT_DATA_DIR": str(folder.output_data),
        "OUTPUT_DIR": str(folder.output),
        "OUTPUT_INTERMEDIATE_DIR": str(folder.output / "intermediate"),
        "RESOURCE_CONFIG": resources,
        "USER_ARGS": script_arguments(own),
        "USER_ENTRY_POINT": program,
    }
    variables |= {f"CHANNEL_{name.upper()}": str(folder.channel(name)) for name in channels}
    variables |= {f"HP_{name.upper()}": value for name, value in own.items()}
    variables["TRAINING_ENV"] = {name.lower(): value for name, value in variables.items()}
    return {f"SM_{name}": _variable(value) for name, value in variables.items()}


def own_hyperparameters(hyperparameters: Mapping[str, object]) -> dict[str, object]:
    """Those that a script sees: SageMaker's own are left out.

    Args:
        hyperparameters: All, decoded.
    """
    return {name: value for name, value in hyperparameters.items() if not name.startswith(_NOT_THE_SCRIPT_S)}


def script_arguments(hyperparameters: Mapping[str, object]) -> list[str]:
    """Hyperparameters as a script's arguments, sorted: `--max-depth 5`, `-k 3`.

    Args:
        hyperparameters: Decoded ones, without SageMaker's own.
    """
    return [
        part
        for name, value in sorted(hyperparameters.items())
        for part in (f"--{name}" if len(name) > 1 else f"-{name}", _argument(value))
    ]


def _argument(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={part}" for key, part in sorted(value.items()))
    return str(value)


def _variable(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2))
