"""How `zflow` refuses what can't be used: each command with one message on standard error and the exit code 2."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.drawing.pictures import DIAMOND
from tests.local.assemblies import call, write_assembly
from zflow_constructs.cli.main import main

EXTRAS = {"databricks check": "databricks.sdk", "graph": "pygraphviz", "local run": "moto"}
"""What each command imports beyond the core; the others import nothing."""

DATABRICKS: Mapping[str, object] = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"Environment": {"Variables": {"DATABRICKS_HOST": "https://dbc-a1b2.cloud.databricks.com"}}},
}


def commands(command: click.Command = main, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Each subcommand, by its words."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, *names, name)
    else:
        yield " ".join(names), command


def having(parameter: str) -> list[str]:
    """The subcommands that have an argument or an option."""
    return [words for words, command in commands() if parameter in {each.name for each in command.params}]


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An assembly in the current folder, whose workflow each command could use."""
    monkeypatch.chdir(tmp_path)
    return write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata={"zflow:graph": DIAMOND.to_json()})


def refusal(command: str, *arguments: object) -> str:
    """The message with which a command refuses."""
    ended = CliRunner().invoke(main, [*command.split(), *map(str, arguments)])
    assert isinstance(ended.exception, SystemExit), ended.exception
    assert ended.exit_code == 2, ended.output
    _, found, message = " ".join(ended.stderr.split()).partition("Error: ")
    assert found
    assert "Error: " not in message
    return message


def test_every_command_is_held_to_this() -> None:
    assert having("assembly") == [words for words, _ in commands()]


@pytest.mark.parametrize("command", [words for words, _ in commands()])
def test_an_option_that_no_command_has_is_refused(assembly: Path, command: str) -> None:
    assert refusal(command, assembly, "--stak", "Demo").startswith("No such option")


@pytest.mark.parametrize("command", having("assembly"))
def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path, command: str) -> None:
    assert "nowhere' does not exist." in refusal(command, tmp_path / "nowhere")


def without_manifest(assembly: Path) -> None:
    (assembly / "manifest.json").unlink()


def with_a_broken_manifest(assembly: Path) -> None:
    (assembly / "manifest.json").write_text('{"artifacts":', encoding="utf-8")


def with_a_manifest_of_another_form(assembly: Path) -> None:
    (assembly / "manifest.json").write_text('["artifacts"]', encoding="utf-8")


def with_nothing_in_it(assembly: Path) -> None:
    (assembly / "manifest.json").write_text('{"artifacts": {"Demo": null}}', encoding="utf-8")


def without_template(assembly: Path) -> None:
    (assembly / "Demo.template.json").unlink()


def with_a_broken_template(assembly: Path) -> None:
    (assembly / "Demo.template.json").write_bytes(b"\xff\xfe")


def with_two_stacks(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    manifest["artifacts"]["Other"] = {**manifest["artifacts"]["Demo"], "properties": {"templateFile": "x.json"}}
    (assembly / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (assembly / "x.json").write_text("{}", encoding="utf-8")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without_manifest, "is no cloud assembly: it has no manifest.json. Make one with `cdk synth`."),
        (with_a_broken_manifest, "manifest.json is no JSON: "),
        (with_a_manifest_of_another_form, "manifest.json holds no JSON object. Synthesize the app again."),
        (with_nothing_in_it, "has 0 stacks; choose one with --stack"),
        (without_template, "Demo.template.json can't be read: No such file or directory. Synthesize the app again."),
        (with_a_broken_template, "Demo.template.json is no JSON: "),
        (with_two_stacks, "has 2 stacks; choose one with --stack: Demo, Other"),
    ],
)
@pytest.mark.parametrize("command", having("assembly"))
def test_an_assembly_that_can_t_be_used_is_refused(
    assembly: Path, command: str, broken: Callable[[Path], None], message: str
) -> None:
    broken(assembly)
    assert message in refusal(command, assembly)


@pytest.mark.parametrize("command", having("stack"))
def test_a_stack_that_the_assembly_lacks_is_refused(assembly: Path, command: str) -> None:
    message = refusal(command, assembly, "--stack", "Damo")
    assert message.endswith("cdk.out has no stack 'Damo', but: Demo. Did you mean 'Demo'?")


@pytest.mark.parametrize("command", having("workflow"))
def test_a_workflow_that_the_stack_lacks_is_refused(assembly: Path, command: str) -> None:
    assert refusal(command, assembly, "--workflow", "Mashine") == (
        "The stack Demo has no workflow 'Mashine', but: Machine. Did you mean 'Machine'?"
    )


@pytest.mark.parametrize("command", having("output"))
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("nowhere/out.txt", "nowhere/out.txt can't be written: No such file or directory. Choose another --output."),
        ("cdk.out", "Invalid value for '--output': File 'cdk.out' is a directory."),
        ("cdk.out/manifest.json/out", "can't be written: Not a directory. Choose another --output."),
    ],
)
def test_a_file_that_can_t_be_written_is_refused(assembly: Path, command: str, file: str, message: str) -> None:
    assert message in refusal(command, assembly, "--output", file)


