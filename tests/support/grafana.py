"""A Grafana on a loopback port: folders, dashboards and annotations in memory, and any failure on demand."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.process import PATIENCE_SECONDS

TOKEN = "glsa_0123456789abcdef_token"
Answer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it came."""

    verb: str
    path: str
    query: dict[str, list[str]]
    body: Any


@dataclass
class Failure:
    """What the next request gets in place of an answer.

    Attributes
    ----------
    status : int
    body : bytes
    headers : dict
    after : bool
        Whether the request is obeyed all the same: an answer that was lost.
    hold : threading.Event or None
        Waited for before anything is sent.
    cut : bool
        Close the connection without an answer.
    """

    status: int = 500
    body: bytes = b'{"message": "no"}'
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    hold: threading.Event | None = None
    cut: bool = False


class FakeGrafana:
    """A context manager; what it holds may be looked at while it runs."""

    def __init__(self, prefix: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.prefix = prefix
        self.folders: dict[str, str] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self.failures: deque[Failure] = deque()
        self.always: Failure | None = None
        self.empty_answers = False
        self.seen = threading.Condition()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake._serve(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        for verb in ("POST", "PATCH", "PUT"):
            setattr(Handler, f"do_{verb}", Handler.do_GET)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            scheme, self._server.socket = "https", tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}{prefix}"

    def __enter__(self) -> FakeGrafana:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, condition: Callable[[], bool], timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds; it is looked at after each request."""
        with self.seen:
            assert self.seen.wait_for(condition, timeout_seconds), self.requests

    def open_marks(self) -> list[dict[str, Any]]:
        """Annotations that are still open."""
        return [each for each in self.annotations.values() if "open" in each["tags"]]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        parts = urlsplit(handler.path)
        request = Request(handler.command, parts.path, parse_qs(parts.query), json.loads(body) if body else None)
        with self.seen:
            failure = self.failures.popleft() if self.failures else self.always
            self.seen.notify_all()
        if failure is not None and failure.hold is not None:
            failure.hold.wait(PATIENCE_SECONDS)
        with self.seen:
            self.requests.append(request)
            answer: Answer = (0, None)
            if failure is None or failure.after:
                answer = self._answer(request, handler.headers.get("Authorization", ""))
        try:
            self._send(handler, answer, failure)
        except OSError:
            handler.close_connection = True  # the client has gone
        with self.seen:
            self.seen.notify_all()

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer, failure: Failure | None) -> None:
        headers: dict[str, str] = {}
        status, content = answer[0], json.dumps(answer[1]).encode()
        if failure is not None:
            status, content, headers = failure.status, failure.body, failure.headers
            handler.close_connection = failure.cut
            if failure.cut:
                return
        elif self.empty_answers and handler.command != "GET" and status == 200:
            status, content = 204, b""
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def _answer(self, request: Request, authorization: str) -> Answer:
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        head = f"{self.prefix}/api/"
        if not request.path.startswith(head):
            return 404, {"message": "Not found"}
        kind, _, rest = request.path.removeprefix(head).partition("/")
        if kind == "folders":
            return self._folder(request, rest)
        if kind == "dashboards":
            return self._board(request, rest)
        if kind == "annotations":
            return self._annotation(request, rest)
        return 404, {"message": "Not found"}

    def _folder(self, request: Request, uid: str) -> Answer:
        if request.verb == "POST":
            if request.body["title"] in self.folders.values():
                return 412, {"message": "a folder with the same name already exists"}
            self.folders[request.body["uid"]] = request.body["title"]
            return 200, request.body
        if not uid:
            return 200, [{"uid": each, "title": title} for each, title in self.folders.items()]
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        return 200, {"uid": uid, "title": self.folders[uid]}

    def _board(self, request: Request, rest: str) -> Answer:
        if request.verb == "GET":
            known = self.boards.get(rest.removeprefix("uid/"))
            return (404, {"message": "Dashboard not found"}) if known is None else (200, known)
        board, folder = request.body["dashboard"], request.body["folderUid"]
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        if board["uid"] in self.boards and not request.body["overwrite"]:
            return 412, {"message": "a dashboard with the same uid already exists"}
        version = self.boards.get(board["uid"], {"dashboard": {"version": 0}})["dashboard"]["version"] + 1
        stored = {**board, "id": len(self.boards) + 1, "version": version}
        self.boards[board["uid"]] = {"dashboard": stored, "meta": {"folderUid": folder}}
        return 200, {"uid": board["uid"], "version": version, "status": "success"}

    def _annotation(self, request: Request, rest: str) -> Answer:
        if request.verb == "GET":
            wanted = set(request.query.get("tags", []))
            return 200, [each for each in self.annotations.values() if wanted <= set(each["tags"])]
        if request.verb == "POST":
            number = len(self.annotations) + 1
            self.annotations[number] = {"id": number, "timeEnd": request.body["time"], **request.body}
            return 200, {"id": number, "message": "Annotation added"}
        if int(rest) not in self.annotations:
            return 404, {"message": "annotation not found"}
        self.annotations[int(rest)].update(request.body)
        return 200, {"message": "Annotation patched"}
