"""The HTTP application: probes tell the truth, nothing else is answered, nothing can be made to hang."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from sentinel.diagnosis.report import from_json
from sentinel.errors import FatalError
from sentinel.exposition.http import WebInputs, build_app
from sentinel.exposition.security import HEADERS, NOTHING_ALLOWED
from sentinel.exposition.server import HttpServer, bind
from sentinel.exposition.statistics import DaemonStatistics
from tests.exposition.exposed import OPENMETRICS, parsed
from tests.exposition.reports import full_report, report
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    """One server for the tests of this file; each sets what it needs."""
    with Served() as served:
        yield served


@pytest.fixture
def served(shared: Served) -> Served:
    """The server in its first state."""
    fresh = Served()
    shared.reports, shared.statistics, shared.page = fresh.reports, fresh.statistics, fresh.page
    shared.reload, shared.reload_enabled = fresh.reload, fresh.reload_enabled
    return shared


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (f"{OPENMETRICS},text/plain;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text; version=2.0.0", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.1", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;q=much,;;,=", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_metrics_in_the_format_that_is_asked_for(served: Served, accept: str, content_type: str) -> None:
    """The Accept header chooses, an unknown version or nonsense gets what everyone reads."""
    served.reports = (full_report(),)
    answer = served.ask("/metrics", headers={"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert "sentinel_gap" in {family.name for family in parsed(answer.body, content_type)}


def test_metrics_compressed_only_when_asked(served: Served) -> None:
    """A scraper that says nothing of gzip gets plain bytes."""
    assert "Content-Encoding" not in served.ask("/metrics").headers
    packed = served.ask("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.body[:2] == b"\x1f\x8b"


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/-/healthy"])
def test_alive_means_that_the_loop_turned(served: Served, path: str) -> None:
    """The probe repeats the daemon's word and its reason, and does not care about readiness."""
    served.statistics = DaemonStatistics(ready=False)
    assert (served.ask(path).status, served.ask(path).text) == (200, "ok\n")
    served.statistics = DaemonStatistics(alive=False, alive_reason="no turn for 61 s")
    assert (served.ask(path).status, served.ask(path).text) == (503, "no turn for 61 s\n")
    verbose = served.ask(f"{path}?verbose").text
    assert verbose == f"[-]loop failed: no turn for 61 s\n{path} check failed\n"


@pytest.mark.parametrize("path", ["/readyz", "/-/ready"])
def test_not_ready_says_why(served: Served, path: str) -> None:
    """Every reason is told, and verbosely one a line."""
    assert served.ask(path).status == 200
    assert served.ask(f"{path}?verbose").text == f"[+]ready ok\n{path} check passed\n"
    served.statistics = DaemonStatistics(ready=False, reasons=("no baseline for churn/7", "no partition"))
    answer = served.ask(path)
    assert (answer.status, answer.text) == (503, "no baseline for churn/7; no partition\n")
    assert served.ask(f"{path}?verbose").text.count("[-]ready failed: no ") == 2


def test_reload_is_off_unless_it_is_on(served: Served) -> None:
    """Off: 403 with a hint and nothing happens. On: POST and PUT reload, a fault is told, GET is not a way."""
    calls: list[int] = []
    served.reload = lambda: calls.append(1)
    answer = served.ask("/-/reload", "POST")
    assert (answer.status, calls) == (403, [])
    assert "web.reload_endpoint" in answer.text
    served.reload_enabled = True
    assert [served.ask("/-/reload", method).status for method in ("POST", "PUT", "GET")] == [200, 200, 405]
    assert len(calls) == 2
    served.reload = lambda: "c.yaml:3:1: unknown key"
    answer = served.ask("/-/reload", "POST")
    assert (answer.status, answer.text) == (
        500,
        "the configuration was not reloaded, the old one stands: c.yaml:3:1: unknown key\n",
    )


def test_another_site_cannot_reload(served: Served) -> None:
    """A browser that a foreign page sends here names that page as its origin, and is refused."""
    served.reload_enabled = True
    assert served.ask("/-/reload", "POST", {"Origin": "https://evil.example"}).status == 403
    assert served.ask("/-/reload", "POST", {"Origin": f"http://{served.address}"}).status == 200


def test_models_lead_to_their_reports(served: Served) -> None:
    """The list links to the report, the report reads back as it was, the timeline is its own document."""
    served.reports = (full_report(), report("other", "1"))
    listed = json.loads(served.ask("/api/v1/models").body)["models"]
    assert [(m["model"], m["verdict"]["cause"]) for m in listed] == [
        ("churn", "target_leakage"),
        ("other", "target_leakage"),
    ]
    assert listed[0]["alerts"] == ["SentinelLeakageSuspected"]
    answer = served.ask(listed[0]["links"]["report"])
    assert answer.headers["Content-Type"] == "application/json"
    assert from_json(answer.body) == full_report()
    timeline = json.loads(served.ask(listed[0]["links"]["timeline"]).body)
    assert (timeline["kind"], timeline["points"][0]["gap"]) == ("Timeline", 0.125)


