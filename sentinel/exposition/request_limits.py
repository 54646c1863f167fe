"""Refuses requests that are too large, that hide something, or that name another host."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from sentinel.config.web import Web
from sentinel.exposition.access import EVENTS_PATH, PROBES
from sentinel.exposition.refusals import RefusalCounter, RefusedFor, refusal
from sentinel.exposition.timed import MAX_HEAD_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_URL_BYTES = 4_096
MAX_HEADERS = 100
MAX_BODY_BYTES = 65_536
"""The longest body that is taken is a note of some sentences."""

_CLOSE = {"Connection": "close"}
_REASONS: dict[int, RefusedFor] = {413: "size", 414: "size", 431: "size", 421: "host"}
Fault = tuple[int, str]


class RequestLimits:
    """ASGI middleware that looks at a request before anything is done for it.

    Parameters
    ----------
    app : ASGI application
    web : callable
        The settings in force.
    loopback : bool
        Whether the server listens on this machine alone: then a name that is not localhost is refused, unless it is
        allowed. A page that lets its own name point to 127.0.0.1 gets nothing.
    refused : RefusalCounter
    event_bytes : int
        The longest body of events, which may be compressed; 0 where none is taken.
    """

    def __init__(
        self,
        app: ASGIApp,
        web: Callable[[], Web],
        refused: RefusalCounter,
        *,
        loopback: bool,
        event_bytes: int = 0,
    ) -> None:
        self._event_bytes = event_bytes
        self._app = app
        self._refused = refused
        self._web = web
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        for_events = bool(self._event_bytes) and scope["path"] == EVENTS_PATH
        most = self._event_bytes if for_events else MAX_BODY_BYTES
        fault = _size_fault(scope) or _body_fault(scope, most, zipped=for_events) or self._host_fault(scope)
        if fault is not None:
            self._refused.count(_REASONS.get(fault[0], "form"))
            await refusal(scope["path"], *fault, _CLOSE)(scope, receive, send)
            return
        body, started = _Body(receive, most), False

        async def send_once(message: Message) -> None:
            nonlocal started
            if body.too_large and not started:
                return  # what the application says of a body that was cut off is not told
            started = True
            await send(message)

        with contextlib.suppress(_TooLargeError):
            await self._app(scope, body.receive, send_once)
        if body.too_large and not started:
            self._refused.count("size")
            message = f"a body has at most {most} bytes"
            await refusal(scope["path"], 413, message, _CLOSE)(scope, receive, send)

    def _host_fault(self, scope: Scope) -> Fault | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1:
            return 400, "more than one Host header"
        allowed = self._web().allowed_hosts
        if not (allowed or self._loopback) or scope["path"] in PROBES or not hosts:
            return None
        host = hosts[0].decode("latin-1").lower()
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if name in (each.lower() for each in allowed) or _is_no_name(name):
            return None
        return 421, "this host name is not served; web.allowed_hosts lists those that are"


class _TooLargeError(Exception):
    """The body is longer than is read."""


class _Body:
    """Counts what is read of a body."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._n_bytes = 0
        self.too_large = False

    async def receive(self) -> Message:
        """The next piece."""
        message = await self._receive()
        self._n_bytes += len(message.get("body", b""))
        if self._n_bytes > self._most:
            self.too_large = True
            raise _TooLargeError
        return message


def _size_fault(scope: Scope) -> Fault | None:
    headers = scope["headers"]
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL_BYTES:
        return 414, f"a URL has at most {MAX_URL_BYTES} bytes"
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_BYTES:
        return 431, f"at most {MAX_HEADERS} headers of {MAX_HEAD_BYTES} bytes together are read"
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, "HTTP/1.1 is spoken here"
    if "\0" in scope["path"]:
        return 400, "a path holds no null character"
    return None


def _body_fault(scope: Scope, most: int, *, zipped: bool) -> Fault | None:
    names = [name for name, _ in scope["headers"]]
    if b"content-length" in names and b"transfer-encoding" in names:
        return 400, "a body has one length: Content-Length and Transfer-Encoding contradict each other"
    known = (b"identity", b"gzip", b"x-gzip") if zipped else (b"identity",)
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > most:
            return 413, f"a body has at most {most} bytes"
        if name == b"content-encoding" and value.strip().lower() not in known:
            return 415, "a body is compressed with gzip or not at all" if zipped else "a body is not compressed"
    return None


def _is_no_name(name: str) -> bool:
    """Whether it is an address, or this machine: nobody can make such a name point elsewhere."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
