"""``POST /v1/events``: takes a body in within bounds, has it logged, and answers once it is durable."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from sentinel.events.codecs.messages import Role
from sentinel.exposition.access import require_producer
from sentinel.exposition.buckets import client_of
from sentinel.ingest.http_body import Read, Rejected, UnreadableBodyError
from sentinel.ingest.http_intake import Intake, Result
from sentinel.ingest.http_log import EventLogError
from sentinel.ingest.http_records import ROLES

if TYPE_CHECKING:
    from starlette.requests import Request

INLINE_BYTES: Final = 16_384
"""Smaller bodies are taken apart at once: that takes less time than a thread does to start on it."""
_THREADS: Final = 2
_OK, _BAD, _SLOW, _TOO_LARGE, _UNAVAILABLE = 202, 400, 408, 413, 503
_GZIP: Final = ("gzip", "x-gzip")
_GZIP_PIECE_BYTES: Final = 4_096
"""Of a body of many short gzips, what follows one is copied as the next begins: small pieces keep that small."""
_SOON, _LATER = "1", "5"
_CLOSE: Final = {"Connection": "close"}
_OF_STATUS: Final[Mapping[int, Result]] = {_SLOW: "slow", _TOO_LARGE: "too_large", 403: "forbidden", 503: "busy"}


class Taken(msgspec.Struct, frozen=True):
    """What became of the events of one request."""

    accepted: int
    rejected: Sequence[Rejected]


class PendingBytes:
    """What all requests together hold in memory, and what each client of it. For the server's thread.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._clients: defaultdict[str, int] = defaultdict(int)
        self.held = 0

    def take(self, client: str, n: int) -> bool:
        """Hold so many more; False, and nothing is held, where that is too much."""
        if self.held + n > self._most or self._clients[client] + n > max(n, self._most // 2):
            self.give_back(client, 0)
            return False
        self.held += n
        self._clients[client] += n
        return True

    def give_back(self, client: str, n: int) -> None:
        """Hold so many less."""
        self.held -= n
        self._clients[client] -= n
        if not self._clients[client]:
            del self._clients[client]


class _Lease:
    """What one request holds, given back at its end."""

    def __init__(self, pending: PendingBytes, client: str) -> None:
        self._pending = pending
        self._client = client
        self._held = 0
        self._refused = False

    def __enter__(self) -> _Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self._pending.give_back(self._client, self._held)

    def take(self, n: int) -> bool:
        """Hold more; False where there is no room, and from then on."""
        self._refused = self._refused or not self._pending.take(self._client, n)
        if not self._refused:
            self._held += n
        return not self._refused


class EventApi:
    """The endpoint.

    Parameters
    ----------
    intake : Intake
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pending = PendingBytes(int(intake.settings.max_pending_bytes))
        self._threads = CapacityLimiter(_THREADS)

    async def post(self, request: Request) -> Response:
        """Take events in."""
        intake = self._intake
        try:
            taken = await self._take(request, intake)
        except ClientDisconnect:
            intake.count("gone")
            return Response(status_code=_BAD)
        except UnreadableBodyError as error:
            intake.count(_OF_STATUS.get(error.status, "unreadable"))
            raise HTTPException(error.status, error.message) from error
        except EventLogError as error:
            intake.count("full" if error.full else "failed")
            raise HTTPException(_UNAVAILABLE, str(error), {"Retry-After": _LATER if error.full else _SOON}) from error
        except HTTPException as error:
            intake.count(_OF_STATUS.get(error.status_code, "unreadable"))
            raise
        result: Result = "accepted" if not taken.rejected else "partial" if taken.accepted else "rejected"
        intake.count(result, len(taken.rejected))
        status = _BAD if result == "rejected" else _OK
        return Response(msgspec.json.encode(taken) + b"\n", status, media_type="application/json")

    async def _take(self, request: Request, intake: Intake) -> Taken:
        require_producer(request)
        role = _role(request)
        client = client_of(request.client.host) if request.client else ""
        with _Lease(self._pending, client) as lease:
            body = await _body(request, float(intake.settings.body_timeout), lease)
            read = await self._read(request, intake, body, role, lease)
            if read.posted:
                await asyncio.wrap_future(intake.append(read.posted))
            return Taken(len(read.posted), read.rejected)

    async def _read(self, request: Request, intake: Intake, body: bytes, role: Role | None, lease: _Lease) -> Read:
        headers = dict(request.headers)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        zipped = headers.get("content-encoding", "").strip().lower() in _GZIP
        if not zipped and len(body) <= INLINE_BYTES:
            return intake.bodies.read(media_type, headers, body, role)
        most = int(intake.settings.max_request_bytes)

        def read() -> Read:
            return intake.bodies.read(media_type, headers, inflated(body, most) if zipped else body, role)

        async with self._threads:
            if zipped:
                _require_room(lease.take(most))  # until it is unpacked nobody knows how much it is
            return await to_thread.run_sync(read, limiter=CapacityLimiter(1))


async def _body(request: Request, timeout_seconds: float, lease: _Lease) -> bytes:
    """The body as it was sent, not longer than the server lets it be.

    Where there is no room for it, the rest is read and dropped: a client that is cut off may not hear why.
    """
    pieces: list[bytes] = []
    room = True
    try:
        async with asyncio.timeout(timeout_seconds):
            async for piece in request.stream():
                room = lease.take(len(piece))
                if room:
                    pieces.append(piece)
                else:
                    pieces.clear()
    except TimeoutError:
        _require_room(room)
        raise HTTPException(_SLOW, f"the body did not come within {timeout_seconds:g} s", _CLOSE) from None
    _require_room(room)
    return b"".join(pieces)


def inflated(body: bytes, most: int) -> bytes:
    """What was compressed with gzip, of which no more is unpacked than may be.

    Raises
    ------
    UnreadableBodyError
        If it is longer, or no gzip to its end.

    Examples
    --------
    >>> import gzip
    >>> inflated(gzip.compress(b"one ") + gzip.compress(b"two"), 7)
    b'one two'
    """
    pieces: list[bytes] = []
    left, at = most, 0
    unpacker = _unpacker()
    while at < len(body):
        unpacker = _unpacker() if unpacker.eof else unpacker
        part = body[at : at + _GZIP_PIECE_BYTES]
        try:
            piece = unpacker.decompress(part, left + 1)
        except zlib.error as error:
            raise UnreadableBodyError(_BAD, f"the body is no gzip: {error}") from error
        left -= len(piece)
        if left < 0:
            raise UnreadableBodyError(_TOO_LARGE, f"a body has at most {most} bytes when it is unpacked")
        at += len(part) - len(unpacker.unused_data)
        pieces.append(piece)
    if body and not unpacker.eof:
        raise UnreadableBodyError(_BAD, "the gzip of the body has no end")
    return b"".join(pieces)


def _unpacker() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _role(request: Request) -> Role | None:
    """What the sender says that events are which do not say it themselves."""
    named = request.query_params.get("kind")
    found = next((role for role in ROLES if role == named), None)
    if named is not None and found is None:
        raise HTTPException(_BAD, f"kind is one of {', '.join(ROLES)}")
    return found


def _require_room(room: bool) -> None:  # it is the whole of the question
    if not room:
        message = "too many events are on their way to the disk: send them again"
        raise HTTPException(_UNAVAILABLE, message, {"Retry-After": _SOON})