def test_a_slash_in_a_name_does_not_mislead(served: Served) -> None:
    """`a/b` version `c` and `a` version `b/c` are two models, each found by the link that names it."""
    served.reports = (report("a/b", "c"), report("a", "b/c"), report("ü ?", "#"))
    for entry in json.loads(served.ask("/api/v1/models").body)["models"]:
        found = from_json(served.ask(entry["links"]["report"]).body)
        assert (found.model, found.version) == (entry["model"], entry["version"])
    assert served.ask("/api/v1/models/a/b/c/report").status == 404


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/models/none/1/report", "GET", 404),
        ("/api/v1/models/churn/7/secrets", "GET", 404),
        ("/api/v1/models/..%2f..%2fetc/passwd/report", "GET", 404),
        ("/api/v2/models", "GET", 404),
        ("/api/v1/models", "POST", 405),
        ("/api/v1/models", "DELETE", 405),
    ],
)
def test_faults_under_api_are_json(served: Served, path: str, method: str, status: int) -> None:
    """What is not there or not allowed is told in the language that was asked in."""
    answer = served.ask(path, method)
    assert answer.status == status
    assert json.loads(answer.body)["error"]["status"] == status


@pytest.mark.parametrize("path", ["/nothing", "/metricsx", "/-/quit", "/v1/events", "/livez/x"])
def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    """No path falls through to an answer that a probe would take for health."""
    assert served.ask(path).status == 404


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/readyz", "/api/v1/models"])
def test_reading_only(served: Served, path: str) -> None:
    """HEAD is answered without a body, writing methods are refused."""
    head = served.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {served.ask(path, method).status for method in ("POST", "PUT", "DELETE")} == {405}


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/models", "/nothing"])
def test_every_answer_is_guarded(served: Served, path: str) -> None:
    """Faults carry the same security headers as pages, and no answer names the server's software."""
    headers = served.ask(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "Server" not in headers


def test_a_failing_input_is_an_error_not_an_end(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A fault in a page answers 500 to its reader and leaves everything else served."""

    def broken() -> str:
        raise RuntimeError("no page")

    served.page = broken
    assert served.ask("/").status == 500
    assert served.ask("/livez").status == 200
    assert "no page" in caplog.text


def test_a_stuck_request_stops_no_probe(served: Served) -> None:
    """While one request waits for something, liveness is still answered."""
    release, entered = threading.Event(), threading.Event()

    def waiting() -> str:
        entered.set()
        release.wait(PATIENCE_SECONDS)
        return "late"

    served.page = waiting
    reader = threading.Thread(target=served.ask, args=("/",))
    reader.start()
    try:
        assert entered.wait(PATIENCE_SECONDS)
        assert served.ask("/livez").status == 200
    finally:
        release.set()
        reader.join()


def test_pages_are_html_under_their_own_policy(served: Served) -> None:
    """The overview and a model's page are HTML; a model that there is none of, or half a path, is a 404."""
    for path, text in (("/?show=firing", "<p>page</p>"), ("/models/a%2Fb/7", "<p>model</p>")):
        answer = served.ask(path)
        assert (answer.status, answer.text) == (200, text)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == NOTHING_ALLOWED
        assert answer.headers["Referrer-Policy"] == ("same-origin" if "models" in path else "no-referrer")
    packed = served.ask("/", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], gzip.decompress(packed.body)) == ("gzip", b"<p>page</p>")
    for path in ("/models/gone/1", "/models/churn", "/models/churn/7/more"):
        assert served.ask(path).status == 404


def test_a_taken_port_is_one_clear_line() -> None:
    """Binding fails before anything has started, and names the address and the key that chooses it."""
    with bind("127.0.0.1", 0) as taken, pytest.raises(FatalError) as fault:
        bind(*taken.getsockname())
    assert taken.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on, and answers take 40 ms
    port = taken_port(str(fault.value))
    assert str(fault.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; web.listen or --listen chooses another address"
    )


def taken_port(message: str) -> int:
    """The port in the message."""
    return int(message.split("127.0.0.1:")[1].split(":")[0])


def test_start_and_stop_leave_nothing_behind() -> None:
    """Stop closes the port, ends the thread, may be called twice or without a start, and no signal handler changed."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    served = Served()
    with served:
        assert served.ask("/livez").status == 200
        port = served.server.port
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert served.server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert "http" not in {thread.name for thread in threading.enumerate() if not thread.daemon}
    never = HttpServer(build_app(_inputs(), _NoClock()), bind("127.0.0.1", 0))
    assert never.stop()
    assert never.stop()


def _inputs() -> WebInputs:
    return WebInputs(reports=tuple, statistics=DaemonStatistics, page=str)


class _NoClock:
    def now_us(self) -> int:
        """Not asked."""
        raise NotImplementedError

    def monotonic(self) -> float:
        """Not asked."""
        raise NotImplementedError


def test_stop_is_bounded_by_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    """A request that does not end is cut off after the timeout, and that is logged."""
    release, entered = threading.Event(), threading.Event()

    def waiting() -> str:
        entered.set()
        release.wait(PATIENCE_SECONDS)
        return "never read"

    served = Served(page=waiting)
    with served:
        connection = socket.create_connection(("127.0.0.1", served.server.port), timeout=PATIENCE_SECONDS)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert entered.wait(PATIENCE_SECONDS)
        try:
            served.server.stop(0.2)
            assert "http_stop_timed_out" in caplog.text
        finally:
            release.set()
            connection.close()
