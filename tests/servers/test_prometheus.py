"""Tests of the Prometheus stack that other tests lean on: a gauge becomes a notification."""

from __future__ import annotations

import json
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.process import PATIENCE_SECONDS, ServerError
from tests.support.prometheus import PrometheusServer
from tests.support.webhook import WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import StartPrometheusStack

_RULES = {
    "groups": [
        {
            "name": "test",
            "interval": "1s",
            "rules": [{"alert": "TestGaugeHigh", "expr": "test_gauge > 0.5", "labels": {"severity": "warning"}}],
        }
    ]
}


class _Gauge:
    """An exporter of one gauge whose value a test sets."""

    def __init__(self) -> None:
        self.value = 0.0
        gauge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"# TYPE test_gauge gauge\ntest_gauge {gauge.value}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def gauge() -> Iterator[_Gauge]:
    """A gauge at 0."""
    exporter = _Gauge()
    try:
        yield exporter
    finally:
        exporter.stop()


def _status(status: str) -> Any:
    return lambda payload: payload["status"] == status


@pytest.mark.servers
def test_a_gauge_becomes_a_notification_and_resolves(
    prometheus_stack: StartPrometheusStack, gauge: _Gauge, tmp_path: Path
) -> None:
    """Raising a gauge sends a firing notification through real servers, lowering it a resolved one."""
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps(_RULES))
    stack = prometheus_stack({"sentinel": [gauge.address]}, [rules])
    assert [s["value"][1] for s in stack.prometheus.query("test_gauge")] == ["0"]
    assert stack.prometheus.alerts() == []

    raised = time.monotonic()
    gauge.value = 1.0
    firing = stack.webhook.wait_for(_status("firing"), PATIENCE_SECONDS)
    assert firing.arrived_seconds > raised
    assert firing.payload["version"] == "4"
    (alert,) = firing.payload["alerts"]
    assert alert["labels"]["alertname"] == "TestGaugeHigh"
    assert alert["labels"]["job"] == "sentinel"
    assert [a["labels"]["alertname"] for a in stack.alertmanager.alerts()] == ["TestGaugeHigh"]

    gauge.value = 0.0
    resolved = stack.webhook.wait_for(_status("resolved"), PATIENCE_SECONDS)
    assert resolved.arrived_seconds > firing.arrived_seconds


@pytest.mark.servers
def test_a_broken_rule_file_is_refused_by_name(prometheus_programs: None, tmp_path: Path) -> None:
    """A rule file that does not parse fails before anything is started, with promtool's words."""
    rules = tmp_path / "broken.yml"
    rules.write_text(json.dumps({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "sum("}]}]}))
    with pytest.raises(ServerError, match=r"broken\.yml"):
        PrometheusServer(tmp_path, {}, [rules])


def test_the_webhook_remembers_order_and_time() -> None:
    """Payloads come back in order with rising times, and a wait in vain says how many came."""
    with WebhookReceiver() as webhook:
        for number in (1, 2):
            request = urllib.request.Request(webhook.url, json.dumps({"number": number}).encode(), method="POST")
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                assert response.status == 200
        first, second = webhook.notifications
        assert [first.payload, second.payload] == [{"number": 1}, {"number": 2}]
        assert first.arrived_seconds <= second.arrived_seconds
        assert webhook.wait_for(lambda payload: payload["number"] == 2, 1) == second
        with pytest.raises(ServerError, match=r"no such notification in 0\.1 s, 2 others came"):
            webhook.wait_for(lambda payload: payload["number"] == 3, 0.1)
        webhook.clear()
        assert webhook.notifications == []
