import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.local.assemblies import call, write_assembly
from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.input_error import AssemblyError

STATES = {"Call": call({}, End=True)}


def test_a_stack_has_its_template_its_assets_and_an_open_environment(tmp_path: Path) -> None:
    stack = load_stack(write_assembly(tmp_path, STATES))
    assert (stack.name, stack.account, stack.region) == ("Demo", "", "")
    assert stack.resources["Machine"]["Type"] == "AWS::StepFunctions::StateMachine"
    (asset,) = stack.assets
    assert (asset.bucket, asset.key) == ("cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "code.zip")
    assert zipfile.ZipFile(io.BytesIO(asset.content())).namelist() == ["h.py"]


def test_a_stack_s_account_region_and_name_are_those_of_its_artifact(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    demo = manifest["artifacts"]["Demo"]
    demo["environment"] = "aws://111122223333/eu-west-1"
    demo["properties"]["stackName"] = "demo-production"
    (assembly / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for name in ("", "Demo", "demo-production"):
        stack = load_stack(assembly, name)
        assert (stack.name, stack.account, stack.region) == ("demo-production", "111122223333", "eu-west-1")


def test_a_stack_comes_after_those_that_it_needs(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    manifest["artifacts"]["Network"] = {**manifest["artifacts"]["Demo"], "dependencies": []}
    manifest["artifacts"]["Demo"]["dependencies"].append("Network")
    (assembly / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert [stack.name for stack in load_stack(assembly, "Demo").in_order] == ["Network", "Demo"]
    with pytest.raises(AssemblyError, match="has 2 stacks; choose one with --stack: Demo, Network"):
        load_stack(assembly)


def test_an_unknown_stack_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"has no stack 'Demp', but: Demo\. Did you mean 'Demo'\?"):
        load_stack(write_assembly(tmp_path, STATES), "Demp")


def test_a_folder_that_is_no_assembly_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        AssemblyError, match=r"is no cloud assembly: it has no manifest\.json\. Make one with `cdk synth`"
    ):
        load_stack(tmp_path)


def test_container_images_to_build_are_refused(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    (assembly / "Demo.assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"x": {}}}), encoding="utf-8")
    stack = load_stack(assembly)
    with pytest.raises(AssemblyError, match="has container images to build, which the local engine can't"):
        list(stack.assets)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("manifest.json", "{", r"is no JSON: .*\. Synthesize the app again\."),
        ("manifest.json", "[]", r"holds no JSON object\. Synthesize"),
        ("Demo.template.json", "\xff", "is no JSON"),
        ("Demo.template.json", None, r"can't be read: No such file or directory\. Synthesize"),
        ("Demo.assets.json", None, "can't be read"),
    ],
)
def test_a_file_that_can_t_be_read_is_refused_by_name(
    tmp_path: Path, file: str, text: str | None, problem: str
) -> None:
    assembly = write_assembly(tmp_path, STATES)
    (assembly / file).unlink() if text is None else (assembly / file).write_text(text, encoding="latin-1")
    with pytest.raises(AssemblyError, match=f"cdk.out/{file} {problem}"):
        _ = load_stack(assembly).assets


def test_an_asset_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    shutil.rmtree(assembly / "asset.code")
    (asset,) = load_stack(assembly).assets
    with pytest.raises(AssemblyError, match=r"The asset .*/asset\.code is missing\. Synthesize the app again\."):
        asset.content()


def test_a_template_without_resources_has_none(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    (assembly / "Demo.template.json").write_text("{}", encoding="utf-8")
    assert load_stack(assembly).resources == {}
