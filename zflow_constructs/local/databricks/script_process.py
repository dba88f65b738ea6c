"""The process of one script, started by path: `script_process.py SPARK FAILURE_FILE SCRIPT [PARAMETER ...]`.

The script runs as it does in a Python task on Databricks: as `__main__`, its parameters in `sys.argv`, `spark` there
without an import. How it failed is left in FAILURE_FILE, as JSON.
"""

import atexit
import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType


class PredefinedSpark:
    """The name `spark` of a script: the Spark session, made when it is first used."""

    def __getattr__(self, name: str) -> object:
        """Pass on to the session."""
        from pyspark.sql import SparkSession  # noqa: PLC0415 - most scripts never need it

        return getattr(SparkSession.builder.getOrCreate(), name)


def main(spark: str, failure_file: str, script: str, *parameters: str) -> int:
    """Run the script and say whether it failed.

    Args:
        spark: The Spark that it gets: `classic`, `sail` or `none`.
        failure_file: Where `{"error", "error_trace"}` goes if it fails.
        script: The path of the script.
        parameters: The script's command-line arguments.

    Returns:
        The exit code: 0 or 1.
    """
    sys.argv = [script, *parameters]
    sys.path.insert(0, str(Path(script).parent))
    # Their talk of versions is about this machine, not about the script.
    warnings.filterwarnings("ignore", module="pyspark")
    module = ModuleType("__main__")
    vars(module).update(__file__=script, spark=PredefinedSpark())
    sys.modules["__main__"] = module
    if spark == "sail":
        _start_sail()
    try:
        exec(compile(Path(script).read_bytes(), script, "exec", dont_inherit=True), vars(module))
    except SystemExit as exit_:
        if exit_.code in (None, 0):
            return 0
        return _fail(failure_file, exit_)
    except BaseException as error:  # noqa: BLE001 - whatever ends the script is its failure
        return _fail(failure_file, error)
    return 0


def _start_sail() -> None:
    server = import_module("pysail.spark").SparkConnectServer()
    server.start(background=True)
    host, port = server.listening_address
    os.environ["SPARK_REMOTE"] = f"sc://{host}:{port}"
    # It would stop when nobody holds it any more, and the session's threads would wait for it.
    atexit.register(server.stop)


def _fail(failure_file: str, error: BaseException) -> int:
    # The first frame is this module's own.
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    trace = "".join(traceback.format_exception(error))
    last_line = "".join(traceback.format_exception_only(error)).strip()
    Path(failure_file).write_text(json.dumps({"error": last_line, "error_trace": trace}), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.write(trace)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
