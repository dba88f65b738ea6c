"""S3 for Hadoop's clients: a WebHDFS server in front of it.

PySpark's wheel holds Hadoop's WebHDFS client, but no S3 client (that is 500 MB of Java from elsewhere). So classic
Spark reads and writes S3 through this server, object by object, and what boto3 wrote a moment before is there.

See https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from types import TracebackType
from typing import Self

from flask import Flask, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from zflow_constructs.local.databricks.loopback import LoopbackServer
from zflow_constructs.local.databricks.s3_tree import Entry, S3Tree

_BLOCK_BYTES = 128 * 1024 * 1024


class WebHdfsServer:
    """WebHDFS on the loopback interface: the folder `/bucket` is the bucket.

    Args:
        tree: The buckets.
    """

    def __init__(self, tree: S3Tree) -> None:
        self._tree = tree
        self._operations = {
            "GET GETFILESTATUS": self._status,
            "GET LISTSTATUS": self._list,
            "GET LISTSTATUS_BATCH": self._list_batch,
            "GET GETFILEBLOCKLOCATIONS": self._blocks,
            "GET GETCONTENTSUMMARY": self._summary,
            "GET GETHOMEDIRECTORY": self._home,
            "GET OPEN": self._open,
            "PUT CREATE": self._create,
            "PUT MKDIRS": self._make_folder,
            "PUT RENAME": self._rename,
            "PUT SETPERMISSION": self._accept,
            "PUT SETTIMES": self._accept,
            "DELETE DELETE": self._delete,
        }
        app = Flask("webhdfs")
        methods = ["GET", "PUT", "POST", "DELETE"]
        app.add_url_rule("/webhdfs/v1/", view_func=self._answer, methods=methods, defaults={"path": ""})
        app.add_url_rule("/webhdfs/v1/<path:path>", view_func=self._answer, methods=methods)
        app.register_error_handler(OSError, _exception)
        app.after_request(_without_content_type)
        self._server = LoopbackServer(app, name=app.name)

    @property
    def uri(self) -> str:
        """The root of all buckets, as a Hadoop URI."""
        return f"webhdfs://{self._server.address}"

    def start(self) -> None:
        """Answer requests from now on."""
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, path: str) -> WerkzeugResponse:
        name = f"{request.method} {request.args['op'].upper()}"
        if name not in self._operations:
            return _exception(OSError(f"The local file system of s3:// knows no {name}."))
        return self._operations[name](path.rstrip("/"))

    def _status(self, path: str) -> Response:
        return jsonify(FileStatus=_file_status(self._tree.entry(path)))

    def _list(self, path: str) -> Response:
        return jsonify(FileStatuses={"FileStatus": [_file_status(entry) for entry in self._tree.children(path)]})

    def _list_batch(self, path: str) -> Response:
        statuses = [_file_status(entry) for entry in self._tree.children(path)]
        listing = {"partialListing": {"FileStatuses": {"FileStatus": statuses}}, "remainingEntries": 0}
        return jsonify(DirectoryListing=listing)

    def _blocks(self, path: str) -> Response:
        block = {
            "offset": 0,
            "length": self._tree.entry(path).size,
            "hosts": ["localhost"],
            "names": ["localhost"],
            "cachedHosts": [],
            "storageTypes": ["DISK"],
            "topologyPaths": [],
            "corrupt": False,
        }
        return jsonify(BlockLocations={"BlockLocation": [block]})

    def _summary(self, path: str) -> Response:
        entries = self._tree.children(path)
        length = sum(entry.size for entry in entries)
        summary = {"directoryCount": 1, "fileCount": len(entries), "length": length, "spaceConsumed": length}
        return jsonify(ContentSummary={**summary, "quota": -1, "spaceQuota": -1, "typeQuota": {}})

    def _home(self, path: str) -> Response:
        return jsonify(Path="/")

    def _open(self, path: str) -> WerkzeugResponse:
        if "data" not in request.args:
            return _to_data()
        length, chunks = self._tree.read(path, start=int(request.args.get("offset", "0")))
        headers = {"Content-Length": str(length)}
        return Response(chunks, headers=headers, content_type="application/octet-stream")

    def _create(self, path: str) -> WerkzeugResponse:
        if "data" not in request.args:
            return _to_data()
        self._tree.write(path, request.stream)
        return Response(status=201)

    def _make_folder(self, path: str) -> Response:
        self._tree.make_folder(path)
        return jsonify(boolean=True)

    def _rename(self, path: str) -> Response:
        return jsonify(boolean=self._tree.move(path, request.args["destination"].strip("/")))

    def _delete(self, path: str) -> Response:
        return jsonify(boolean=self._tree.delete(path))

    def _accept(self, path: str) -> Response:
        return Response(status=200)


def _without_content_type(response: Response) -> Response:
    # To parse a content type, Hadoop's client needs classes that PySpark's wheel lacks; without one it reads JSON.
    response.headers.pop("Content-Type", None)
    return response


def _to_data() -> WerkzeugResponse:
    # The client asks the "namenode" first and goes where that sends it: here again.
    return redirect(f"{request.url}&data=true", code=307)


def _file_status(entry: Entry) -> dict[str, object]:
    return {
        "pathSuffix": entry.name,
        "type": "DIRECTORY" if entry.is_folder else "FILE",
        "length": entry.size,
        "modificationTime": int(entry.modified.timestamp() * 1000),
        "accessTime": 0,
        "blockSize": 0 if entry.is_folder else _BLOCK_BYTES,
        "replication": 0 if entry.is_folder else 1,
        "permission": "777",
        "owner": "local",
        "group": "local",
    }


def _exception(error: OSError) -> Response:
    name = "FileNotFoundException" if isinstance(error, FileNotFoundError) else "IOException"
    response = jsonify(RemoteException={"exception": name, "javaClassName": f"java.io.{name}", "message": str(error)})
    response.status_code = 404 if isinstance(error, FileNotFoundError) else 500
    return response
