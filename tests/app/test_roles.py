"""What each role runs, says and refuses; and that the counts of a ledger are judged as those of this process are."""

from __future__ import annotations

import functools
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sentinel.app.daemon import Daemon
from sentinel.app.judge import Judge
from sentinel.app.models import load_models, plans, row_bytes
from sentinel.app.roles import Role
from sentinel.app.sources import make_codec, make_source
from sentinel.clock import ManualClock, SystemClock
from sentinel.config import load_config
from sentinel.diagnosis.alerts import AlertBook
from sentinel.errors import FatalError
from sentinel.ingest.ledger import LedgerReader
from sentinel.ingest.memory import MemorySource
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.app.conftest import TrainedWorld
from tests.support.ledger import Record, ScriptedReader, records_of
from tests.support.memory_ledger import MemoryLedger, MemoryLedgerReader, MemoryLog
from tests.support.process import PATIENCE_SECONDS, wait_until

N_PARTITIONS = 3
CONFIG = """\
apiVersion: sentinel/v1
models:
  - {{name: churn, version: "1", slices: [region, plan], baseline: {baseline}}}
source:
  kafka:
    bootstrap_servers: ["localhost:9092"]
    topics: {{predictions: p, outcomes: o{topics}}}
state: {{directory: {state}, checkpoint_interval: 100ms}}
evaluation: {{interval: 100ms}}
web: {{listen: "127.0.0.1:0"{web}}}
"""


@dataclass
class Running:
    """A daemon in this process, with what it was connected to."""

    daemon: Daemon
    readers: list[ScriptedReader] = field(default_factory=list)
    sources: list[MemorySource] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        host, port = self.daemon.address
        try:
            with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE_SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def families(self) -> set[str]:
        """Names of the metric families that a scrape shows."""
        lines = self.get("/metrics")[1].splitlines()
        return {line.split()[2] for line in lines if line.startswith("# TYPE sentinel_")}


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, world: TrainedWorld) -> Iterator[Start]:
    """Start daemons; each is stopped at the end of the test."""
    made: list[Daemon] = []

    def run(
        role: Role,
        *polls: list[Record],
        topics: str = ", summaries: s",
        web: str = "",
        name: str = "state",
        ends: bool = True,
        log: MemoryLog | None = None,
    ) -> Running:
        config = tmp_path / f"{name}.yaml"
        text = CONFIG.format(baseline=world.baseline, state=tmp_path / name, topics=topics, web=web)
        config.write_text(text)
        readers: list[ScriptedReader] = []
        sources: list[MemorySource] = []

        def source(*settings: object) -> MemorySource:
            sources.append(MemorySource(make_codec(*settings), n_partitions=N_PARTITIONS))  # type: ignore[arg-type]
            return sources[-1]

        def reader(_: object) -> LedgerReader | None:
            if log is not None:
                return MemoryLedgerReader(log)
            if role is not Role.EVALUATOR:
                return None
            readers.append(ScriptedReader(*polls, ends=ends))
            return readers[-1]

        def ledger(_: object) -> MemoryLedger | None:
            return None if log is None else MemoryLedger(log)

        daemon = Daemon(
            lambda: load_config(config), source, SystemClock(), role=role, make_ledger=ledger, make_reader=reader
        )
        made.append(daemon)
        daemon.start()
        return Running(daemon, readers, sources)

    yield run
    for daemon in made:
        daemon.stop()


