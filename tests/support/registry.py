"""A schema registry on loopback: the part of Confluent's REST interface that readers use, and its ways to fail."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

Mood = Literal["well", "broken", "garbage", "silent", "slow", "half", "redirect", "refuses", "lost"]
"""well; status 500; 200 with no JSON; no answer; byte by byte; ends half way; 302; 401; another program's 404."""

_DROP_SECONDS = 0.05


class FakeRegistry:
    """Holds schemas and serves them; ``mood`` says how, and may change at any time."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.mood: Mood = "well"
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.over = threading.Event()
        self._by_path: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it is served, below a path, as a proxy might have it."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/registry"

    def add(self, entry: Mapping[str, Any]) -> None:
        """Register a schema: id, guid, subject, version, type, text, references."""
        answer = {"schema": entry["text"], "references": entry.get("references", [])}
        if entry["type"] != "AVRO":  # a registry leaves the default out
            answer["schemaType"] = entry["type"]
        self._by_path[f"/schemas/ids/{entry['id']}"] = answer
        self._by_path[f"/schemas/guids/{entry['guid']}"] = answer
        self._by_path[f"/subjects/{entry['subject']}/versions/{entry['version']}"] = answer

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let go whoever waits."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.paths.append(self.path)
                registry.headers.append(dict(self.headers.items()))
                registry.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one question, or do not."""
        path = unquote(urlsplit(request.path).path).removeprefix("/registry")
        found = self._by_path.get(path)
        body = json.dumps(found or {"error_code": 40403, "message": "Schema not found"}).encode()
        status = 200 if found else 404
        if self.mood == "silent":
            self.over.wait(30)
            return
        if self.mood in _STATUSES:
            status, body = _STATUSES[self.mood]
        request.send_response(status)
        request.send_header("Location", "http://127.0.0.1:1/")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.mood == "half":
            body = body[: len(body) // 2]
        if self.mood != "slow":
            request.wfile.write(body)
            return
        for at in range(len(body)):
            if self.over.wait(_DROP_SECONDS):
                return
            try:
                request.wfile.write(body[at : at + 1])
                request.wfile.flush()
            except OSError:  # whoever asked has given up
                return


_STATUSES: Mapping[str, tuple[int, bytes]] = {
    "broken": (500, b'{"error_code": 50001, "message": "Error in the backend data store"}'),
    "garbage": (200, b"<html>Welcome</html>"),
    "redirect": (302, b""),
    "refuses": (401, b'{"error_code": 401, "message": "Unauthorized"}'),
    "lost": (404, b"<html>Not Found</html>"),
}


@contextmanager
def running_registry(tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """A registry that is served while the context lasts."""
    registry = FakeRegistry(tls)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
