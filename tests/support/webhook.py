"""A receiver of Alertmanager's webhooks that remembers what came and when."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support.process import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Notification:
    """One POST: its JSON body, and its arrival on the monotonic clock in seconds."""

    payload: dict[str, Any]
    arrived_seconds: float


class WebhookReceiver:
    """An HTTP server on 127.0.0.1 in threads of this process; a context manager."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._notifications: list[Notification] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._receive))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> WebhookReceiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def notifications(self) -> list[Notification]:
        """What came so far, in order of arrival."""
        with self._changed:
            return list(self._notifications)

    def wait_for(self, predicate: Callable[[dict[str, Any]], bool], timeout_seconds: float) -> Notification:
        """Return the first notification, past ones included, whose payload satisfies `predicate`.

        Raises
        ------
        ServerError
            If none comes within `timeout_seconds`; says how many others did.
        """

        def first() -> Notification | None:
            return next((n for n in self._notifications if predicate(n.payload)), None)

        with self._changed:
            found = self._changed.wait_for(first, timeout_seconds)
            if found is None:
                n_others = len(self._notifications)
                raise ServerError(f"no such notification in {timeout_seconds:g} s, {n_others} others came")
            return found

    def clear(self) -> None:
        """Forget what came so far."""
        with self._changed:
            self._notifications.clear()

    def stop(self) -> None:
        """Close the port and end the threads. Idempotent."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _receive(self, body: bytes) -> None:
        notification = Notification(json.loads(body), time.monotonic())
        with self._changed:
            self._notifications.append(notification)
            self._changed.notify_all()


def _handler(receive: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receive(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    return Handler
