"""Where SageMaker Experiments shows a job."""

from dataclasses import dataclass

from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Template


@dataclass(frozen=True)
class ExperimentConfig:
    """The experiment that a job belongs to, which is there already: SageMaker adds the job to it as a trial component.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ExperimentConfig.html

    Args:
        experiment_name: the experiment.
        trial_name: one of its trials. Default: a new one
        run_name: the run of the experiment. Default: none
        trial_component_display_name: how the job is shown. Default: by its name

    Example:
        `ExperimentConfig("churn", run_name="nightly")`
    """

    experiment_name: str | Expression
    trial_name: str | Expression = ""
    run_name: str | Expression = ""
    trial_component_display_name: str | Expression = ""

    @property
    def fields(self) -> dict[str, Template]:
        """`{"ExperimentConfig": {"ExperimentName": "churn", "RunName": "nightly"}}`."""
        named = {
            "ExperimentName": self.experiment_name,
            "TrialName": self.trial_name,
            "RunName": self.run_name,
            "TrialComponentDisplayName": self.trial_component_display_name,
        }
        return {
            "ExperimentConfig": {name: value for name, value in named.items() if not isinstance(value, str) or value}
        }