@pytest.fixture(scope="module")
def views(world: TrainedWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[int, PartitionView]:
    """What three partitions count of the world's month."""
    path = tmp_path_factory.mktemp("views") / "sentinel.yaml"
    path.write_text(CONFIG.format(baseline=world.baseline, state="state", topics="", web=""))
    config = load_config(path)
    models = load_models(config)
    source = MemorySource(make_codec(config, models), n_partitions=N_PARTITIONS)
    for event in world.queue:
        assert source.publish(event.kind, event.key, event.payload, event.at_us)
    source.end()
    loop = Loop(source, lambda _: MemoryJoinStore(row_bytes(models)), plans(models), ManualClock())
    loop.run()
    return loop.status.views


def ledger_of(views: dict[int, PartitionView], seed: int) -> list[Record]:
    """Their records, in any order, a fifth of them again."""
    records = [record for number, view in views.items() for record in records_of(number, view)]
    rng = np.random.default_rng(seed)
    shuffled = [records[i] for i in rng.permutation(len(records))]
    return shuffled + shuffled[: len(shuffled) // 5]


def joined(running: Running) -> bool:
    """Whether the report knows of outcomes."""
    return running.daemon.reports()[0].counts["joined"] > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_ledger_is_judged_as_the_partitions_are(
    world: TrainedWorld, views: dict[int, PartitionView], seed: int, tmp_path: Path
) -> None:
    """From records in any order, redelivered: the report that the views of this process give, byte for byte."""
    path = tmp_path / "sentinel.yaml"
    path.write_text(CONFIG.format(baseline=world.baseline, state="state", topics="", web=""))
    (model,) = load_models(load_config(path)).values()
    follower = Follower([model.plan.layout])
    follower.apply(ledger_of(views, seed))
    direct, followed = Judge(model).report(views.values()), Judge(model).report([follower.view()])
    assert direct.counts["joined"] == sum(event.kind == "outcome" for event in world.queue)
    assert msgspec.json.encode(followed) == msgspec.json.encode(direct)


def test_a_judge_keeps_the_alert_of_a_gap_until_the_odds_that_warn(
    world: TrainedWorld, views: dict[int, PartitionView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a ``warn_alpha`` of .2 the alert of a gap is resolved once the odds are below five."""
    asked: list[float] = []

    def advance(book: AlertBook, *_: object, release: float) -> AlertBook:
        asked.append(release)
        return book

    monkeypatch.setattr(AlertBook, "advance", advance)
    path = tmp_path / "sentinel.yaml"
    config = CONFIG.replace("baseline: {baseline}", "baseline: {baseline}, alerts: {{warn_alpha: 0.2}}")
    path.write_text(config.format(baseline=world.baseline, state="state", topics="", web=""))
    (model,) = load_models(load_config(path)).values()
    Judge(model).report(views.values())
    assert asked == [pytest.approx(math.log(5.0))]


def test_an_evaluator_judges_the_ledger(start: Start, views: dict[int, PartitionView]) -> None:
    """It is ready once it has caught up, shows the models with their leak, and exposes its half of the metrics."""
    records = ledger_of(views, 0)
    running = start(Role.EVALUATOR, records[:50], records[50:])
    wait_until(lambda: running.get("/readyz")[0] == 200, PATIENCE_SECONDS, "the evaluator to be ready")
    wait_until(lambda: joined(running), PATIENCE_SECONDS, "a report")
    report = running.daemon.reports()[0]
    assert report.counts["predictions"] == sum(
        pane.n_predictions for view in views.values() for _, pane in view.series["churn", "1"].panes
    )

    def suspected() -> bool:
        return any(alert.name == "SentinelLeakageSuspected" for alert in running.daemon.reports()[0].alerts)

    wait_until(suspected, PATIENCE_SECONDS, "the leakage alert")
    assert running.get("/livez")[0] == 200
    assert running.get("/models/churn/1")[0] == 200
    assert running.get("/audit")[0] == 200
    text = running.get("/metrics")[1]
    assert f"sentinel_ledger_partitions {N_PARTITIONS}\n" in text
    assert 'sentinel_ledger_lag_messages{partition="0"} 0\n' in text
    assert f'sentinel_ledger_records_total{{result="followed"}} {len(records)}\n' in text
    families = running.families()
    assert {
        "sentinel_watermark_timestamp_seconds",
        "sentinel_outcome_coverage_ratio",
        "sentinel_outcome_delay_seconds",
        "sentinel_loop_last_turn_timestamp_seconds",
        "sentinel_evaluation_duration_seconds",
        "sentinel_series",
    } <= families
    assert not families & {
        "sentinel_events_total",
        "sentinel_dead_letters_total",
        "sentinel_join_pending",
        "sentinel_consumer_lag_messages",
        "sentinel_partitions_assigned",
        "sentinel_store_rows",
        "sentinel_checkpoint_failures_total",
    }
    running.daemon.stop()
    assert running.readers[0].closed


def test_an_evaluator_waits_until_it_has_caught_up(start: Start, views: dict[int, PartitionView]) -> None:
    """While records are still to come it is alive, not ready, and judges nothing by a part of them."""
    running = start(Role.EVALUATOR, ledger_of(views, 0), ends=False)
    reader = running.readers[0]
    wait_until(lambda: not reader.polls, PATIENCE_SECONDS, "the records to be taken")
    status, reason = running.get("/readyz")
    assert (status, reason) == (503, "the summaries topic has not been read to its end yet\n")
    assert running.get("/livez")[0] == 200
    assert running.daemon.reports()[0].counts["predictions"] == 0
    reader.ends = True
    wait_until(lambda: joined(running), PATIENCE_SECONDS, "a report")
    assert running.get("/readyz")[0] == 200


def test_a_reload_keeps_the_reports_until_the_ledger_is_read_again(
    start: Start, views: dict[int, PartitionView]
) -> None:
    """The new graph reads from the beginning; what the former said stands meanwhile, its alerts go on."""
    running = start(Role.EVALUATOR, ledger_of(views, 0))
    wait_until(lambda: joined(running), PATIENCE_SECONDS, "a report")
    fired = [alert.fired_at for alert in running.daemon.reports()[0].alerts]
    running.daemon.reload()
    assert running.daemon.reports()[0].counts["joined"] > 0
    old, new = running.readers
    assert old.closed
    assert not new.closed
    wait_until(lambda: running.get("/readyz")[0] == 200, PATIENCE_SECONDS, "the new graph to be ready")
    assert [alert.fired_at for alert in running.daemon.reports()[0].alerts][: len(fired)] == fired


def test_two_evaluators_say_the_same(start: Start, views: dict[int, PartitionView]) -> None:
    """From the same records in different orders, but for when alerts were first seen and the way there."""
    reports = []
    for seed in (1, 2):
        running = start(Role.EVALUATOR, ledger_of(views, seed), name=f"state-{seed}")
        wait_until(functools.partial(joined, running), PATIENCE_SECONDS, "a report")
        reports.append(running.daemon.reports()[0])
    one, other = (msgspec.structs.replace(report, alerts=(), timeline=()) for report in reports)
    assert msgspec.json.encode(one) == msgspec.json.encode(other)


def test_a_collector_counts_and_judges_nothing(start: Start, world: TrainedWorld) -> None:
    """It shows its half of the metrics, and says where models are to be found."""
    running = start(Role.COLLECTOR, web=', evaluator: "https://judge.test/"')
    for event in world.queue[:500]:
        assert running.sources[0].publish(event.kind, event.key, event.payload, event.at_us)
    wait_until(
        lambda: sum(running.daemon.statistics().events.values()) >= 500, PATIENCE_SECONDS, "events to be counted"
    )
    assert running.get("/readyz")[0] == 200
    assert running.daemon.reports() == ()
    status, page = running.get("/")
    assert (status, '<a href="https://judge.test/">' in page) == (200, True)
    for path in ("/models/churn/1", "/api/v1/models", "/api/v1/models/churn/1/report"):
        status, text = running.get(path)
        assert status == 404
        assert "this process counts and judges nothing: ask one with the role evaluator" in text
    assert running.get("/audit")[0] == 404
    families = running.families()
    assert {"sentinel_events_total", "sentinel_partitions_assigned", "sentinel_store_rows"} <= families
    assert not families & {
        "sentinel_verdict",
        "sentinel_watermark_timestamp_seconds",
        "sentinel_baseline_created_timestamp_seconds",
        "sentinel_outcome_coverage_ratio",
        "sentinel_evaluation_duration_seconds",
        "sentinel_grafana_annotations_total",
        "sentinel_series",
        "sentinel_series_dropped_total",
        "sentinel_ledger_partitions",
    }


def test_a_process_with_both_halves_judges_what_all_of_them_counted(
    start: Start, world: TrainedWorld, views: dict[int, PartitionView]
) -> None:
    """With a ledger the role all shows its own partitions and those of others, and counts the events of its own."""
    log = MemoryLog()
    other = MemoryLedger(log)
    other.claim(N_PARTITIONS)
    other.write(N_PARTITIONS, dict(records_of(N_PARTITIONS, views[0])))
    elsewhere = sum(pane.n_predictions for _, pane in views[0].series["churn", "1"].panes)
    running = start(Role.ALL, log=log)
    for event in world.queue:
        assert running.sources[0].publish(event.kind, event.key, event.payload, event.at_us)
    n_here = sum(event.kind == "prediction" for event in world.queue)
    wait_until(
        lambda: running.daemon.reports()[0].counts["predictions"] == n_here + elsewhere,
        PATIENCE_SECONDS,
        "the counts of both",
    )
    assert running.get("/readyz")[0] == 200
    statistics = running.daemon.statistics()
    assert statistics.events["prediction", "accepted"] == n_here
    assert statistics.ledger is not None
    assert statistics.ledger.n_partitions == N_PARTITIONS + 1


@pytest.mark.parametrize("role", [Role.COLLECTOR, Role.EVALUATOR])
def test_a_role_needs_the_topic_of_summaries(start: Start, role: Role) -> None:
    """Without it collector and evaluator have nowhere to meet: one clear error before anything runs."""
    with pytest.raises(FatalError) as caught:
        start(role, topics="")
    assert str(caught.value) == (
        f"the role {role} needs source.kafka.topics.summaries, the compacted topic where collectors and evaluators "
        "meet: name it, or run the role all"
    )


def test_an_evaluator_takes_no_events_in(tmp_path: Path, world: TrainedWorld) -> None:
    """Whatever its configuration says, it opens no log of posted events and listens to nobody."""
    config, state = tmp_path / "sentinel.yaml", tmp_path / "state"
    text = CONFIG.format(baseline=world.baseline, state=state, topics="", web="")
    kafka = text[text.index("  kafka:") : text.index("state:")]
    config.write_text(text.replace(kafka, "  http: {}\n"))
    daemon = Daemon(lambda: load_config(config), make_source, SystemClock(), role=Role.EVALUATOR)
    with pytest.raises(FatalError, match="the role evaluator needs"):
        daemon.start()
    assert daemon.address == ("", 0)
    assert not list(state.glob("*"))


def test_a_collector_without_an_address_says_what_to_look_for(start: Start) -> None:
    """The page names the role and the setting."""
    page = start(Role.COLLECTOR).get("/")[1]
    assert "<code>evaluator</code>" in page
    assert "<code>web.evaluator</code>" in page
