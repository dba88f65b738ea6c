"""The experiment that a job of SageMaker's belongs to."""

from dataclasses import dataclass

from zflow_constructs.core.expressions import Expression
from zflow_constructs.core.templates import Template


@dataclass(frozen=True)
class Experiment:
    """An experiment of SageMaker's that is there already; a job becomes one of its trial components.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ExperimentConfig.html

    Args:
        name: its name.
        trial: one of its trials. Default: a new one for each job
        run: one of its runs. Default: none
        display_name: what the job is called in it. Default: the job's name

    Example:
        `Experiment("risk-scoring", trial=Parameter("trial"))`
    """

    name: str | Expression
    trial: str | Expression = ""
    run: str | Expression = ""
    display_name: str | Expression = ""

    @property
    def fields(self) -> dict[str, Template]:
        """`{"ExperimentConfig": {"ExperimentName": "risk-scoring", ...}}`."""
        given = {
            "ExperimentName": self.name,
            "TrialName": self.trial,
            "RunName": self.run,
            "TrialComponentDisplayName": self.display_name,
        }
        return {
            "ExperimentConfig": {
                field: value for field, value in given.items() if isinstance(value, Expression) or value
            }
        }
