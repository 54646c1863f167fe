"""Attacks on the door for events: memory stays bounded, the stream never blocks, and nothing that was cut is logged."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sentinel.config.durations import Duration
from sentinel.config.sizes import Bytes
from sentinel.config.web import Web
from sentinel.exposition import timed
from sentinel.exposition.events import PendingBytes, inflated
from sentinel.ingest.http_intake import Intake
from tests.exposition.posted import NDJSON, lines, logged, prediction, taking
from tests.exposition.raw import Stream, answer_to, connect, crowd, everything, first_answer_to, status_of
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS, wait_until

PATH = "/v1/events"
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
MAX_STALL_SECONDS = 1.0
ONE = lines(prediction(0))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[Served, Intake]]:
    """A server that takes events; afterwards it still does, and no exception was logged."""
    with taking(tmp_path) as (served, intake):
        yield served, intake
        before = len(logged(intake))
        assert served.ask(PATH, "POST", NDJSON, ONE).status == 202
        assert len(logged(intake)) == before + 1
        assert served.ask("/livez").status == 200


@pytest.fixture(autouse=True)
def unharmed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No attack makes an exception."""
    yield
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def _announced(n_bytes: int) -> bytes:
    return HEAD + f"Content-Length: {n_bytes}\r\nConnection: close\r\n\r\n".encode()


def test_a_body_that_says_it_is_too_long_is_not_read(door: tuple[Served, Intake]) -> None:
    """The announced length decides, before a byte is sent; other paths keep their smaller bound."""
    served, intake = door
    for n_bytes in (100_001, 10**12):
        assert status_of(answer_to(served, _announced(n_bytes))) == 413
    assert answer_to(served, _announced(100_000), timeout_seconds=0.3) == b""  # it waits for the body
    reload = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
    assert status_of(answer_to(served, reload)) == 413
    assert logged(intake) == []


