"""Prepare the credit applications for risk scoring (Databricks, PySpark).

Reads the applications, cleans them, drops what a lender may not use, and writes two disjoint data sets, history and
hold-out, as CSV without a header. Their columns are COLUMNS, in this order.

Args:
    --applications: The applications' CSV with a header.
    --history: Folder of the applications to learn from.
    --holdout: Folder of the applications to test with.
    --holdout_fraction: Share of each outcome that is held out. Default: 0.25.
"""

from __future__ import annotations

import argparse

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 -- PySpark's own convention.

OUTCOME = "creditability"

# Sex, marital status, age and origin are protected by law against discrimination: none of them reaches a model.
PROTECTED = ["personal_status_and_sex", "age_in_years", "foreign_worker"]

NUMBERS = [
    "duration_in_month",
    "credit_amount",
    "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since",
    "number_of_existing_credits_at_this_bank",
    "number_of_people_being_liable_to_provide_maintenance_for",
]
CATEGORIES = [
    "status_of_existing_checking_account",
    "credit_history",
    "purpose",
    "savings_account_and_bonds",
    "present_employment_since",
    "other_debtors_or_guarantors",
    "property",
    "other_installment_plans",
    "housing",
    "job",
    "telephone",
]

# The features come first: a batch transform then sends `$[0:17]` to the model and keeps `$[17:]` beside its answer.
COLUMNS = [*NUMBERS, *CATEGORIES, "application_id", "bad"]

# Databricks' own protocol would leave marker files in the folder, and a batch transform reads every file that it finds.
PLAIN_COMMITS = "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol"


def clean(applications: DataFrame) -> DataFrame:
    """Type the columns, name each application, and code the outcome as 1 (bad) or 0 (good).

    An application without a known outcome teaches nothing and is left out; one delivered twice counts once.
    """
    # The name is made of the content: the same whatever the engine, the number of files, and the order of rows.
    content = F.sha2(F.concat_ws("|", *[F.col(name) for name in applications.columns if name != OUTCOME]), 256)
    numbers = [F.col(name).cast("int").alias(name) for name in NUMBERS]
    # No commas or quotes in a level: no reader of the CSV can then split one.
    categories = [F.trim(F.regexp_replace(name, r'[,"\s]+', " ")).alias(name) for name in CATEGORIES]
    application_id = F.concat(F.lit("A"), F.substring(content, 1, 12)).alias("application_id")
    bad = (F.trim(OUTCOME) == "bad").cast("int").alias("bad")
    return (
        applications.where(F.trim(OUTCOME).isin("good", "bad"))
        .select(*numbers, *categories, application_id, bad)
        .dropDuplicates(["application_id"])
    )


def hold_out(applications: DataFrame, fraction: float) -> DataFrame:
    """Add the column `held_out`: the same share of each outcome, and the same applications on every run."""
    # The id is a hash, so that its order is as good as random.
    rank = F.percent_rank().over(Window.partitionBy("bad").orderBy("application_id"))
    return applications.withColumn("held_out", rank < fraction)


def write(applications: DataFrame, folder: str) -> None:
    """Write one CSV file without a header, sorted by id, and no marker file."""
    ordered = applications.select(*COLUMNS).coalesce(1).sortWithinPartitions("application_id")
    ordered.write.mode("overwrite").option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").csv(folder)


def main() -> None:
    """Run the job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--applications", required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--holdout", required=True)
    parser.add_argument("--holdout_fraction", type=float, default=0.25)
    args = parser.parse_args()

    spark = SparkSession.builder.config("spark.sql.sources.commitProtocolClass", PLAIN_COMMITS).getOrCreate()
    applications = hold_out(clean(spark.read.csv(args.applications, header=True)), args.holdout_fraction)
    write(applications.where(~F.col("held_out")), args.history)
    write(applications.where("held_out"), args.holdout)

    counts = applications.groupBy("held_out").agg(F.count("*").alias("all"), F.sum("bad").alias("bad")).collect()
    for part in counts:
        name, folder = ("holdout", args.holdout) if part["held_out"] else ("history", args.history)
        print(f"{name}: {part['all']} applications, {part['bad']} bad, in {folder}")


if __name__ == "__main__":
    main()
