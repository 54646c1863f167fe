"""Runs the HTTP application in a thread of its own, on a socket that was bound before any thread started."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from sentinel.errors import FatalError
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = get_logger(__name__)

_BACKLOG = 128
_KEEP_ALIVE_SECONDS = 75  # longer than the usual scrape interval, so that scrapers reuse their connection
_START_SECONDS = 10.0
_KILL_SECONDS = 1.0


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
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
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
        self.serving.set()


class HttpServer:
    """Serves an ASGI application from a daemon thread. It installs no signal handlers and writes no access log.

    Parameters
    ----------
    app : ASGI application
    listener : socket
        Bound and listening; it is closed by :meth:`stop`.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        for name in ("uvicorn", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
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
