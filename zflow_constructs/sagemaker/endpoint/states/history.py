"""The configurations that an endpoint had before: a few are kept to go back to, the others are deleted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from zflow_constructs.core.states.asl import EXIT, Catcher, Map, Pass, Retrier, State, Task, inline
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import RESULT, JobName, Variable
from zflow_constructs.steps.binding import Binding

_CALL_SECONDS = 60
_DIGITS = 20
_ANY = ("States.ALL",)


@dataclass(frozen=True)
class EndpointHistory:
    """Deletes all but the newest of an endpoint's earlier configurations, and the models that the step made for them.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpointConfig.html

    Args:
        step: the step's name.
        variable: the step's variable.
        name: the names of the configurations and models.
        kept: how many are kept beside the one that serves: the one that served before, whatever its age, and the
            newest ones.
    """

    step: str
    variable: str
    name: JobName
    kept: int
    retry: tuple[Retrier, ...]

    @property
    def start(self) -> str:
        """The first state."""
        return f"{self.step}: configurations"

    def states(self) -> Mapping[str, Task | Map]:
        """`Endpoint: configurations` (listEndpointConfigs) -> `Endpoint: old configurations`, one after the other.

        For each: `Endpoint: old configuration` (describeEndpointConfig) -> `Endpoint: old models` (deleteModel) ->
        `Endpoint: delete configuration`. What can't be deleted is left for the next run, which sees it again.
        """
        name = self.step
        left = Catcher(_ANY, f"{name}: left for the next run")
        old_model: dict[str, State] = {
            f"{name}: old model": self._call(
                "deleteModel", {"ModelName": Jsonata("$states.input")}, catch=(Catcher(_ANY, f"{name}: model stays"),)
            ),
            # It is gone, or refuses to go: a model costs nothing.
            f"{name}: model stays": Pass(),
        }
        each: dict[str, State] = {
            f"{name}: old configuration": self._call(
                "describeEndpointConfig",
                {"EndpointConfigName": Jsonata("$states.input")},
                output=self._models(),
                catch=(left,),
                then=f"{name}: old models",
            ),
            f"{name}: old models": Map(
                items=Jsonata("[$states.input.models]"),
                processor=inline(old_model),
                output=Jsonata("$states.input"),
                next=f"{name}: delete configuration",
            ),
            f"{name}: delete configuration": self._call(
                "deleteEndpointConfig", {"EndpointConfigName": Jsonata("$states.input.configuration")}, catch=(left,)
            ),
            left.next: Pass(),
        }
        return {
            self.start: Task(
                resource="arn:aws:states:::aws-sdk:sagemaker:listEndpointConfigs",
                arguments={
                    "NameContains": self._prefix,
                    "SortBy": "CreationTime",
                    "SortOrder": "Descending",
                    "MaxResults": 100,
                },
                timeout_seconds=_CALL_SECONDS,
                assign={f"{self.variable}_old": self._old()},
                retry=self.retry,
                next=f"{name}: old configurations",
            ),
            f"{name}: old configurations": Map(
                items=Variable(f"{self.variable}_old"), processor=inline(each), max_concurrency=1
            ),
        }

    def bind(self, binding: Binding) -> None:
        """Lets the state machine find and delete this endpoint's configurations and models.

        Args:
            binding: the workflow.
        """
        # Configurations are listed by a part of their names, which no right can say.
        binding.allow(["sagemaker:ListEndpointConfigs"], ["*"])
        binding.allow(
            ["sagemaker:DeleteEndpointConfig", "sagemaker:DescribeEndpointConfig"],
            [binding.job_arn("endpoint-config", self.name)],
        )
        binding.allow(["sagemaker:DeleteModel"], [binding.job_arn("model", self.name)])

    @property
    def _prefix(self) -> str:
        return self.name.prefix("")

    def _own(self, field: str) -> str:
        """Whether a name is one of the step's: another endpoint's may contain this one's."""
        prefix = self._prefix
        length = len(prefix) + _DIGITS
        return f"$length({field}) = {length} and $substring({field}, 0, {len(prefix)}) = {json.dumps(prefix)}"

    def _old(self) -> Expression:
        # One that failed its smoke test may be newer than the one that it was put back to.
        staying = ["config", "before"] if self.kept else ["config"]
        others = " and ".join(f"EndpointConfigName != ${self.variable}_{each}" for each in staying)
        found = f"$states.result.EndpointConfigs[{self._own('EndpointConfigName')} and {others}].EndpointConfigName"
        newest = max(self.kept - 1, 0)
        return Jsonata(f"$append([], $filter([{found}], function($name, $i) {{ $i >= {newest} }}))")

    def _models(self) -> dict[str, Expression]:
        models = "$append([], [$states.result.ProductionVariants, $states.result.ShadowProductionVariants])"
        return {
            "configuration": RESULT["EndpointConfigName"],
            "models": Jsonata(f"[{models}.ModelName[{self._own('$')}]]"),
        }

    def _call(
        self,
        action: str,
        arguments: Mapping[str, Expression],
        *,
        catch: tuple[Catcher, ...],
        output: Mapping[str, Expression] | None = None,
        then: str = EXIT,
    ) -> Task:
        return Task(
            resource=f"arn:aws:states:::aws-sdk:sagemaker:{action}",
            arguments=arguments,
            timeout_seconds=_CALL_SECONDS,
            output=output,
            retry=self.retry,
            catch=catch,
            next=then,
        )
