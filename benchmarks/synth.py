"""How long synthesis takes, and how much code it takes: `make benchmark`.

Every subject is a whole process, as `cdk synth` starts it. A round runs each of them once; a ratio is the median over
the rounds of the ratio within a round, so that a slow minute of the machine slows both sides.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EMPTY_APP = "from aws_cdk import App, Stack; app = App(); Stack(app, 'Empty'); app.synth()"
EXAMPLE_APP = (
    "from aws_cdk import App; from examples.risk_scoring.workflow import RiskScoring; "
    "app = App(); RiskScoring(app, 'RiskScoring'); app.synth()"
)
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Taken:
    """What one synthesis took.

    Args:
        elapsed: seconds on the clock.
        work: seconds of processor time, which a busy machine changes less.
    """

    elapsed: float
    work: float


@dataclass(frozen=True)
class Subject:
    """What is synthesized.

    Args:
        name: what the table calls it.
        arguments: what Python runs.
    """

    name: str
    arguments: tuple[str, ...]

    def synthesize(self) -> "Taken":
        """How long one synthesis takes, from the start of the process to its end."""
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "CDK_OUTDIR": folder}
            start, start_of_work = time.perf_counter(), _work_of_children()
            subprocess.run(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
                timeout=600,
            )
            return Taken(time.perf_counter() - start, _work_of_children() - start_of_work)


EMPTY = Subject("an empty app", ("-c", EMPTY_APP))
PLAIN = Subject("risk scoring in plain aws-cdk-lib", ("-m", "benchmarks.plain_cdk"))
EXAMPLE = Subject("risk scoring with zflow_constructs", ("-c", EXAMPLE_APP))
MANY = tuple(Subject(f"{count} steps", ("-m", "benchmarks.many_steps", str(count))) for count in (10, 100, 1000))


def measure(subjects: Sequence[Subject], rounds: int) -> dict[Subject, list[Taken]]:
    """What each round took, after one that warms the caches up."""
    taken: dict[Subject, list[Taken]] = {subject: [] for subject in subjects}
    for number in range(rounds + 1):
        for subject in subjects:
            synthesis = subject.synthesize()
            if number:
                taken[subject].append(synthesis)
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return taken


def ratio(subject: Sequence[float], baseline: Sequence[float]) -> float:
    """The median over the rounds of how many times the baseline's time the subject took."""
    return statistics.median(one / other for one, other in zip(subject, baseline, strict=True))


def _work_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def code_lines(*files: Path) -> int:
    """The lines that hold code: no blank lines, comments or docstrings."""
    return sum(len(_code_lines(file.read_text(encoding="utf-8"))) for file in files)


def _code_lines(source: str) -> set[int]:
    lines: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            if any(part.type != tokenize.STRING for part in statement):
                lines.update(line for part in statement for line in range(part.start[0], part.end[0] + 1))
            statement = []
        elif token.type not in NOT_CODE:
            statement.append(token)
    return lines


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--no-validation", action="store_true", help="without CDK's own validation of the templates")
    options = parser.parse_args()
    rounds = options.rounds
    if options.no_validation:
        os.environ["CDK_VALIDATION"] = "false"
    taken = measure([EMPTY, PLAIN, EXAMPLE, *MANY], rounds)
    elapsed = {subject: [one.elapsed for one in each] for subject, each in taken.items()}
    work = {subject: [one.work for one in each] for subject, each in taken.items()}
    validation = "without" if options.no_validation else "with"
    print(f"Synthesis {validation} CDK's validation, medians of {rounds} rounds on {os.cpu_count()} cores\n")
    print(f"| {'app':<36} | seconds | x empty | x plain | processor seconds | x empty | x plain |")
    print(f"|{'-' * 38}|--------:|--------:|--------:|------------------:|--------:|--------:|")
    for subject in taken:
        cells = [
            f"{statistics.median(side[subject]):{width}.2f} | {ratio(side[subject], side[EMPTY]):7.2f} "
            f"| {ratio(side[subject], side[PLAIN]):7.2f}"
            for side, width in ((elapsed, 7), (work, 17))
        ]
        print(f"| {subject.name:<36} | {' | '.join(cells)} |")
    plain, example = (
        code_lines(ROOT / "benchmarks/plain_cdk.py"),
        code_lines(ROOT / "examples/risk_scoring/workflow.py"),
    )
    print(f"\nLines of code: {plain} in plain aws-cdk-lib, {example} with zflow_constructs")


if __name__ == "__main__":
    main()
