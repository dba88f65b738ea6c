"""A batch transform sends records through a model and writes the answers beside each other."""

import gzip
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.local.containers.conftest import Submit
from tests.local.process_ids import until_gone
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.containers import JobOutcome, TransformContainer, UnsupportedRequestError
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes

SCRIPTS = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/pytorch-inference:2.3.0-cpu-py311"

# Sums each CSV row, or the "features" of each JSON line.
SUM = """
import json

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    lines = text.splitlines()
    print(f"{len(lines)} records")
    if content_type == "text/csv":
        return "\\n".join(str(sum(float(field) for field in line.split(","))) for line in lines) + "\\n", "text/csv"
    return "\\n".join(json.dumps(sum(json.loads(line))) for line in lines), accept
"""

Job = Callable[[Mapping[str, object], Sequence[str]], TransformContainer]
"""Makes a job of a request and the scripts of the model's containers."""


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def job(objects: ObjectStore, processes: Processes, submit: Submit, tmp_path: Path, lines: list[str]) -> Job:
    def make(request: Mapping[str, object], scripts: Sequence[str]) -> TransformContainer:
        sources = [submit({"inference.py": script}) for script in scripts]
        containers = [{"Image": SCRIPTS, "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": source}} for source in sources]
        return TransformContainer(
            request, containers, objects=objects, processes=processes, folder=tmp_path / "job", on_line=lines.append
        )

    return make


def request(
    source: Mapping[str, object] | None = None, target: Mapping[str, object] | None = None
) -> dict[str, object]:
    return {
        "TransformJobName": "score-1",
        "ModelName": "model-1",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
            **(source or {}),
        },
        "TransformOutput": {
            "S3OutputPath": "s3://lake/out",
            "Accept": "text/csv",
            "AssembleWith": "Line",
            **(target or {}),
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }


