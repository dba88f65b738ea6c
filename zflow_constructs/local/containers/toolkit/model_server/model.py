"""A model served by the functions of a script, with the framework's defaults where the script has none."""

import importlib.util
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from .codecs import TEXT_TYPES, UnsupportedFormatError  # noqa: TID252
from .frameworks import Framework  # noqa: TID252

_STAGES = ("input_fn", "predict_fn", "output_fn")

Functions = Mapping[str, Callable[..., object]]


@dataclass(frozen=True)
class Response:
    """What a container answers to an invocation.

    Args:
        status: The HTTP status.
        body: The prediction, or what went wrong.
        content_type: The body's content type.
    """

    status: int
    body: bytes
    content_type: str


class Model:
    """A loaded model. It answers one request at a time, as a worker on AWS does: scripts needn't be thread-safe.

    Args:
        functions: Those that the user wrote, of `model_fn`, `transform_fn`, `input_fn`, `predict_fn`, `output_fn`.
        framework: Whose defaults fill in.
        folder: The unpacked model.
        default_accept: The content type to answer with where a request names none.

    Raises:
        NotImplementedError: A function is missing that has no default.
        ValueError: There is `transform_fn` beside a function that it replaces.
    """

    def __init__(self, *, functions: Functions, framework: Framework, folder: Path, default_accept: str) -> None:
        self._functions = _with_defaults(functions, framework)
        self._framework = framework
        self._context = SimpleNamespace(system_properties={"model_dir": str(folder), "gpu_id": None})
        self._default_accept = default_accept
        self._lock = threading.Lock()
        self._model = self._call("model_fn", str(folder))

    def answer(self, body: bytes, *, content_type: str, accept: str) -> Response:
        """Predict. What goes wrong is an answer too, and is printed.

        Args:
            body: The request's body.
            content_type: Its content type, parameters included.
            accept: The content type that the caller wants; empty or `*/*` where it doesn't care.
        """
        wanted = self._default_accept if accept in {"", "*/*"} else accept
        try:
            with self._lock:
                return self._transform(body.decode() if content_type in TEXT_TYPES else body, content_type, wanted)
        except UnsupportedFormatError as error:
            traceback.print_exc()
            return _failure(415, error)
        except Exception as error:  # noqa: BLE001  # whatever a script raises is the answer 500
            traceback.print_exc()
            return _failure(getattr(error, "status_code", 500), error)

    def _transform(self, body: str | bytes, content_type: str, accept: str) -> Response:
        if "transform_fn" in self._functions:
            return self._response(self._call("transform_fn", self._model, body, content_type, accept), accept)
        data = self._call("input_fn", body, content_type)
        prediction = self._call("predict_fn", data, self._model)
        try:
            return self._response(self._call("output_fn", prediction, accept), accept)
        except UnsupportedFormatError as error:
            return _failure(406, error)

    def _response(self, result: object, accept: str) -> Response:
        body, content_type = result if isinstance(result, tuple) else (result, accept)
        if self._framework.charset and content_type.startswith("text/") and "charset" not in content_type:
            content_type = f"{content_type}; charset=utf-8"
        return Response(200, body.encode() if isinstance(body, str) else bytes(body), content_type)

    def _call(self, name: str, *arguments: object) -> object:
        """Call a function, with a context as the last argument where it takes one more."""
        function = self._functions[name]
        count = len(inspect.signature(function).parameters)
        if count not in {len(arguments), len(arguments) + 1}:
            raise TypeError(f"{name} takes {count} arguments; the container gives {len(arguments)}, or a context too.")
        return function(*arguments, *[self._context][: count - len(arguments)])


def script_functions(script: Path) -> Functions:
    """Import a script, and find its functions.

    Args:
        script: The script. What is beside it can be imported too.
    """
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return {name: getattr(module, name) for name in ("model_fn", "transform_fn", *_STAGES) if hasattr(module, name)}


def _with_defaults(functions: Functions, framework: Framework) -> Functions:
    beside = [name for name in _STAGES if name in functions]
    if "transform_fn" in functions and beside:
        raise ValueError(f"The script has transform_fn and {', '.join(beside)}: keep the one or the others.")
    complete = {**framework.defaults, **functions}
    missing = [name for name in ("model_fn", *_STAGES) if name not in complete]
    if missing and not {"model_fn", "transform_fn"} <= complete.keys():
        raise NotImplementedError(f"The script lacks {', '.join(missing)}: please provide an implementation.")
    return complete


def _failure(status: int, error: Exception) -> Response:
    return Response(status, f"{type(error).__name__}: {error}".encode(), "text/plain")
