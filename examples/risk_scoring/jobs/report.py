"""Write the performance report of the hold-out's predictions (Databricks, Python).

Predictions: CSV without a header: application id, outcome (1 bad, 0 good), predicted probability of default.
Writes `report.pdf` and `metrics.json` below the report's location.

Args:
    --predictions: S3 URI of the predictions; all objects below it are read.
    --report: S3 URI of the folder to write to.
    --threshold: An application scored at or above it is declined. Default: 0.3.
"""

from __future__ import annotations

import argparse
import io
import json
from urllib.parse import urlsplit

import boto3
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

COLUMNS = ["application_id", "bad", "probability"]
GOOD, BAD, INK, FAINT = "#2a7f9e", "#c8553d", "#22313f", "#8b98a5"


def read(uri: str) -> pd.DataFrame:
    """All predictions below an S3 URI, in the order of their ids, however many objects there are."""
    place = urlsplit(uri)
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    keys = [found["Key"] for page in pages for found in page.get("Contents", []) if found["Size"]]
    if not keys:
        raise FileNotFoundError(f"There are no predictions at {uri}")
    bodies = [s3.get_object(Bucket=place.netloc, Key=key)["Body"].read() for key in keys]
    parts = [pd.read_csv(io.BytesIO(body), names=COLUMNS) for body in bodies]
    return pd.concat(parts).sort_values("application_id", ignore_index=True)


def write(uri: str, name: str, content: bytes, content_type: str) -> None:
    """Put one object below an S3 URI."""
    place = urlsplit(f"{uri.rstrip('/')}/{name}")
    boto3.client("s3").put_object(
        Bucket=place.netloc, Key=place.path.lstrip("/"), Body=content, ContentType=content_type
    )
    print(f"wrote {place.geturl()}")


def auc_interval(auc: float, good: int, bad: int) -> tuple[float, float]:
    """The 95 % interval of an AUC, by the formula of Hanley and McNeil (1982)."""
    bad_pairs, good_pairs = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (bad - 1) * (bad_pairs - auc**2) + (good - 1) * (good_pairs - auc**2)
    margin = 1.96 * (variance / (good * bad)) ** 0.5
    return max(auc - margin, 0.0), min(auc + margin, 1.0)