def test_every_object_below_the_prefix_gets_its_answers_beside_it(
    job: Job, objects: ObjectStore, lines: list[str]
) -> None:
    objects.write("s3://lake/in/de/a.csv", b"1,2\n3,4\n")
    objects.write("s3://lake/in/b.csv", b"5,6\r\n7,8\r\n\r\n")
    outcome = job(request(), [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert objects.list("s3://lake/out") == ["s3://lake/out/b.csv.out", "s3://lake/out/de/a.csv.out"]
    assert objects.read("s3://lake/out/de/a.csv.out") == b"3.0\n7.0\n"
    assert objects.read("s3://lake/out/b.csv.out") == b"11.0\n15.0\n"
    assert lines[1:] == ["2 records", "2 records"]
    assert outcome.log.read_text().splitlines() == lines


def test_a_pipeline_transforms_and_nothing_runs_afterwards(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2\n3,4")
    transform = job(request(), [SUM] * 2)
    assert transform.run().status == "Completed"
    assert objects.read("s3://lake/out/a.csv.out") == b"3.0\n7.0\n"
    until_gone(*transform.pids)


@pytest.mark.parametrize(
    ("settings", "records"),
    [
        ({"BatchStrategy": "SingleRecord"}, ["1 records"] * 3),
        ({"BatchStrategy": "MultiRecord"}, ["3 records"]),
        ({"BatchStrategy": "MultiRecord", "MaxPayloadInMB": 1}, ["2 records", "1 records"]),
        ({"BatchStrategy": "MultiRecord", "MaxPayloadInMB": 0}, ["3 records"]),
    ],
)
def test_records_are_sent_alone_or_as_many_as_the_payload_holds(
    job: Job, objects: ObjectStore, lines: list[str], settings: dict[str, object], records: list[str]
) -> None:
    row = ",".join(["1"] * 250_000)  # half a megabyte
    objects.write("s3://lake/in/a.csv", "\n".join([row] * 3).encode())
    outcome = job(request() | settings, [SUM]).run()
    assert outcome.status == "Completed"
    assert lines[1:] == records
    assert objects.read("s3://lake/out/a.csv.out") == b"250000.0\n" * 3


def test_a_record_larger_than_the_payload_fails_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2\n" + b"1," * 600_000 + b"1")
    outcome = job(request() | {"MaxPayloadInMB": 1}, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        "ClientError: a.csv: record 2 has 1,200,001 bytes, more than MaxPayloadInMB 1 allows",
    )


def test_an_object_that_is_not_split_is_one_request_and_may_be_gzipped(
    job: Job, objects: ObjectStore, lines: list[str]
) -> None:
    objects.write("s3://lake/in/a.csv.gz", gzip.compress(b"1,2\n3,4\n"))
    whole = request({"SplitType": "None", "CompressionType": "Gzip"}, {"AssembleWith": "None"})
    assert job(whole, [SUM]).run().status == "Completed"
    assert objects.read("s3://lake/out/a.csv.gz.out") == b"3.0\n7.0\n"
    assert lines[1:] == ["2 records"]


@pytest.mark.parametrize(
    ("processing", "expected"),
    [
        ({"InputFilter": "$[1:]"}, "5.0\n9.0\n"),
        ({"InputFilter": "$[1:]", "JoinSource": "Input"}, 'x,2,3,5.0\n"y,z",4,5,9.0\n'),
        ({"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}, 'x,5.0\n"y,z",9.0\n'),
        ({"InputFilter": "$[1]", "JoinSource": "Input", "OutputFilter": "$[0,2:]"}, 'x,3,2.0\n"y,z",5,4.0\n'),
    ],
)
@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_csv_rows_are_filtered_and_joined_with_their_predictions(
    job: Job, objects: ObjectStore, strategy: str, processing: dict[str, object], expected: str
) -> None:
    objects.write("s3://lake/in/a.csv", b'x,2,3\n"y,z",4,5\n')
    settings = {"BatchStrategy": strategy, "DataProcessing": processing}
    outcome = job(request() | settings, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert objects.read("s3://lake/out/a.csv.out").decode() == expected


@pytest.mark.parametrize(
    ("output_filter", "expected"),
    [
        ("$", [{"id": 1, "features": [1, 2], "SageMakerOutput": 3}, {"id": 2, "features": [3], "SageMakerOutput": 3}]),
        ("$['id','SageMakerOutput']", [{"id": 1, "SageMakerOutput": 3}, {"id": 2, "SageMakerOutput": 3}]),
        ("$.SageMakerOutput", [3, 3]),
    ],
)
def test_json_lines_are_filtered_and_joined_with_their_predictions(
    job: Job, objects: ObjectStore, output_filter: str, expected: list[object]
) -> None:
    records = [{"id": 1, "features": [1, 2]}, {"id": 2, "features": [3]}]
    objects.write("s3://lake/in/a.jsonl", "\n".join(json.dumps(record) for record in records).encode())
    processing = {"InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": output_filter}
    as_json = request({"ContentType": "application/jsonlines"}, {"Accept": "application/jsonlines"})
    outcome = job(as_json | {"DataProcessing": processing}, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    answers = objects.read("s3://lake/out/a.jsonl.out").decode().splitlines()
    assert [json.loads(answer) for answer in answers] == expected


def test_a_json_array_is_joined_below_sagemaker_input(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.json", b"[1, 2]")
    as_json = request({"ContentType": "application/json", "SplitType": "None"}, {"Accept": "application/json"})
    joined = as_json | {"DataProcessing": {"JoinSource": "Input"}}
    assert job(joined, [SUM]).run().status == "Completed"
    answer = json.loads(objects.read("s3://lake/out/a.json.out"))
    assert answer == {"SageMakerInput": [1, 2], "SageMakerOutput": 3}


def manifest(prefix: str, *paths: str) -> dict[str, object]:
    source = {"S3DataType": "ManifestFile", "S3Uri": "s3://lake/today.json"}
    return request({"DataSource": {"S3DataSource": source}}) | {"manifest": [{"prefix": prefix}, *paths]}


def test_a_manifest_says_which_objects_are_transformed(job: Job, objects: ObjectStore) -> None:
    for name in ("a.csv", "de/b.csv", "de/b.csv.bak", "c.csv"):
        objects.write(f"s3://lake/in/{name}", b"1,2")
    listed = manifest("s3://lake/in/", "de/b.csv", "a.csv")
    objects.write("s3://lake/today.json", json.dumps(listed.pop("manifest")).encode())
    outcome = job(listed, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert objects.list("s3://lake/out") == ["s3://lake/out/a.csv.out", "s3://lake/out/de/b.csv.out"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b'["a.csv"]',
            """ClientError: s3://lake/today.json is no manifest: [{"prefix": "s3://..."}, "path", ...]""",
        ),
        (b"a.csv", """ClientError: s3://lake/today.json is no manifest: [{"prefix": "s3://..."}, "path", ...]"""),
        (b'[{"prefix": "s3://lake/in/"}, "gone.csv"]', "ClientError: No S3 object at s3://lake/in/gone.csv"),
    ],
)
def test_a_manifest_that_lists_nothing_that_is_there_fails_the_job(
    job: Job, objects: ObjectStore, content: bytes, reason: str
) -> None:
    objects.write("s3://lake/today.json", content)
    listed = manifest("s3://lake/in/")
    assert job(listed, [SUM]).run().failure_reason == reason


def test_several_requests_are_under_way_at_once_and_their_answers_keep_the_order(
    job: Job, objects: ObjectStore, lines: list[str], tmp_path: Path
) -> None:
    """The second container waits with the first record until the first one has seen the second."""
    head = "import os, pathlib, time\nmark = pathlib.Path(os.environ['MARK'])\ndef model_fn(d): pass\n"
    text = "def transform_fn(m, b, c, a):\n    text = b if isinstance(b, str) else b.decode()\n"
    first = f"{head}{text}    mark.touch() if text == '2' else None\n    return text, 'text/csv'\n"
    second = (
        f"{head}{text}    limit = time.monotonic() + {LIMIT_SECONDS}\n"
        "    while not mark.exists() and time.monotonic() < limit: time.sleep(0.01)\n"
        "    print(os.environ['SAGEMAKER_MAX_CONCURRENT_TRANSFORMS'], 'at once')\n"
        "    return text if mark.exists() else 'nobody came'\n"
    )
    objects.write("s3://lake/in/a.csv", b"1\n2\n3")
    environment = {"MARK": str(tmp_path / "mark")}
    settings = {"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 2, "Environment": environment}
    assert job(request() | settings, [first, second]).run().status == "Completed"
    assert objects.read("s3://lake/out/a.csv.out") == b"1\n2\n3\n"
    assert [line for line in lines if line.endswith("at once")] == ["2 at once"] * 3


CAPTURE = {"DestinationS3Uri": "s3://lake/captured/"}


def test_what_was_read_and_written_is_captured_by_the_hour(job: Job, objects: ObjectStore) -> None:
    for name in ("a.csv", "de/b.csv"):
        objects.write(f"s3://lake/in/{name}", b"1,2")
    before = datetime.now(tz=UTC)
    assert job(request() | {"DataCaptureConfig": CAPTURE}, [SUM]).run().status == "Completed"
    read, written = objects.list("s3://lake/captured")
    hours = {f"{time:%Y/%m/%d/%H}" for time in (before, datetime.now(tz=UTC))}
    assert {read.removeprefix("s3://lake/captured/input/").removesuffix("/score-1.json")} <= hours
    assert {written.removeprefix("s3://lake/captured/output/").removesuffix("/score-1.json")} <= hours
    assert json.loads(objects.read(read)) == [{"prefix": "s3://lake/"}, "in/a.csv", "in/de/b.csv"]
    assert json.loads(objects.read(written)) == [{"prefix": "s3://lake/"}, "out/a.csv.out", "out/de/b.csv.out"]


def test_each_answer_gets_an_id_and_the_time_of_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2\n3,4")
    ids = {"DataCaptureConfig": CAPTURE | {"GenerateInferenceId": True}, "DataProcessing": {"JoinSource": "Input"}}
    assert job(request() | ids, [SUM]).run().status == "Completed"
    rows = [line.split(",") for line in objects.read("s3://lake/out/a.csv.out").decode().splitlines()]
    assert [row[:3] for row in rows] == [["1", "2", "3.0"], ["3", "4", "7.0"]]
    assert len({UUID(row[3]) for row in rows}) == 2
    assert {datetime.strptime(row[4], "%Y-%m-%dT%H:%M:%S%z").tzinfo for row in rows} == {UTC}


def test_ids_are_fields_of_json_objects_and_fail_on_other_answers(job: Job, objects: ObjectStore) -> None:
    echo = "def model_fn(d): pass\ndef transform_fn(m, b, c, a): return (b if isinstance(b, str) else b.decode()), a"
    objects.write("s3://lake/in/a.jsonl", b'{"output": 0}\n{"output": 1}')
    as_json = request({"ContentType": "application/jsonlines"}, {"Accept": "application/jsonlines"})
    ids = as_json | {"DataCaptureConfig": CAPTURE | {"GenerateInferenceId": True}}
    assert job(ids, [echo]).run().status == "Completed"
    answers = [json.loads(line) for line in objects.read("s3://lake/out/a.jsonl.out").splitlines()]
    assert [list(answer) for answer in answers] == [["output", "SageMakerInferenceId", "SageMakerInferenceTime"]] * 2
    objects.write("s3://lake/in/a.jsonl", b"7")
    assert job(ids, [echo]).run().failure_reason == (
        "ClientError: a.jsonl, record 1: the answer b'7' is no JSON object: it can't be given an inference id"
    )


def test_ids_need_answers_that_are_read(job: Job) -> None:
    ids = {"DataCaptureConfig": CAPTURE | {"GenerateInferenceId": True}}
    with pytest.raises(UnsupportedRequestError) as refusal:
        job(request(None, {"Accept": "image/png"}) | ids, [SUM])
    assert str(refusal.value) == (
        "A transform job reads records of text/csv, application/json, application/jsonlines, not 'image/png'."
    )


def test_a_failing_record_fails_the_job_with_the_reason(job: Job, objects: ObjectStore, lines: list[str]) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2\n")
    objects.write("s3://lake/in/b.csv", b"1,2\n1,many\n")
    single = request() | {"BatchStrategy": "SingleRecord"}
    outcome = job(single, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        (
            "AlgorithmError: b.csv, record 2: Received server error (500) from primary with message "
            "\"ValueError: could not convert string to float: 'many'\""
        ),
    )
    assert lines[-1] == outcome.failure_reason
    assert objects.list("s3://lake/out") == ["s3://lake/out/a.csv.out"]


@pytest.mark.parametrize(
    ("processing", "reason"),
    [
        (
            {"InputFilter": "$[7]"},
            "ClientError: a.csv, records 1 to 2: the filter '$[7]' selects what a record does not have: ['1', '2']",
        ),
        (
            {"JoinSource": "Input", "InputFilter": "$[0]", "OutputFilter": "$[9]"},
            (
                "ClientError: a.csv, records 1 to 2: the filter '$[9]' selects what a record does not have: "
                "['1', '2', '1.0']"
            ),
        ),
    ],
)
def test_a_filter_that_selects_nothing_fails_the_job(
    job: Job, objects: ObjectStore, processing: dict[str, object], reason: str
) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2\n3,4")
    outcome = job(request() | {"DataProcessing": processing}, [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Failed", reason)


def test_answers_that_do_not_match_their_records_cannot_be_joined(job: Job, objects: ObjectStore) -> None:
    one_line = "def model_fn(d): pass\ndef transform_fn(m, b, c, a): return '1,2'"
    objects.write("s3://lake/in/a.csv", b"1\n2")
    joined = request() | {"DataProcessing": {"JoinSource": "Input"}}
    outcome = job(joined, [one_line]).run()
    assert outcome.failure_reason == (
        "ClientError: a.csv, records 1 to 2: the model answered 1 lines to 2 records: can't join them"
    )


def test_an_object_that_is_not_gzipped_fails_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv.gz", b"1,2")
    outcome = job(request({"CompressionType": "Gzip"}), [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == ("Failed", "ClientError: a.csv.gz: Not a gzipped file (b'1,')")


def test_answers_that_cannot_be_written_fail_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv", b"1,2")
    outcome = job(request(None, {"S3OutputPath": "s3://no-such-bucket/out"}), [SUM]).run()
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith("ClientError: Can't write s3://no-such-bucket/out/a.csv.out: ")


def test_a_model_that_does_not_start_fails_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/in/a.csv", b"1")
    outcome = job(request(), ["raise OSError('no weights')"]).run()
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith(
        "The primary container ended with exit code 1: OSError: no weights; its log: "
    )


def test_an_empty_prefix_fails_the_job(job: Job) -> None:
    outcome = job(request(), [SUM]).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        "ClientError: No S3 objects found under S3 URL 's3://lake/in/'",
    )


def test_a_transform_is_stopped_while_the_model_thinks(job: Job, objects: ObjectStore, lines: list[str]) -> None:
    thinker = "import time\ndef model_fn(d): pass\ndef transform_fn(m, b, c, a): print('hm'); time.sleep(1000)"
    objects.write("s3://lake/in/a.csv", b"1")
    transform = job(request(), [thinker])
    outcomes: list[JobOutcome] = []
    running = threading.Thread(target=lambda: outcomes.append(transform.run()))
    running.start()
    pause = threading.Event()
    while "hm" not in lines:
        assert running.is_alive()
        pause.wait(0.01)
    transform.stop()
    running.join(LIMIT_SECONDS)
    assert [outcome.status for outcome in outcomes] == ["Stopped"]
    until_gone(*transform.pids)


def test_containers_know_that_they_serve_a_batch(job: Job, objects: ObjectStore) -> None:
    tell = (
        "import json, os\ndef model_fn(d): pass\n"
        "def transform_fn(m, b, c, a): return json.dumps(dict(os.environ)), 'application/json'"
    )
    objects.write("s3://lake/in/a.csv", b"1")
    settings = {"BatchStrategy": "SingleRecord", "MaxPayloadInMB": 3, "Environment": {"STAGE": "test"}}
    assert job(request() | settings, [tell]).run().status == "Completed"
    environ = json.loads(objects.read("s3://lake/out/a.csv.out"))
    assert [environ[f"SAGEMAKER_{name}"] for name in ("BATCH", "BATCH_STRATEGY", "MAX_PAYLOAD_IN_MB")] == [
        "true",
        "SINGLE_RECORD",
        "3",
    ]
    assert environ["STAGE"] == "test"


@pytest.mark.parametrize(
    ("source", "target", "processing", "message"),
    [
        ({"SplitType": "RecordIO"}, {}, {}, "SplitType is 'RecordIO': a local run supports 'None' and 'Line' only."),
        (
            {"DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://lake/manifest"}}},
            {},
            {},
            "S3DataType is 'AugmentedManifestFile': a local run supports 'S3Prefix' and 'ManifestFile' only.",
        ),
        (
            {"ContentType": "image/png"},
            {},
            {"InputFilter": "$.x"},
            ("A transform job reads records of text/csv, application/json, application/jsonlines, not 'image/png'."),
        ),
        (
            {"SplitType": "None"},
            {},
            {"InputFilter": "$[1:]"},
            "DataProcessing of text/csv needs TransformInput.SplitType 'Line'.",
        ),
        (
            {},
            {"Accept": "application/json"},
            {"JoinSource": "Input"},
            (
                "JoinSource 'Input' needs the same content type on both sides: TransformInput.ContentType is "
                "'text/csv', TransformOutput.Accept is 'application/json'."
            ),
        ),
    ],
)
def test_what_a_local_run_cannot_transform_is_refused(
    job: Job, source: dict[str, object], target: dict[str, object], processing: dict[str, object], message: str
) -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        job(request(source, target) | {"DataProcessing": processing}, [SUM])
    assert str(refusal.value) == message
