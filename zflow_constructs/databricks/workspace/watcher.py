"""A state machine that watches very long runs, in executions of its own: each has a history of its own."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.picture.picture import MACHINERY_METADATA
from zflow_constructs.core.states.asl import Catcher, Choice, Pass, Rule, State, Task, Wait
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.resources.state_machine import machine_role, state_machine
from zflow_constructs.steps.retry import DATABRICKS_LOOK

MOST_LOOKS = 1_500
"""So many looks fit into one history: `Wait`, `Look` and `Done?` are nine events, retries come on top."""
WATCH_SECONDS = 3 * 86_400
"""The longest that an execution watches."""
_ENOUGH_MILLISECONDS = 2 * 86_400_000


def watcher(scope: Construct, id: str, *, function: lambda_.IFunction, call_seconds: int) -> sfn.IStateMachine:
    """Makes the machine: it waits and looks until the run is done, has failed, or the history is full.

    Its input is `{"event": what the Lambda is sent, "answer": what it last answered}`, its output the last answer.
    Where the Lambda raised an error, that is `{"status": "LOOK", ...}`: who started it looks itself, and fails.

    Args:
        scope: the workspace.
        id: its id.
        function: the workspace's Lambda.
        call_seconds: how long a call of it may take.
    """
    owner = Construct(scope, id)
    role = machine_role(owner)
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]))
    machine, _ = state_machine(
        owner,
        definition(function.function_arn, call_seconds),
        role=role,
        log_retention=logs.RetentionDays.THREE_MONTHS,
    )
    resource = cast("sfn.CfnStateMachine", machine.node.default_child)
    resource.add_metadata(MACHINERY_METADATA, "Watches runs on Databricks for other state machines.")
    return machine


def definition(function_arn: str, call_seconds: int) -> Mapping[str, Json]:
    """`Watch` (Pass) -> `Wait` -> `Look` (lambda:invoke) -> `Done?`, and round again; then `Answer`.

    Args:
        function_arn: the workspace's Lambda.
        call_seconds: how long a call of it may take.
    """
    next_call = (
        '{"action": $answer.status = "SUBMIT" ? "submit" : "check", "attempt": $answer.attempt, "run": $answer.run}'
    )
    enough = f'$answer.status = "DONE" or $looks >= {MOST_LOOKS} or $millis() > $until'
    states: Mapping[str, State] = {
        "Watch": Pass(
            {
                "event": Jsonata("$states.input.event"),
                "answer": Jsonata("$states.input.answer"),
                "looks": 0,
                "until": Jsonata(f"$millis() + {_ENOUGH_MILLISECONDS}"),
            },
            next="Wait",
        ),
        "Wait": Wait(Jsonata("$answer.wait_seconds"), next="Look"),
        "Look": Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments={
                "FunctionName": function_arn,
                "Payload": Jsonata(f"$merge([$event, {next_call}])"),
            },
            timeout_seconds=call_seconds,
            assign={"answer": Jsonata("$states.result.Payload"), "looks": Jsonata("$looks + 1")},
            retry=DATABRICKS_LOOK,
            catch=(Catcher(("States.ALL",), "Answer", {"answer": Jsonata('$merge([$answer, {"status": "LOOK"}])')}),),
            next="Done?",
        ),
        "Done?": Choice((Rule(Jsonata(enough), "Answer"),), default="Wait"),
        "Answer": Pass(output=Jsonata("$answer")),
    }
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": WATCH_SECONDS,
        "StartAt": "Watch",
        "States": {name: state.render(Scope()) for name, state in states.items()},
    }
