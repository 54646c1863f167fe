"""A daemon that marks its verdicts in a Grafana: what is written, and that a Grafana that hangs costs it nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from sentinel.diagnosis.report import Cause
from sentinel.exposition.grafana.errors import Reason
from tests.app.conftest import RunningDaemon, TrainedWorld
from tests.support.grafana import TOKEN, Failure, FakeGrafana
from tests.support.process import PATIENCE_SECONDS, wait_until

STOP_SECONDS = 25.0
"""Below the time-out of the client, 30 s, after which even one that waits for the answer would stop."""


def marking(make_daemon: Callable[[], RunningDaemon], fake: FakeGrafana) -> RunningDaemon:
    """A daemon, not yet started, whose configuration names the Grafana."""
    running = make_daemon()
    token = running.config.with_name("token")
    token.write_text(TOKEN)
    text = running.config.read_text().partition("grafana:")[0]
    text = text.replace("evaluation: {interval: 1s}", "evaluation: {interval: 100ms}")
    running.config.write_text(text + f"grafana: {{url: '{fake.url}', token_file: token, timeout: 30s}}\n")
    return running


def judged(running: RunningDaemon, world: TrainedWorld) -> bool:
    """Whether every outcome is in the report, and the leak is named."""
    (report,) = running.daemon.reports()
    n_outcomes = sum(event.kind == "outcome" for event in world.queue)
    return report.counts["joined"] == n_outcomes and report.verdict.cause is Cause.TARGET_LEAKAGE


def test_the_verdict_is_marked(make_daemon: Callable[[], RunningDaemon], world: TrainedWorld) -> None:
    """The leak stands as an open mark, and a restart of the daemon makes no second one."""
    with FakeGrafana() as fake:
        for _ in range(2):
            running = marking(make_daemon, fake)
            running.daemon.start()
            running.publish(world.queue)
            wait_until(lambda r=running: judged(r, world), PATIENCE_SECONDS, "the verdict")  # type: ignore[misc]
            fake.wait(lambda: [m["tags"][-2] for m in fake.open_marks()] == ["cause:target_leakage"], PATIENCE_SECONDS)
            counted = running.daemon.statistics
            wait_until(lambda c=counted: "written" in c().annotations, PATIENCE_SECONDS, "a count")  # type: ignore[misc]
            assert running.daemon.stop()
        (mark,) = fake.open_marks()
        assert mark["tags"][:4] == ["sentinel", "verdict", "model:churn", "version:1"]
        assert mark["text"].startswith("churn 1: target_leakage (")


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
def test_a_grafana_in_trouble_costs_the_stream_nothing(
    make_daemon: Callable[[], RunningDaemon], world: TrainedWorld, hangs: bool
) -> None:
    """Everything is read, joined and judged, the failures are counted, and the stop is clean and soon."""
    held = threading.Event()
    with FakeGrafana() as fake:
        fake.always = Failure(status=401, hold=held if hangs else None)
        running = marking(make_daemon, fake)
        running.daemon.start()
        running.publish(world.queue)
        wait_until(lambda: judged(running, world), PATIENCE_SECONDS, "the verdict")
        if not hangs:
            failed = running.daemon.statistics
            wait_until(
                lambda: failed().annotation_failures.get(Reason.UNAUTHORIZED, 0) > 0, PATIENCE_SECONDS, "a failure"
            )
        ended: list[bool] = []
        stopping = threading.Thread(target=lambda: ended.append(running.daemon.stop()))
        stopping.start()
        stopping.join(STOP_SECONDS)
        assert ended == [True]
        held.set()
