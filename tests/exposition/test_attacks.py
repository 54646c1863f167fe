"""Attacks on the port: nothing crashes, leaks or blocks, and the probes answer throughout."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from sentinel.config.web import Web
from sentinel.exposition import timed
from sentinel.exposition.request_limits import MAX_BODY_BYTES, MAX_URL_BYTES
from sentinel.exposition.security import HEADERS
from tests.exposition.raw import Stream, answer_to, connect, crowd, everything, status_of
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS, wait_until

MAX_STALL_SECONDS = 1.0
HEAD = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with a report."""
    with Served(reports=(full_report(),)) as served:
        yield served


@pytest.fixture(autouse=True)
def unharmed(served: Served, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each attack probes and pages answer as before, and no exception was logged."""
    yield
    assert served.ask("/livez").status == 200
    assert json.loads(served.ask("/api/v1/models").body)["models"][0]["model"] == "churn"
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    wait_until(lambda: len(served.guard.connections) == 0, PATIENCE_SECONDS, "every connection to be forgotten")


@pytest.mark.parametrize(
    "target",
    [
        "/..%2f..%2fetc%2fpasswd",
        "/api/v1/models/../../../etc/passwd",
        "/api/v1/models/..%2F..%2F..%2Fetc%2Fpasswd/7/report",
        "/api/v1/models/%2e%2e/%2e%2e/report",
        "/api/v1/models/churn%00/7/report",
        "/api/v1/models/churn/7/report%00.html",
        "/api/v1/models/%ff%fe/7/report",
        "/api/v1/models/churn/7/report/",
        "/api/v1/models/churn%0d%0aSet-Cookie:%20a=b/7/report",
        "/api/v1/models/" + "%2f" * 500 + "/7/report",
        "/api/v1/models//7/report",
        "/api/v1/models/{model}/{version}/report",
        "//localhost/metrics",
        "/%6detrics/%2e%2e",
        "/metrics;x",
        "/metrics%20",
        "/.git/config",
        "/-/reload/../../metrics",
        "http://other.example/metrics",
        "/" + "a" * (MAX_URL_BYTES - 2),
    ],
)
def test_paths_lead_nowhere_else(served: Served, target: str) -> None:
    """A strange path is refused with the usual headers; it never becomes a header, a file or another page."""
    answer = answer_to(served, f"GET {target} HTTP/1.1\r\n".encode() + HEAD + b"Connection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(answer) in (400, 404)
    assert b"set-cookie" not in head.lower()
    assert b"root:" not in body
    assert HEADERS["Content-Security-Policy"].encode() in head


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\n" + HEAD, 414),
        (b"GET /metrics?" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\n" + HEAD, 414),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 17_000 + b"\r\n", 431),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X: y\r\n" * 200, 431),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X: y\x00z\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X : y\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X: y\r\n folded\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + HEAD, 400),
        (b"GET /metrics HTTP/1.1\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.nip.example:9469\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: \r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:9469\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: 192.0.2.7\r\n", 200),
        (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n", 200),
        (b"GET /metrics HTTP/9.9\r\n" + HEAD, 505),
        (b"GET  /metrics HTTP/1.1\r\n" + HEAD, 400),
        (b"TRACE /metrics HTTP/1.1\r\n" + HEAD, 405),
        (b"CONNECT localhost:22 HTTP/1.1\r\n" + HEAD, 404),
        (b"get /metrics HTTP/1.1\r\n" + HEAD, 405),
        (b"M\xc3\xa9 /metrics HTTP/1.1\r\n" + HEAD, 400),
        (b"PROPFIND /metrics HTTP/1.1\r\n" + HEAD, 405),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"X-HTTP-Method-Override: DELETE\r\n", 200),
        (b"POST /-/reload HTTP/1.1\r\n" + HEAD + b"Content-Length: 0\r\n", 403),
        (b"POST /-/reload HTTP/1.1\r\n" + HEAD + b"Content-Length: 99999999999\r\n", 413),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n", 501),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Upgrade: h2c\r\nConnection: Upgrade, close\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Authorization: Basic " + b"A" * 10_000 + b"\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Accept: " + b"a/b;q=" * 2_000 + b"\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + HEAD + b"Range: bytes=0-0,0-1,0-2\r\n", 200),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0),
        (b"\x00" * 1_000 + b"\r\n", 0),
    ],
)
def test_strange_requests_are_refused_or_read_plainly(served: Served, lines: bytes, status: int) -> None:
    """Over-long, malformed, smuggling and foreign requests each get one clear status, or the end of the connection."""
    closing = b"" if b"Upgrade" in lines else b"Connection: close\r\n"
    answer = answer_to(served, lines + closing + b"\r\n")
    assert status_of(answer) in ((400, 0) if status in (0, 501) else (status,))
    if answer:
        assert HEADERS["X-Content-Type-Options"].encode() in answer.partition(b"\r\n\r\n")[0]


def test_a_compressed_body_is_not_unpacked(served: Served) -> None:
    """A bomb of a gigabyte in a megabyte is refused by its headers."""
    bomb = gzip.compress(bytes(10_000_000))
    head = b"POST /-/reload HTTP/1.1\r\n" + HEAD + b"Content-Encoding: gzip\r\n"
    assert status_of(answer_to(served, head + f"Content-Length: {len(bomb)}\r\n\r\n".encode() + bomb)) in (413, 415)


def test_an_endless_body_is_cut_off(served: Served) -> None:
    """Chunks without end, to a path that reads none: the connection ends after a quarter of a megabyte."""
    chunks = (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 1_000
    with connect(served) as connection, pytest.raises(ConnectionError):
        connection.sendall(b"POST /metrics HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)


def test_slow_heads_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that come a byte at a time, or never, end when their time is up; also on a used connection."""
    monkeypatch.setattr(timed, "HEAD_SECONDS", 0.3)
    half_spoken = b"GET /metrics HTTP/1.1\r\nHost: loc"
    with crowd(served, 3, half_spoken) as half, crowd(served, 3) as silent, connect(served) as used:
        used.sendall(b"GET /livez HTTP/1.1\r\n" + HEAD + b"\r\n")
        with used.makefile("rb") as answer:
            assert b"ok\n" in iter(answer.readline, b"")
        used.sendall(b"G")
        assert served.ask("/livez").status == 200
        assert [everything(connection) for connection in (*half, *silent, used)] == [b""] * 7


def test_slow_bodies_and_slow_readers_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that stops half-way, and an answer that is never taken, end when the request's time is up."""
    monkeypatch.setattr(timed, "REQUEST_SECONDS", 0.3)
    served.page = lambda: "x" * 50_000_000  # more than the system's buffers take
    try:
        body = b"POST /-/reload HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nhalf"
        with crowd(served, 3, body) as writers:
            wait_until(lambda: len(served.guard.connections) == 0, PATIENCE_SECONDS, "the slow writers to be cut off")
            assert {status_of(everything(connection)) for connection in writers} == {403}
        with crowd(served, 2, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n") as readers:  # only now: 50 MB hold up the loop
            wait_until(lambda: len(served.guard.connections) == 0, PATIENCE_SECONDS, "the slow readers to be cut off")
            assert all(len(everything(connection)) < 50_000_000 for connection in readers)
    finally:
        served.page = lambda: "<p>page</p>"


def test_a_flood_of_connections_blocks_nobody() -> None:
    """Two thousand connections at once, silent or half spoken: few are held, probes get in, the stream goes on."""
    with Served(web=Web(max_connections=64)) as small, Stream() as stream:
        with crowd(small, 1_000), crowd(small, 1_000, b"GET /metrics HTTP/1.1\r\n"):
            assert len(small.guard.connections) <= 64
            assert [small.ask("/livez").status for _ in range(20)] == [200] * 20
            assert small.ask("/readyz").status == 200
        assert small.guard.connections.evicted >= 2_000 - 64
        wait_until(lambda: len(small.guard.connections) == 0, PATIENCE_SECONDS, "every connection to be forgotten")
    assert stream.turns > 100
    assert stream.longest_stall_seconds < MAX_STALL_SECONDS


def test_stuck_requests_stop_no_probe(served: Served) -> None:
    """A hundred requests that all wait for something take every thread there is, and probes still answer."""
    release = Event()

    def stuck() -> str:
        release.wait(PATIENCE_SECONDS)
        return "late"

    served.page = stuck
    try:
        with crowd(served, 100, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n"):
            assert [served.ask(path).status for path in ("/livez", "/readyz", "/-/healthy")] == [200] * 3
            release.set()
    finally:
        release.set()
        served.page = lambda: "<p>page</p>"


def test_a_flood_of_requests_is_answered_with_429() -> None:
    """Four clients at full speed from one address: most are refused, probes answer, the stream goes on."""
    with Served(web=Web(requests_per_second=5.0), reports=(full_report(),)) as flooded, Stream() as stream:

        def ask(_: int) -> int:
            return flooded.ask("/metrics").status

        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(ask, range(300)))
            assert flooded.ask("/livez").status == 200
    assert set(statuses) == {200, 429}
    assert statuses.count(429) > 200
    assert stream.longest_stall_seconds < MAX_STALL_SECONDS


def test_a_body_within_bounds_is_read(served: Served) -> None:
    """The longest body that is allowed reaches the application, one byte more does not."""
    head = b"POST /-/reload HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n"
    for n_bytes, status in ((MAX_BODY_BYTES, 403), (MAX_BODY_BYTES + 1, 413)):
        request = head + f"Content-Length: {n_bytes}\r\n\r\n".encode() + b"x" * n_bytes
        assert status_of(answer_to(served, request)) == status


def test_allowed_hosts_are_answered() -> None:
    """A name that is listed is served on loopback, whatever its case and port; others are told why not."""
    with Served(web=Web(allowed_hosts=["Sentinel.example.org"])) as named:
        for host, status in (
            ("sentinel.EXAMPLE.org:9469", 200),
            ("localhost:1", 200),
            ("[::1]", 200),
            ("evil.org", 421),
        ):
            assert named.ask("/metrics", headers={"Host": host}).status == status
