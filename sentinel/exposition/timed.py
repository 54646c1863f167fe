"""One HTTP connection whose client has to keep up: bounds on time and bytes that uvicorn does not set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sentinel.exposition.access import EVENTS_PATH
from sentinel.exposition.security import HEADERS

HEAD_SECONDS = 10.0
"""From the first byte of a request, or from connecting, to the end of its headers."""
REQUEST_SECONDS = 60.0
"""From there until the body was read, the answer was made and the client took it."""
MAX_HEAD_BYTES = 16_384
MAX_REQUEST_BYTES = 262_144
"""A client that sends more before it has its answer is cut off; a body that is too large is
refused with words long before."""
_UNSENT_BYTES = 65_536


class TimedProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 with deadlines. A phase that lasts too long ends the connection.

    The phases: ``head`` (a request has begun, or none ever came), ``request`` (its body, its answer, and until the
    client has taken all but 64 KiB of that), ``idle`` (between two: uvicorn's own keep-alive limit).
    """

    def __init__(
        self,
        *args: Any,
        raw: asyncio.Transport,
        on_lost: Callable[[TimedProtocol], None],
        event_bytes: int = 0,
        **kw: Any,
    ) -> None:
        super().__init__(*args, **kw)
        self._event_bytes = event_bytes
        self._raw = raw
        self._on_lost = on_lost
        self._made = False
        self._early: list[bytes] = []
        self._received = 0
        self._watched: tuple[str, object] = ("", None)
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """Whether no request is being answered."""
        return not self._made or self._phase() != "request"

    def abort(self) -> None:
        """Close at once."""
        self._raw.abort()

    def shutdown(self) -> None:
        """The server stops."""
        if not self._made:
            self.abort()
            return
        super().shutdown()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Encrypted or not: from here on the client may speak."""
        transport.set_write_buffer_limits(high=_UNSENT_BYTES)
        super().connection_made(transport)
        self._made = True
        self._watch()
        for data in self._early:
            self.data_received(data)
        self._early.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_lost(self)
        if self._made:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if not self._made:  # they came with the end of the handshake, a turn of the loop before anyone could read
            self._early.append(data)
            return
        self._received += len(data)
        if self._received > MAX_REQUEST_BYTES and self._received > self._most_bytes():
            self.abort()
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The answer was handed over; a next request may wait already."""
        self._received = 0
        super().on_response_complete()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        """Idle for too long; a client that has not even taken its answer is not waited for."""
        if self.transport.get_write_buffer_size():
            self.abort()
            return
        super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is made."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        if self._made:
            self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, with the headers that every answer carries; not in the middle of another answer."""
        guards = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *guards]
        body = f"{msg}\n".encode()
        try:
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            self.abort()
            return
        self.transport.close()

    def _most_bytes(self) -> int:
        """What the request that is being read may take; events twice their bound, since chunks have heads."""
        scope = getattr(self, "scope", None)  # None until a first request, which uvicorn's annotation leaves out
        takes_events = self._event_bytes and scope is not None and scope["path"] == EVENTS_PATH
        return MAX_REQUEST_BYTES + 2 * self._event_bytes if takes_events else MAX_REQUEST_BYTES

    def _phase(self) -> str:
        cycle = getattr(self, "cycle", None)  # None until a first request, which uvicorn's annotation leaves out
        answering = cycle is not None and not cycle.response_complete
        if answering or self.flow.write_paused or self.conn.their_state is h11.SEND_BODY:
            return "request"
        return "head" if cycle is None or self.conn.trailing_data[0] else "idle"

    def _watch(self) -> None:
        """Start the phase's clock, unless it runs already for this very request."""
        now = self._phase(), self.cycle
        if now == self._watched:
            return
        self._watched = now
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = {"head": HEAD_SECONDS, "request": REQUEST_SECONDS}.get(now[0])
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.abort)