def share_interval(share: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The 95 % intervals of observed shares, by Wilson's formula: a row of lower and a row of upper ends."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    margin = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.stack([middle - margin, middle + margin])


def measure(bad: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    """The figures of the report."""
    auc = float(roc_auc_score(bad, probability))
    low, high = auc_interval(auc, int(np.sum(bad == 0)), int(np.sum(bad == 1)))
    false_alarms, hits, _ = roc_curve(bad, probability)
    declined = probability >= threshold
    approved_bad = int(np.sum(~declined & (bad == 1)))
    return {
        "applications": len(bad),
        "bad": int(bad.sum()),
        "bad_rate": float(bad.mean()),
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "gini": 2 * auc - 1,
        "ks": float(np.max(hits - false_alarms)),
        "brier": float(brier_score_loss(bad, probability)),
        "mean_probability": float(probability.mean()),
        "threshold": threshold,
        "approved_good": int(np.sum(~declined & (bad == 0))),
        "approved_bad": approved_bad,
        "declined_good": int(np.sum(declined & (bad == 0))),
        "declined_bad": int(np.sum(declined & (bad == 1))),
        "approval_rate": float(np.mean(~declined)),
        "bad_rate_approved": approved_bad / max(int(np.sum(~declined)), 1),
    }


def draw_roc(axes: Axes, bad: np.ndarray, probability: np.ndarray, figures: dict[str, float]) -> None:
    """Bad applications found against good ones declined, for every threshold."""
    false_alarms, hits, _ = roc_curve(bad, probability)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", label="chance")
    axes.plot(false_alarms, hits, color=INK, linewidth=2, label=f"model, AUC {figures['auc']:.3f}")
    best = int(np.argmax(hits - false_alarms))
    axes.vlines(false_alarms[best], false_alarms[best], hits[best], color=BAD, label=f"KS {figures['ks']:.3f}")
    here = figures["declined_good"] / np.sum(bad == 0), figures["declined_bad"] / np.sum(bad == 1)
    axes.plot(*here, "o", color=BAD, label=f"threshold {figures['threshold']:g}")
    axes.set(title="ROC", xlabel="good applications declined", ylabel="bad applications declined")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="lower right")


def draw_scores(axes: Axes, bad: np.ndarray, probability: np.ndarray, figures: dict[str, float]) -> None:
    """The scores of good and of bad applications."""
    bins = np.linspace(0, 1, 21).tolist()
    for outcome, name, color in [(0, "good", GOOD), (1, "bad", BAD)]:
        scores = probability[bad == outcome]
        share = np.full(len(scores), 1 / len(scores))
        axes.hist(scores, bins=bins, weights=share, color=color, alpha=0.6, label=f"{name} ({len(scores)})")
    axes.axvline(figures["threshold"], color=INK, linestyle="--", label=f"threshold {figures['threshold']:g}")
    axes.set(title="Scores by outcome", xlabel="predicted probability of default", ylabel="share of the outcome")
    axes.set(xlim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper right")


def draw_calibration(axes: Axes, bad: np.ndarray, probability: np.ndarray, figures: dict[str, float]) -> None:
    """Observed against predicted share of bad applications, in groups of equal size."""
    groups = np.array_split(np.argsort(probability, kind="stable"), 8)
    predicted = np.array([probability[group].mean() for group in groups])
    observed = np.array([bad[group].mean() for group in groups])
    low, high = share_interval(observed, np.array([len(group) for group in groups]))
    error = np.clip([observed - low, high - observed], 0, None)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", label="perfect")
    axes.errorbar(predicted, observed, yerr=error, fmt="o-", color=INK, capsize=3, label="eighths, 95 % interval")
    axes.set(title=f"Calibration (Brier {figures['brier']:.3f})", xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.set(xlabel="predicted probability of default", ylabel="observed share of bad")
    axes.legend(loc="upper left")


def draw_confusion(axes: Axes, figures: dict[str, float]) -> None:
    """Decisions against outcomes at the threshold."""
    counts = np.array(
        [
            [figures["approved_good"], figures["declined_good"]],
            [figures["approved_bad"], figures["declined_bad"]],
        ]
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        label = f"{count:.0f}\n{shares[row, column]:.0%} of {['good', 'bad'][row]}"
        axes.text(column, row, label, ha="center", va="center", fontsize=11, color=INK)
    axes.set(title=f"Decisions at threshold {figures['threshold']:g}", xticks=[0, 1], yticks=[0, 1])
    axes.set(xticklabels=["approved", "declined"], yticklabels=["good", "bad"], ylabel="outcome")
    axes.grid(visible=False)


def draw_approvals(axes: Axes, bad: np.ndarray, probability: np.ndarray, figures: dict[str, float]) -> None:
    """The bad rate that each approval rate would bring."""
    bads = np.cumsum(bad[np.argsort(probability, kind="stable")])
    approved = np.arange(1, len(bad) + 1)
    # The first few approvals make a rate that jumps.
    shown = approved >= len(bad) // 20
    axes.plot(approved[shown] / len(bad), (bads / approved)[shown], color=INK, linewidth=2)
    axes.axhline(figures["bad_rate"], color=FAINT, linestyle=":", label="approve all")
    axes.plot(
        figures["approval_rate"],
        figures["bad_rate_approved"],
        "o",
        color=BAD,
        label=f"threshold {figures['threshold']:g}",
    )
    note = f"approve {figures['approval_rate']:.0%},\n{figures['bad_rate_approved']:.1%} of them bad"
    axes.annotate(note, (figures["approval_rate"], figures["bad_rate_approved"]), (12, -18), textcoords="offset points")
    axes.set(title="Bad rate by approval rate", xlabel="applications approved", ylabel="share of bad among approved")
    axes.set(xlim=(0, 1.01), ylim=(0, figures["bad_rate"] * 1.35))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper left")


def draw_table(axes: Axes, figures: dict[str, float]) -> None:
    """The figures as a table."""
    rows = [
        ("Applications", f"{figures['applications']:,}"),
        ("Bad", f"{figures['bad']:,} ({figures['bad_rate']:.1%})"),
        ("Mean predicted probability", f"{figures['mean_probability']:.1%}"),
        ("AUC", f"{figures['auc']:.3f}"),
        ("   95 % interval", f"{figures['auc_low']:.3f} to {figures['auc_high']:.3f}"),
        ("Gini", f"{figures['gini']:.3f}"),
        ("KS", f"{figures['ks']:.3f}"),
        ("Brier score", f"{figures['brier']:.3f}"),
        ("Approval rate", f"{figures['approval_rate']:.1%}"),
        ("Bad rate among approved", f"{figures['bad_rate_approved']:.1%}"),
    ]
    axes.axis("off")
    axes.set_title("Key figures")
    for place, (name, value) in enumerate(rows):
        height = 0.96 - place * 0.105
        axes.text(0, height, name, va="center", fontsize=10.5, color=INK)
        axes.text(1, height, value, va="center", ha="right", fontsize=10.5, color=INK, fontweight="bold")
        axes.plot([0, 1], [height - 0.0525, height - 0.0525], color=FAINT, linewidth=0.4)
    axes.set(xlim=(0, 1), ylim=(-0.04, 1.02))


def draw(predictions: pd.DataFrame, figures: dict[str, float], source: str) -> bytes:
    """The report as PDF: one A4 page."""
    bad, probability = predictions["bad"].to_numpy(), predictions["probability"].to_numpy()
    with mpl.rc_context(
        {
            "font.family": "DejaVu Sans",
            "font.size": 8.5,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.edgecolor": FAINT,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": "#e6eaee",
            "legend.frameon": False,
            "text.color": INK,
            "pdf.fonttype": 42,
        }
    ):
        layout = ConstrainedLayoutEngine(rect=(0.02, 0.04, 0.96, 0.85), wspace=0.06, hspace=0.08)
        figure = Figure(figsize=(11.69, 8.27), layout=layout)
        panels = figure.subplots(2, 3)
        draw_table(panels[0, 0], figures)
        draw_roc(panels[0, 1], bad, probability, figures)
        draw_scores(panels[0, 2], bad, probability, figures)
        draw_confusion(panels[1, 0], figures)
        draw_calibration(panels[1, 1], bad, probability, figures)
        draw_approvals(panels[1, 2], bad, probability, figures)
        figure.text(0.03, 0.945, "Risk scoring: model performance", fontsize=19, fontweight="bold")
        subtitle = (
            f"{figures['applications']:,} held-out applications, which neither the preprocessor nor the classifier "
            f"has seen. Applications scored {figures['threshold']:g} or more are declined."
        )
        figure.text(0.03, 0.912, subtitle, fontsize=10, color=FAINT)
        figure.text(0.03, 0.018, f"Predictions: {source}", fontsize=6.5, color=FAINT)
        page = io.BytesIO()
        # No date: the same predictions give the same bytes.
        figure.savefig(page, format="pdf", metadata={"Title": "Risk scoring: model performance", "CreationDate": None})
    return page.getvalue()


def main() -> None:
    """Run the job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--threshold", type=float, default=0.3)
    args = parser.parse_args()

    predictions = read(args.predictions)
    if predictions["bad"].nunique() != 2:
        bad = int(predictions["bad"].sum())
        raise ValueError(f"The predictions need both outcomes: {bad} of {len(predictions)} applications are bad")
    figures = measure(predictions["bad"].to_numpy(), predictions["probability"].to_numpy(), args.threshold)
    print("\n".join(f"{name}={value:g}" for name, value in figures.items()))
    write(args.report, "metrics.json", json.dumps(figures, indent=2).encode(), "application/json")
    write(args.report, "report.pdf", draw(predictions, figures, args.predictions), "application/pdf")


if __name__ == "__main__":
    main()
