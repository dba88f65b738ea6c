"""XGBoost's built-in algorithm, training: labelled files and hyperparameters in, a model out.

Follows https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xgboost

_OWN = ("csv_weights", "early_stopping_rounds", "num_round", "save_model_on_termination")
"""What the algorithm reads itself; all others are XGBoost's."""

_HYPERPARAMETERS = (
    *("aft_loss_distribution", "aft_loss_distribution_scale", "alpha", "base_score", "booster", "colsample_bylevel"),
    *("colsample_bynode", "colsample_bytree", "deterministic_histogram", "dsplit", "eta", "eval_metric", "gamma"),
    *("grow_policy", "huber_slope", "interaction_constraints", "lambda", "lambda_bias", "max_bin", "max_delta_step"),
    *("max_depth", "max_leaves", "min_child_weight", "monotone_constraints", "normalize_type", "nthread", "num_class"),
    *("num_parallel_tree", "objective", "one_drop", "predictor", "process_type", "rate_drop", "refresh_leaf"),
    *("sample_type", "scale_pos_weight", "seed", "single_precision_histogram", "sketch_eps", "skip_drop", "subsample"),
    *("tree_method", "tweedie_variance_power", "updater", "verbosity", *_OWN),
)


def _main() -> None:
    hyperparameters = json.loads(os.environ["SM_HPS"])
    _check(hyperparameters)
    weights = hyperparameters.get("csv_weights") == 1
    channels = json.loads(os.environ["SM_INPUT_DATA_CONFIG"])
    if "train" not in channels:
        sys.exit("ClientError: Missing required channel: train")
    watched = [name for name in ("train", "validation") if name in channels]
    formats = {name: _format(channels[name].get("ContentType", "libsvm"), weights=weights) for name in watched}

    import xgboost  # noqa: PLC0415  # takes a second, which no refusal should

    data = {name: _read(name, text_format) for name, text_format in formats.items()}
    # What a tuning job maximizes or minimizes has to be printed, such as validation:auc.
    tuned = json.loads(os.environ["SM_FRAMEWORK_PARAMS"]).get("_tuning_objective_metric", "").partition(":")[2]
    metrics = [*filter(None, hyperparameters.get("eval_metric", "").split(",")), *([tuned] if tuned else [])]
    booster = xgboost.train(
        {name: value for name, value in hyperparameters.items() if name not in _OWN}
        | ({"eval_metric": list(dict.fromkeys(metrics))} if metrics else {}),
        data["train"],
        num_boost_round=hyperparameters["num_round"],
        evals=[(matrix, name) for name, matrix in data.items()],
        early_stopping_rounds=hyperparameters.get("early_stopping_rounds"),
    )
    booster.save_model(Path(os.environ["SM_MODEL_DIR"]) / "xgboost-model")


def _check(hyperparameters: Mapping[str, object]) -> None:
    if "num_round" not in hyperparameters:
        sys.exit("ClientError: Missing required hyperparameter: num_round")
    for name in hyperparameters:
        if name not in _HYPERPARAMETERS:
            hints = "".join(f"; did you mean {near}?" for near in get_close_matches(name, _HYPERPARAMETERS, n=1))
            sys.exit(f"ClientError: Extraneous hyperparameter found: {name}{hints}")


def _format(content_type: str, *, weights: bool) -> str:
    """XGBoost's name of a content type. The first column of CSV is the label; the second one the weight, if any."""
    name = content_type.partition(";")[0].strip().lower().removeprefix("text/")
    if name == "csv":
        return "csv&label_column=0&weight_column=1" if weights else "csv&label_column=0"
    if name in {"libsvm", "x-libsvm"}:
        return "libsvm"
    sys.exit(f"ClientError: {content_type} is not supported in a local run: use text/csv or text/libsvm.")


def _read(channel: str, text_format: str) -> "xgboost.DMatrix":
    """All files of a channel."""
    import xgboost  # noqa: PLC0415

    files = sorted(path for path in Path(os.environ[f"SM_CHANNEL_{channel.upper()}"]).rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(files):
            (Path(folder) / str(number)).symlink_to(file)
        return xgboost.DMatrix(f"{folder}?format={text_format}")


if __name__ == "__main__":
    _main()
