"""``sentinel run`` that takes events in over HTTP, and a client that posts until it is told 202."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sentinel.simulation.events import Event
from tests.support.daemon import DaemonProcess
from tests.support.process import PATIENCE_SECONDS

NDJSON = "application/x-ndjson"
RETRY_SECONDS = 0.1


def write_http_config(
    path: Path, *, baseline: Path, state: Path, slices: Sequence[str] = (), http: dict[str, Any] | None = None
) -> Path:
    """Write a configuration for a test daemon: short intervals, events by HTTP on this machine."""
    settings: dict[str, Any] = {
        "apiVersion": "sentinel/v1",
        "models": [{"name": "churn", "version": "1", "slices": list(slices), "baseline": str(baseline)}],
        "source": {"http": {"requests_per_second": 100_000, **(http or {})}},
        "state": {"directory": str(state), "checkpoint_interval": "300ms"},
        "evaluation": {"interval": "1s"},
        "web": {"listen": "127.0.0.1:0", "requests_per_second": 1_000},
    }
    path.write_bytes(msgspec.yaml.encode(settings))
    return path


def batches(events: Iterable[Event], size: int) -> list[bytes]:
    """Events as NDJSON bodies of so many lines."""
    payloads = [event.payload for event in events]
    return [b"\n".join(payloads[start : start + size]) + b"\n" for start in range(0, len(payloads), size)]


def post(daemon: DaemonProcess, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """One request; status 0 where nobody answers."""
    request = urllib.request.Request(
        f"http://{daemon.address}/v1/events", body, headers or {"Content-Type": NDJSON}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


def post_until_taken(daemon: DaemonProcess, body: bytes, on_failure: Callable[[], None] = lambda: None) -> None:
    """Send it again until it is acknowledged, as any producer has to."""
    deadline = time.monotonic() + 60.0
    while True:
        status, answer = post(daemon, body)
        if status == 202:
            return
        assert status in (0, 503), (status, answer)
        assert time.monotonic() < deadline, daemon.log_tail()
        on_failure()
        time.sleep(RETRY_SECONDS)
