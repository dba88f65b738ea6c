"""Split the cars by country, and each country's into those to learn from and those to test with.

A SageMaker processing job in the scikit-learn container. Input `cars`: CSV with a header, in the order of the years.

Arguments:
    --countries: JSON, the countries that get a model of their own: `["USA", "Japan"]`.

Outputs: `training` and `test`, a file `<country>.csv` without a header for each country of the data; `cars/cars.json`,
which lists those that get a model: `{"countries": [{"name": "USA", "training": 184, "test": 61}]}`.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

FOLDER = Path("/opt/ml/processing")
# As good as random, the same on every run, and with cars of all years.
TESTED_EVERY = 4
LEAST_TESTED = 2


def read(folder: Path) -> dict[str, list[list[str]]]:
    """The cars of each country: the country, the outcome, then the features."""
    cars = defaultdict(list)
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            for country, *rest in list(csv.reader(file))[1:]:
                cars[country].append([country, *rest])
    return cars


def write(name: str, country: str, cars: list[list[str]]) -> None:
    """Write a country's file of an output."""
    path = FOLDER / "output" / name / f"{country}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(cars)


def main() -> None:
    """Run the processing job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--countries", type=json.loads, required=True)
    chosen = parser.parse_args().countries

    cars = read(FOLDER / "input" / "cars")
    learnt, tested = {}, {}
    for country, rows in sorted(cars.items()):
        tested[country] = rows[TESTED_EVERY - 1 :: TESTED_EVERY]
        learnt[country] = [row for number, row in enumerate(rows, start=1) if number % TESTED_EVERY]
        write("training", country, learnt[country])
        write("test", country, tested[country])
        print(f"{country}: {len(learnt[country])} cars to learn from, {len(tested[country])} to test with")
    enough = [country for country, rows in tested.items() if len(rows) >= LEAST_TESTED]
    wrong = [country for country in chosen if country not in enough]
    if wrong or not chosen:
        raise SystemExit(
            f"no model for {', '.join(wrong) or 'no country'}: there are enough cars of {', '.join(enough)}"
        )
    countries = [
        {"name": country, "training": len(learnt[country]), "test": len(tested[country])}
        for country in dict.fromkeys(chosen)
    ]
    report = FOLDER / "output" / "cars" / "cars.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"countries": countries}))


if __name__ == "__main__":
    main()
