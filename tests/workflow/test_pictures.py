"""Pictures of real workflows: what was declared, and nothing of what it compiles to."""

from aws_cdk import Stack
from aws_cdk.assertions import Template

import zflow_constructs as zflow
from tests.parts import count, function, stack, train
from zflow_constructs.core.picture.picture import Node, Picture


def drawn(workflow: zflow.MlWorkflow) -> Picture:
    """The picture in the template."""
    machines = Template.from_stack(Stack.of(workflow)).find_resources("AWS::StepFunctions::StateMachine").values()
    pictures = [each["Metadata"]["zflow:graph"] for each in machines if "Metadata" in each]
    (picture,) = [Picture.from_json(each) for each in pictures if each["steps"]]
    return picture


def test_a_picture_shows_what_was_declared() -> None:
    scope = stack()
    listed = count(scope, "List", outputs=["countries"])
    model = train(scope)
    good = model.metric("validation:auc") >= zflow.Parameter("least")
    audit = zflow.LambdaStep(scope, "Audit", function=function(scope), after=[model], when=good, optional=True)
    score = count(scope, "Score", payload={"country": zflow.Item("country"), "model": model.model_data.uri})
    loop = zflow.ForEach(
        scope,
        "PerCountry",
        item="country",
        items=listed.outputs["countries"],
        steps=[score, count(scope, "Check", after=[score])],
    )
    tell = count(scope, "Tell", when=zflow.Outcome("status") != "SUCCEEDED")
    workflow = zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[listed, model, audit, loop, count(scope, "Otherwise", when=audit.otherwise)],
        finally_=[tell],
        parameters={"least": 0.75},
    )
    assert drawn(workflow) == Picture(
        "Scoring",
        (
            Node("List", kind="Lambda"),
            Node("Train", kind="SageMaker training"),
            Node(
                "Audit",
                kind="Lambda",
                needs=("Train",),
                when="validation:auc >= least",
                optional=True,
            ),
            Node(
                "PerCountry",
                needs=("List", "Train"),
                each="country in countries",
                body=(
                    Node("Score", kind="Lambda", needs=("Train",)),
                    Node("Check", kind="Lambda", after=("Score",)),
                ),
            ),
            Node("Otherwise", kind="Lambda", needs=("Audit",), when="Audit was skipped"),
        ),
        cleanup=(Node("Tell", kind="Lambda", when='status != "SUCCEEDED"'),),
    )


def test_the_steps_of_a_group_are_drawn_in_it() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Prepare")
    clean = count(group, "Clean")
    fit = count(zflow.StepGroup(group, "Features"), "Fit", payload={"rows": clean.outputs["rows"]})
    workflow = zflow.MlWorkflow(scope, "Grouped", steps=[group, count(scope, "Train", after=[fit])])
    assert (
        workflow.to_mermaid()
        == """\
flowchart LR
    subgraph group-Prepare["Prepare"]
        direction LR
        Prepare_Clean("Clean<br/>Lambda")
        subgraph group-Prepare_Features["Features"]
            direction LR
            Prepare_Features_Fit("Fit<br/>Lambda")
        end
    end
    Train("Train<br/>Lambda")
    Prepare_Clean --> Prepare_Features_Fit
    Prepare_Features_Fit -.-> Train"""
    )


def test_how_branches_meet_is_not_drawn() -> None:
    scope = stack()
    a, b = count(scope, "A"), count(scope, "B")
    c = count(scope, "C", payload={"a": a.outputs["rows"]})
    d = count(scope, "D", payload={"a": a.outputs["rows"], "b": b.outputs["rows"]})
    workflow = zflow.MlWorkflow(scope, "N", steps=[a, b, c, d])
    assert Template.from_stack(scope).find_resources("AWS::DynamoDB::Table")
    assert (
        workflow.to_mermaid()
        == """\
flowchart LR
    A("A<br/>Lambda")
    B("B<br/>Lambda")
    C("C<br/>Lambda")
    D("D<br/>Lambda")
    A --> C
    A --> D
    B --> D"""
    )
