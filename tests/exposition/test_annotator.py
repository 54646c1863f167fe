"""Verdicts as annotations: what is written, that it survives every failure, and that nobody waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from sentinel.clock import ManualClock
from sentinel.diagnosis.report import Cause, Report
from sentinel.exposition.grafana import retry
from sentinel.exposition.grafana.annotator import Annotator
from sentinel.exposition.grafana.client import GrafanaClient
from sentinel.exposition.grafana.marks import mark_of, settle
from tests.exposition.reports import report
from tests.exposition.test_grafana_client import settings
from tests.support.grafana import Failure, FakeGrafana
from tests.support.process import wait_until

NOW_US = 1_800_000_000_000_000
PATIENCE = 2


def judged(cause: Cause, model: str = "churn", *, through: str | None = "2026-11-20T12:00:00Z") -> Report:
    """A report with a verdict."""
    made = report(model)
    verdict = msgspec.structs.replace(made.verdict, cause=cause, family=cause.family)
    return msgspec.structs.replace(made, verdict=verdict, through=through)


class Marked:
    """An annotator on a fake Grafana, and its clock."""

    def __init__(self, fake: FakeGrafana, capacity: int = 256, timeout: str = "5s") -> None:
        self.fake = fake
        self.clock = ManualClock(NOW_US)
        self.annotator = Annotator(
            lambda: GrafanaClient(settings(fake.url, timeout=timeout)),
            self.clock,
            capacity=capacity,
            patience=PATIENCE,
            random=Random(3),
        )
        self.annotator.start()

    def look(self, *reports: Report, times: int = PATIENCE) -> None:
        """Offer the same reports some times, a second apart."""
        for _ in range(times):
            self.annotator.offer(reports)
            self.clock.advance(1.0)

    def results(self, **wanted: int) -> None:
        """Wait until so much has become of the changes."""
        wait_until(lambda: self.annotator.results == wanted, 60, f"{wanted}, not {self.annotator.results}")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(retry, "MAX_SECONDS", 0.01)


@pytest.fixture
def fake() -> Iterator[FakeGrafana]:
    """An empty Grafana."""
    with FakeGrafana() as grafana:
        yield grafana


@pytest.fixture
def marked(fake: FakeGrafana) -> Iterator[Marked]:
    """An annotator on it."""
    made = Marked(fake)
    yield made
    made.annotator.stop()


def test_a_verdict_is_marked_from_its_first_look_to_its_last(marked: Marked) -> None:
    """Tags name the model, version and cause; the time is that of the first look; the end closes the region."""
    marked.look(judged(Cause.TARGET_LEAKAGE), times=5)
    marked.results(written=1)
    (mark,) = marked.fake.open_marks()
    assert mark["time"] == NOW_US // 1_000
    assert mark["tags"] == ["sentinel", "verdict", "model:churn", "version:7", "cause:target_leakage", "open"]
    assert mark["text"].splitlines()[:2] == ["churn 7: target_leakage (75%)", "tenure_days lost its association"]
    marked.look(judged(Cause.NONE))
    marked.results(written=2)
    assert marked.fake.open_marks() == []
    (ended,) = marked.fake.annotations.values()
    assert ended["timeEnd"] - ended["time"] == 5_000  # five looks, a second apart
    assert "open" not in ended["tags"]


def test_another_cause_ends_one_and_begins_one(marked: Marked) -> None:
    """The regions meet."""
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.look(judged(Cause.CONCEPT_DRIFT))
    marked.results(written=2)
    first, second = marked.fake.annotations.values()
    assert first["timeEnd"] == second["time"]
    assert "cause:concept_drift" in second["tags"]
    assert marked.fake.open_marks() == [second]


def test_a_verdict_that_flickers_is_not_marked(marked: Marked) -> None:
    """It has to last for some looks in a row."""
    for _ in range(5):
        marked.look(judged(Cause.TARGET_LEAKAGE), times=1)
        marked.look(judged(Cause.NONE), times=1)
    marked.look(judged(Cause.NONE), times=1)
    marked.results(written=1)  # none stands, which Grafana is asked about once
    assert marked.fake.annotations == {}


def test_models_are_apart(marked: Marked) -> None:
    """The end of one leaves the other open."""
    marked.look(judged(Cause.TARGET_LEAKAGE), judged(Cause.COVARIATE_DRIFT, "fraud"))
    marked.look(judged(Cause.NONE), judged(Cause.COVARIATE_DRIFT, "fraud"))
    marked.results(written=3)
    (left,) = marked.fake.open_marks()
    assert "model:fraud" in left["tags"]


def test_a_stream_that_has_not_begun_says_nothing(marked: Marked) -> None:
    """Between a restart and the first event the marks of before stand."""
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(written=1)
    again = Marked(marked.fake)
    again.look(judged(Cause.INSUFFICIENT_EVIDENCE, through=None), times=5)
    again.look(judged(Cause.TARGET_LEAKAGE))
    again.results(written=1)
    again.annotator.stop()
    assert len(marked.fake.annotations) == 1
    assert len(marked.fake.open_marks()) == 1


def test_a_lost_answer_makes_no_second_mark(marked: Marked) -> None:
    """The mark was written and the answer cut off: the next attempt finds it."""
    marked.fake.failures.extend([Failure(status=500, after=True), Failure(cut=True)])
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(written=1)
    client = GrafanaClient(settings(marked.fake.url))
    for _ in range(3):
        settle(client, mark_of(judged(Cause.TARGET_LEAKAGE), 1))
    client.close()
    assert len(marked.fake.annotations) == 1


def test_answers_may_be_empty(marked: Marked) -> None:
    """204 to a POST and a PATCH is as good as any."""
    marked.fake.empty_answers = True
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.look(judged(Cause.NONE))
    marked.results(written=2)
    assert marked.fake.open_marks() == []


def test_a_mark_that_somebody_deleted_has_ended(marked: Marked) -> None:
    """404 to the PATCH is no failure."""
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(written=1)
    held = threading.Event()
    marked.fake.failures.append(Failure(hold=held, status=200, body=b'[{"id": 9, "time": 1, "tags": ["open"]}]'))
    held.set()
    marked.look(judged(Cause.NONE))
    marked.results(written=2)
    assert marked.annotator.failures == {}


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_may_be_mended_is_kept(marked: Marked, status: int) -> None:
    """Permissions, throttling and failures: the change is written once they are over, and counted until then."""
    marked.fake.failures.extend([Failure(status=status)] * 3)
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(written=1)
    assert sum(marked.annotator.failures.values()) == 3


def test_an_end_that_fails_is_tried_again(marked: Marked) -> None:
    """The question succeeds and the PATCH does not: the mark is ended at the next attempt."""
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(written=1)
    (mark,) = marked.fake.open_marks()
    found = json.dumps([mark]).encode()
    marked.fake.failures.extend([Failure(status=200, body=found), Failure(status=500)])
    marked.look(judged(Cause.NONE))
    marked.results(written=2)
    assert marked.fake.open_marks() == []
    assert marked.annotator.failures == {"server_error": 1}


@pytest.mark.parametrize("status", [400, 412, 422])
def test_what_grafana_does_not_want_is_given_up(marked: Marked, status: int) -> None:
    """Refused once, counted, and the next change goes through."""
    marked.fake.failures.append(Failure(status=status))
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.results(refused=1)
    marked.look(judged(Cause.CONCEPT_DRIFT))
    marked.results(refused=1, written=1)


@pytest.mark.parametrize("body", [b"{}", b'"x"', b"[1]", b'[{"tags": 3}]', b'[{"id": "x", "tags": []}]'])
def test_nonsense_ends_nothing(marked: Marked, body: bytes) -> None:
    """An answer of another form costs at most that change; the thread goes on."""
    marked.fake.failures.append(Failure(status=200, body=body))
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.fake.wait(lambda: bool(marked.fake.requests))
    marked.look(judged(Cause.CONCEPT_DRIFT))
    marked.fake.wait(lambda: any("cause:concept_drift" in each["tags"] for each in marked.fake.open_marks()))


def test_a_full_queue_drops_the_oldest_and_nobody_waits(fake: FakeGrafana) -> None:
    """While Grafana hangs, offers take no time; what is lost is counted, and the newest verdict stands in the end."""
    held = threading.Event()
    fake.failures.append(Failure(hold=held, status=500))
    marked = Marked(fake, capacity=4)
    causes = (Cause.TARGET_LEAKAGE, Cause.CONCEPT_DRIFT)
    marked.look(judged(causes[0]))
    marked.fake.wait(lambda: not fake.failures)
    started = time.thread_time()
    for n in range(1, 101):
        marked.look(judged(causes[n % 2]))
    assert time.thread_time() - started < 1.0
    assert marked.annotator.results == {"dropped": 96}
    held.set()
    marked.results(dropped=97, written=4)  # the one in flight had to make room too
    (mark,) = fake.open_marks()
    assert f"cause:{causes[0]}" in mark["tags"]
    marked.annotator.stop()


def test_a_stop_does_not_wait_for_long(fake: FakeGrafana) -> None:
    """With Grafana hanging the stop comes back before the answer does; what waits is counted as dropped."""
    held = threading.Event()
    fake.failures.append(Failure(hold=held, status=500))
    marked = Marked(fake, timeout="60s")
    marked.look(judged(Cause.TARGET_LEAKAGE))
    fake.wait(lambda: not fake.failures)
    marked.look(judged(Cause.CONCEPT_DRIFT))
    marked.annotator.stop(0.2)
    assert fake.requests == []  # which are noted once they are answered
    assert marked.annotator.results == {"dropped": 1}
    held.set()
    marked.results(dropped=2)  # the one that was on its way is not tried again


def test_a_stop_writes_what_waits(fake: FakeGrafana) -> None:
    """The last change of a daemon that ends is not lost."""
    marked = Marked(fake)
    marked.look(judged(Cause.TARGET_LEAKAGE))
    marked.annotator.stop(60.0)
    assert len(fake.open_marks()) == 1
    assert marked.annotator.results == {"written": 1, "dropped": 0}


def test_text_is_escaped() -> None:
    """Names come from events, and Grafana shows HTML."""
    made = judged(Cause.TARGET_LEAKAGE)
    verdict = msgspec.structs.replace(made.verdict, reasons=("<script>alert(1)</script> lost it",))
    text = mark_of(msgspec.structs.replace(made, verdict=verdict), 1).text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