@pytest.mark.parametrize(("command", "module"), EXTRAS.items(), ids=EXTRAS)
def test_an_extra_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, command: str, module: str
) -> None:
    metadata, more = {"zflow:graph": DIAMOND.to_json()}, {"Databricks": DATABRICKS}
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)}, metadata=metadata, more=more)
    script = f"import sys; sys.modules[{module!r}] = None; from zflow_constructs.cli.main import main; main()"
    command_line = [sys.executable, "-c", script, *command.split(), str(assembly)]
    ended = subprocess.run(command_line, capture_output=True, text=True, check=False)
    extra = command.split(maxsplit=1)[0]
    assert ended.returncode == 2
    assert re.fullmatch(
        rf"Error: `zflow {extra}` needs '{module}[\w.]*', which the extra `{extra}` brings: "
        rf"pip install 'zflow-constructs\[{extra}\]'\n",
        ended.stderr,
    )


def test_click_itself_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    script = "import sys; sys.modules['click'] = None; import zflow_constructs.cli.main"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        2,
        "zflow needs 'click', which its extras bring: pip install 'zflow-constructs[graph,local]'\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--param", "n"], "--param 'n' is not NAME=VALUE"),
        (["--param", "=1"], "--param '=1' is not NAME=VALUE"),
        (["--input-file", "missing.json"], "File 'missing.json' does not exist."),
        (["--input-file", "cdk.out/asset.code/h.py"], "h.py is no JSON file: "),
        (["--input-file", "list.json"], "list.json must hold a JSON object, not list"),
        (["--databricks-job", "7"], "--databricks-job '7' is not ID=FILE, with the job's id as digits"),
        (["--databricks-job", "7=cdk.out"], "--databricks-job 7: cdk.out can't be read: Is a directory."),
        (["--time-scale", "-1"], "Invalid value for '--time-scale': -1.0 is not in the range x>=0."),
        (["--time-scale", "nan"], "--time-scale is nan, and must be a number of seconds"),
        (["--spark", "fast"], "'fast' is not one of"),
        (["--run-folder", "list.json"], "Directory 'list.json' is a file."),
        (["--run-folder", "earlier"], "/earlier keeps an earlier run: choose another --run-folder, or remove it"),
        (["--run-folder", "list.json/run"], "/list.json/run can't be written: Not a directory. Choose another --run-"),
    ],
)
def test_what_a_local_run_can_t_use_is_refused(assembly: Path, arguments: list[str], message: str) -> None:
    Path("list.json").write_text("[1]", encoding="utf-8")
    Path("earlier").mkdir()
    Path("earlier/run.json").touch()
    assert message in refusal("local run", assembly, *arguments)


def with_a_missing_asset(assembly: Path) -> None:
    (assembly / "asset.code" / "h.py").unlink()
    (assembly / "asset.code").rmdir()


def with_images_to_build(assembly: Path) -> None:
    (assembly / "Demo.assets.json").write_text(json.dumps({"dockerImages": {"x": {}}}), encoding="utf-8")


def with_a_state_of_no_type(assembly: Path) -> None:
    template = json.loads((assembly / "Demo.template.json").read_text(encoding="utf-8"))
    template["Resources"]["Machine"]["Properties"]["DefinitionString"] = '{"StartAt": "A", "States": {"A": {}}}'
    (assembly / "Demo.template.json").write_text(json.dumps(template), encoding="utf-8")


def with_resource(**resource: object) -> Callable[[Path], None]:
    def change(assembly: Path) -> None:
        template = json.loads((assembly / "Demo.template.json").read_text(encoding="utf-8"))
        template["Resources"]["Extra"] = resource
        (assembly / "Demo.template.json").write_text(json.dumps(template), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            with_resource(Type="AWS::Glue::Job"),
            "can't run the stack Demo: Extra: AWS::Glue::Job It honours",
        ),
        (with_resource(Properties={}), "can't run the stack Demo: Extra: no type It honours these types"),
        (with_images_to_build, "Demo.assets.json has container images to build, which the local engine can't"),
        (with_a_missing_asset, "asset.code is missing. Synthesize the app again."),
        (
            with_a_state_of_no_type,
            "The stack Demo can't be created: Machine (AWS::StepFunctions::StateMachine): ",
        ),
    ],
    ids=["another service", "no type", "images", "a missing asset", "refused by CloudFormation"],
)
def test_a_stack_that_the_engine_can_t_create_is_refused(
    assembly: Path, change: Callable[[Path], None], message: str
) -> None:
    change(assembly)
    assert message in refusal("local run", assembly, "--run-folder", "run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "https://dbc-a1b2.cloud.databricks.com"], "Give --host and --secret together and no assembly"),
        (["--secret", "s"], "Give --host and --secret together and no assembly, or an assembly alone."),
        (["cdk.out"], "The stack Demo has no Databricks workspace: there is nothing to check."),
    ],
)
@pytest.mark.usefixtures("assembly")
def test_what_a_check_can_t_use_is_refused(arguments: list[str], message: str) -> None:
    assert refusal("databricks check", *arguments).startswith(message)


def test_a_page_of_policies_that_are_not_known_yet_is_refused(assembly: Path) -> None:
    chosen = {"Fn::If": ["Prod", {}, {}]}
    with_resource(Type="AWS::IAM::Policy", Properties={"Roles": ["r"], "PolicyDocument": chosen})(assembly)
    assert refusal("permissions", assembly).startswith("A policy has no 'Statement': it is chosen when the stack is")
