"""One Kafka broker for all processes of a test run.

The first process that asks starts it, the others find its address in a file, and its guard
(`tests.support.guard`) ends it after its last user. A broker per process would cost 3 s and 300 MB each.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.kafka_broker import KafkaBroker, describe, start_broker
from tests.support.process import exclusive, is_locked, try_lock, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

_STATE = "broker.json"


def join_broker(directory: Path) -> tuple[KafkaBroker, Callable[[], None]]:
    """Return the broker that all processes naming `directory` share, and what to call to leave it.

    It has no ``server``: no test may stop or restart it for the others. A test that must starts its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    state = directory / _STATE
    with exclusive(directory / "start.lock"):
        if state.exists():
            leave = _hold(json.loads(state.read_text())["scratch"])
            if leave is not None:
                return _read(state), leave
        scratch = Path(tempfile.mkdtemp(prefix="broker-", dir=directory))
        own = start_broker(scratch)
        found = {"bootstrap": own.bootstrap, "kind": own.kind, "detail": own.detail}
        state.write_text(json.dumps({**found, "scratch": None if own.server is None else str(scratch)}))
        return _read(state), _nothing if own.server is None else own.server.detach


def _hold(scratch: str | None) -> Callable[[], None] | None:
    """Keep the broker of this folder from ending; return how to let go, None if it is over already.

    A folder of None stands for a broker that nobody here started.
    """
    if scratch is None:
        return _nothing
    hold = try_lock(Path(scratch) / "kafka.hold", shared=True)
    if hold is None or not is_locked(Path(scratch) / "kafka.alive"):
        if hold is not None:
            hold.close()
        return None
    return hold.close


def _nothing() -> None:
    """Leave a broker that goes on regardless."""


def wait_for_end(directory: Path, timeout_seconds: float = 30.0) -> str | None:
    """Wait until no broker shared over `directory` runs; say which was used last, None if none was."""
    if not (directory / _STATE).exists():
        return None
    for alive in directory.glob("broker-*/kafka.alive"):
        _wait_unlocked(alive, timeout_seconds)
    return describe(_read(directory / _STATE))


def _wait_unlocked(path: Path, timeout_seconds: float) -> None:
    wait_until(lambda: not is_locked(path), timeout_seconds, f"the end of the broker of {path.parent.name}")


def _read(state: Path) -> KafkaBroker:
    found = json.loads(state.read_text())
    return KafkaBroker(found["bootstrap"], found["kind"], found["detail"])
