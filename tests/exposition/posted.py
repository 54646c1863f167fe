"""A server that takes events in, and events to post to it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentinel.clock import SystemClock
from sentinel.config.durations import Duration
from sentinel.config.http_source import HttpSource
from sentinel.config.sizes import Bytes
from sentinel.config.web import Web
from sentinel.ingest.http_intake import Intake
from sentinel.ingest.http_reader import LogReader
from tests.exposition.served import Served

NDJSON = {"Content-Type": "application/x-ndjson"}
MODELS = frozenset({"churn"})


def settings(**changes: Any) -> HttpSource:
    """Small bounds, so that tests reach them."""
    values: dict[str, Any] = {
        "max_request_bytes": Bytes(100_000),
        "max_pending_bytes": Bytes(400_000),
        "max_log_bytes": Bytes(2_000_000),
        "requests_per_second": 100_000.0,
        "body_timeout": Duration(5.0),
        "fsync": False,
    }
    return HttpSource(**(values | changes))


@contextlib.contextmanager
def taking(
    state: Path, web: Web | None = None, host: str = "127.0.0.1", *, ready: bool = True, **changes: Any
) -> Iterator[tuple[Served, Intake]]:
    """A server whose log is open, and takes events unless told otherwise."""
    intake = Intake(settings(**changes), state, SystemClock())
    intake.look_for(MODELS, 10_000)
    intake.log.open()
    if ready:
        intake.log.take_from(0)
    try:
        with Served(intake=intake, host=host, web=web or Web(requests_per_second=100_000.0)) as served:
            yield served, intake
    finally:
        intake.log.close()


def prediction(number: int, **changes: Any) -> dict[str, Any]:
    """An event."""
    event = {"kind": "prediction", "model": "churn", "version": "7", "prediction_id": f"id-{number}", "score": 0.5}
    return {**event, "predicted_at": 1_764_000_000 + number, **changes}


def outcome(number: int, **changes: Any) -> dict[str, Any]:
    """Its outcome."""
    event = {"kind": "outcome", "model": "churn", "prediction_id": f"id-{number}", "outcome": 1}
    return {**event, "outcome_at": 1_764_000_000 + number + 20, **changes}


def lines(*events: Any) -> bytes:
    """Events as NDJSON; bytes stand as they are."""
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in events)


def logged(intake: Intake) -> list[bytes]:
    """What was made durable, in order."""
    return [payload for _, payload in logged_roles(intake)]


def logged_roles(intake: Intake) -> list[tuple[int, bytes]]:
    """The same with the roles: 1 for an outcome."""
    reader = LogReader(intake.log, 0)
    runs = reader.read(10**6, 1 << 30)
    reader.close()
    return [row for run in runs for row in zip(run.posted.roles, run.posted.payloads, strict=True)]
