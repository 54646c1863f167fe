"""Bytes sent to a server as an attacker would: no client library keeps to the rules for us."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from time import process_time
from types import TracebackType

from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS

_TURN_SECONDS = 0.001


def connect(served: Served, timeout_seconds: float = PATIENCE_SECONDS) -> socket.socket:
    """A new connection."""
    return socket.create_connection(("127.0.0.1", served.server.port), timeout=timeout_seconds)


def everything(connection: socket.socket) -> bytes:
    """What the server says until it closes, or cuts the connection."""
    said = bytearray()
    with contextlib.suppress(ConnectionError, TimeoutError):
        while piece := connection.recv(65_536):
            said += piece
    return bytes(said)


def answer_to(served: Served, request: bytes, timeout_seconds: float = PATIENCE_SECONDS) -> bytes:
    """What comes back for these bytes until the server closes or says nothing for so long."""
    with connect(served, timeout_seconds) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        return everything(connection)


def first_answer_to(served: Served, request: bytes) -> bytes:
    """The beginning of the first answer to these bytes, whether or not the server closes after it."""
    with connect(served) as connection, contextlib.suppress(ConnectionError):
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        return connection.recv(65_536)
    return b""


def status_of(answer: bytes) -> int:
    """The status of the first answer; 0 when there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextlib.contextmanager
def crowd(served: Served, n: int, opening: bytes = b"") -> Iterator[list[socket.socket]]:
    """Many connections, each having said something."""
    with contextlib.ExitStack() as closing:
        connections = []
        for _ in range(n):
            connection = closing.enter_context(connect(served))
            with contextlib.suppress(ConnectionError):
                connection.sendall(opening)
            connections.append(connection)
        yield connections


class Stream:
    """A thread that turns as the loop of the daemon does; it notes the longest that others of its process kept it.

    Measured in CPU time of the process: a machine that is busy with other processes keeps nobody here from turning.
    """

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self.turns = 0
        self.longest_stall_seconds = 0.0

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _turn(self) -> None:
        last = process_time()
        while not self._end.wait(_TURN_SECONDS):
            now = process_time()
            self.longest_stall_seconds = max(self.longest_stall_seconds, now - last)
            last = now
            self.turns += 1