def test_an_endless_body_is_cut_off(door: tuple[Served, Intake]) -> None:
    """Chunks without end are refused at the bound, and what they held is not logged."""
    served, intake = door
    body = _chunked(*[ONE * 400] * 200)
    answer = answer_to(served, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert status_of(answer) in (413, 0)  # the end of the connection may overtake the words
    assert logged(intake) == []
    tiny = _chunked(*[b"x"] * 90_000)
    assert status_of(answer_to(served, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + tiny)) in (413, 0)
    assert logged(intake) == []


@pytest.mark.parametrize("n_bytes", [100_001, 300_000_000])
def test_a_gzip_bomb_is_not_unpacked(door: tuple[Served, Intake], n_bytes: int) -> None:
    """However little was sent, no more is unpacked than a body may hold."""
    served, intake = door
    zipped = {**NDJSON, "Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(n_bytes) if n_bytes < 10**6 else b"", 9)
    if n_bytes > 10**6:
        bomb = _bomb(n_bytes)
    assert len(bomb) <= 100_000 or n_bytes > 10**6
    started = time.process_time()
    assert served.ask(PATH, "POST", zipped, bomb[:100_000]).status == 413
    assert time.process_time() - started < 1.0
    nested = gzip.compress(gzip.compress(bytes(50_000)))
    assert served.ask(PATH, "POST", zipped, nested).status == 400  # unpacked once, it is no line
    assert logged(intake) == []


def test_countless_empty_gzips_in_one_body_take_no_longer_than_their_bytes() -> None:
    """Two hundred thousand gzips of nothing, one after the other: 4 MiB that would be copied for each of them."""
    empty = gzip.compress(b"")
    body = empty * ((4 << 20) // len(empty))
    started = time.process_time()
    assert inflated(body, 4 << 20) == b""
    assert time.process_time() - started < 5.0  # 30 s where each copies the rest


def _bomb(n_bytes: int) -> bytes:
    piece = gzip.compress(bytes(10_000_000), 9)
    return piece * (n_bytes // 10_000_000)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        (HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: 3\r\n", 415),
        (HEAD + b"Content-Encoding: deflate\r\nContent-Length: 3\r\n", 415),
        (HEAD.replace(b"localhost", b"evil.example") + b"Content-Length: 3\r\n", 421),
        (HEAD.replace(b"/v1/events", b"/v1/events/../x") + b"Content-Length: 3\r\n", 404),
        (HEAD.replace(b"application/x-ndjson", b"\xff\xfe") + b"Content-Length: 3\r\n", 415),
        (HEAD + b"ce-specversion: 1.0\r\nContent-Length: 3\r\n", 400),
        (HEAD + b"Origin: null\r\nContent-Length: 3\r\n", 403),
    ],
)
def test_strange_requests_get_one_clear_answer(door: tuple[Served, Intake], head: bytes, status: int) -> None:
    """Smuggling, double compression, other hosts and half CloudEvents are refused, and nothing is logged."""
    served, intake = door
    answer = answer_to(served, head + b"Connection: close\r\n\r\nabc")
    assert status_of(answer) == status
    assert logged(intake) == []


def test_slow_bodies_end_and_block_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred clients that stop half-way are told so when their time is up; others post meanwhile."""
    monkeypatch.setattr(timed, "REQUEST_SECONDS", 20.0)
    opening = HEAD + b"Content-Length: 90000\r\n\r\n" + ONE
    with taking(tmp_path, body_timeout=Duration(1.0)) as (served, intake), Stream() as stream:
        with crowd(served, 100, opening) as slow:
            for number in range(20):
                assert served.ask(PATH, "POST", NDJSON, lines(prediction(number))).status == 202
            assert {status_of(everything(connection)) for connection in slow} == {408}
        assert intake.requests["slow"] == 100
        assert len(logged(intake)) == 20
    assert stream.longest_stall_seconds < MAX_STALL_SECONDS


def test_a_client_that_leaves_posts_nothing(door: tuple[Served, Intake]) -> None:
    """Half a body followed by the end of the connection is counted, and none of it is logged."""
    served, intake = door
    with connect(served) as connection:
        connection.sendall(HEAD + b"Content-Length: 50000\r\n\r\n" + ONE * 3)
    wait_until(lambda: intake.requests["gone"] == 1, PATIENCE_SECONDS, "the server to notice")
    assert logged(intake) == []


def test_memory_is_bounded_by_what_is_pending(tmp_path: Path) -> None:
    """Many large bodies that are never finished hold no more than the bound; the others are told to come again."""
    opening = HEAD + b"Content-Length: 99999\r\n\r\n" + b"x" * 60_000
    changes: dict[str, Any] = {"max_pending_bytes": Bytes(400_000), "body_timeout": Duration(5.0)}
    with taking(tmp_path, **changes) as (served, intake), crowd(served, 40, opening) as greedy:
        assert served.ask("/livez").status == 200
        statuses = [status_of(answer_of(connection)) for connection in greedy]
    assert set(statuses) == {503, 408}
    assert 1 <= statuses.count(408) <= 400_000 // 60_000
    assert (intake.requests["busy"], intake.requests["slow"]) == (statuses.count(503), statuses.count(408))


def answer_of(connection: socket.socket) -> bytes:
    """The first answer, without waiting for the end of the connection."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(65_536)
    return b""


def test_one_client_leaves_room_for_others() -> None:
    """Of what may be pending, one address holds half at most, but always one request where nothing else is held."""
    pending = PendingBytes(100)
    assert pending.take("greedy", 50)
    assert not pending.take("greedy", 1)
    assert pending.take("other", 40)
    assert not pending.take("third", 20)
    pending.give_back("greedy", 50)
    assert pending.take("third", 20)
    pending.give_back("other", 40)
    pending.give_back("third", 20)
    assert pending.held == 0
    assert pending._clients == {}


def test_a_flood_of_posts_blocks_nothing(tmp_path: Path) -> None:
    """Eight clients at full speed: all that was acknowledged is there, the probes answer, the stream goes on."""
    with taking(tmp_path, max_log_bytes=Bytes(50_000_000)) as (served, intake), Stream() as stream:

        def post(number: int) -> int:
            body = lines(*(prediction(number * 100 + i) for i in range(100)))
            return served.ask(PATH, "POST", NDJSON, body).status

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(post, range(200)))
            assert served.ask("/livez").status == 200
        ids = {json.loads(payload)["prediction_id"] for payload in logged(intake)}
    assert set(statuses) == {202}
    assert len(ids) == 20_000
    assert stream.longest_stall_seconds < MAX_STALL_SECONDS


def test_a_disk_that_hangs_blocks_only_those_who_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing becomes durable nobody is acknowledged, and probes and pages answer."""
    release = threading.Event()
    real = os.fdatasync

    def hung(descriptor: int) -> None:
        release.wait(PATIENCE_SECONDS)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", hung)
    with taking(tmp_path, fsync=True) as (served, intake), ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(served.ask, PATH, "POST", NDJSON, lines(prediction(i))) for i in range(6)]
        wait_until(lambda: len(served.guard.connections) >= 6, PATIENCE_SECONDS, "all to have connected")
        assert [served.ask(path).status for path in ("/livez", "/metrics", "/")] == [200] * 3
        assert not any(future.done() for future in waiting)
        assert logged(intake) == []
        release.set()
        assert [future.result(PATIENCE_SECONDS).status for future in waiting] == [202] * 6
        assert len(logged(intake)) == 6


def test_without_credentials_no_body_is_read(tmp_path: Path) -> None:
    """Where one has to log in, a stranger gets 401 at once, whatever they would have sent."""
    tokens = tmp_path / "tokens"
    tokens.write_text("serving 0123456789abcdef\n")
    web = Web(bearer_token_file=str(tokens), producers=["serving"], requests_per_second=100_000.0)
    with taking(tmp_path / "state", web) as (served, intake):
        for body in (b"", ONE * 500, _chunked(*[ONE * 400] * 20)):
            transfer = b"Transfer-Encoding: chunked" if body[:1] not in (b"", b"{") else b"Content-Length: 90000"
            answer = first_answer_to(served, HEAD + transfer + b"\r\nConnection: close\r\n\r\n" + body)
            assert status_of(answer) in (401, 0) if len(body) > 60_000 else status_of(answer) == 401
        assert logged(intake) == []
        assert intake.requests["accepted"] == 0


def test_nothing_of_a_body_is_logged_in_words(door: tuple[Served, Intake], caplog: pytest.LogCaptureFixture) -> None:
    """Feature values appear in no log line, whatever is wrong with the line that holds them."""
    served, _ = door
    with contextlib.suppress(OSError):
        served.ask(PATH, "POST", NDJSON, lines(prediction(1, features={"card": "4111-secret"}), b"{4111-secret"))
        served.ask(PATH, "POST", {"Content-Type": "text/4111-secret"}, b"4111-secret")
    assert "4111-secret" not in caplog.text


@pytest.mark.parametrize("element", [b"1", b"[]", b'"a"', b"{}"])
def test_an_array_of_countless_elements_is_left_at_the_first_too_many(tmp_path: Path, element: bytes) -> None:
    """Millions of tiny elements in one body are not made at once: one more than is answered decides."""
    body = b"[" + b",".join([element] * (3_000_000 // (len(element) + 1))) + b"]"
    bounds: dict[str, Any] = {
        "max_request_bytes": Bytes(4 << 20),
        "max_pending_bytes": Bytes(32 << 20),
        "max_log_bytes": Bytes(1 << 30),
    }
    with taking(tmp_path, **bounds) as (served, intake):
        tracemalloc.start()
        try:
            answer = served.ask(PATH, "POST", {"Content-Type": "application/json"}, body)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.status == 413
        assert peak < 8 * len(body)
        assert logged(intake) == []
