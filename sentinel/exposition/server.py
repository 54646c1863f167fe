"""Runs the HTTP application in a thread of its own, on a socket that was bound before any thread started."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from sentinel.clock import SystemClock
from sentinel.config.web import Web
from sentinel.errors import FatalError
from sentinel.exposition.guard import Guard
from sentinel.exposition.timed import MAX_HEAD_BYTES
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = get_logger(__name__)

_QUEUE = 1_024
"""Connections that the system keeps for us. In a flood a shorter queue drops those of probes too, which then come a
second late."""
_ACCEPTED_AT_ONCE = 32  # of the queue, before what was accepted is read: well below the connections that are held
_KEEP_ALIVE_SECONDS = 75  # longer than the usual scrape interval, so that scrapers reuse their connection
_START_SECONDS = 10.0
_KILL_SECONDS = 1.0
_FILES_SECONDS = 1


def bind(host: str, port: int) -> socket.socket:
    """Bind and listen.

    Parameters
    ----------
    host : str
        A name or an IPv4 or IPv6 address, without brackets.
    port : int
        0 takes any free one: ask ``getsockname()[1]``.

    Raises
    ------
    FatalError
        If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio turns Nagle's algorithm off only where it reads TCP, and each answer would wait
    # 40 ms for the client to acknowledge its headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_QUEUE)
    except OSError as error:
        listener.close()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        reason = error.strerror or error
        raise FatalError(
            f"cannot listen on {where}: {reason}; web.listen or --listen chooses another address"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_QUEUE)  # asyncio made it as short as what it accepts at once
        self.serving.set()


class HttpServer:
    """Serves an ASGI application from a daemon thread. It installs no signal handlers and writes no access log.

    Parameters
    ----------
    app : ASGI application
    listener : socket
        Bound and listening; it is closed by :meth:`stop`.
    guard : Guard, optional
        Encryption, logins and limits; by default the limits alone.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, guard: Guard | None = None) -> None:
        self._listener = listener
        guard = guard if guard is not None else Guard(Web(), SystemClock())
        loopback = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        for name in ("uvicorn", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._server = _Server(
            uvicorn.Config(
                guard.around(app, loopback=loopback),
                loop="asyncio",
                http=guard.door,  # type: ignore[arg-type] # a factory serves as well as a class
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                backlog=_ACCEPTED_AT_ONCE,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                callback_notify=guard.look_at_files,
                timeout_notify=_FILES_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._started = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Serve; return once requests are answered.

        Raises
        ------
        FatalError
            If the server does not come up.
        """
        self._started = True
        self._thread.start()
        if not self._server.serving.wait(_START_SECONDS):
            raise FatalError(f"the HTTP server did not start within {_START_SECONDS:g} seconds")

    def stop(self, timeout_seconds: float = 5.0) -> bool:
        """Let running requests end, then close; after the timeout cut them off. Idempotent.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        self._server.should_exit = True
        if self._started:
            self._thread.join(timeout_seconds)
            if self._thread.is_alive():
                log.warning("http_stop_timed_out", timeout_seconds=timeout_seconds)
                self._server.force_exit = True
                self._thread.join(_KILL_SECONDS)
        self._listener.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except Exception:  # the edge of the thread: nobody else would hear of it
            log.exception("http_server_failed")
