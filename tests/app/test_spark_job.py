"""The Spark job's driver: who may write, what is published, and which state it goes on from."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinel.app.refusals import Refusals
from sentinel.app.spark_job import JobOptions, Publisher, run_job
from sentinel.app.spark_state import SparkState, open_state
from sentinel.app.spark_worker import files_of, without_logins
from sentinel.clock import ManualClock, SystemClock
from sentinel.config import load_config
from sentinel.config.settings import Config
from sentinel.errors import FatalError
from sentinel.ingest.ledger import FencedError, LedgerError
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.published import Progress, progress_key, write_progress
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.versioned.counting import count_batch
from sentinel.pipeline.versioned.opened import Place
from tests.pipeline import streams
from tests.support.memory_ledger import MemoryLedger, MemoryLog

TOPICS = ("scores", "results")
CONFIG = """\
apiVersion: sentinel/v1
models: [{{name: churn, version: "1", baseline: none.baseline}}]
state: {{directory: {state}}}
source:
  kafka:
    bootstrap_servers: ["127.0.0.1:9"]
    topics: {{predictions: scores, outcomes: results{more}}}
    security_protocol: SASL_SSL
    sasl_mechanism: PLAIN
    sasl_plain_username: me
    sasl_plain_password: very-secret-word
"""
PLAIN = CONFIG[CONFIG.index("    sasl_mechanism") :]
OAUTH = """\
    sasl_mechanism: OAUTHBEARER
    sasl_oauth_token_endpoint_url: https://idp.example.org/token
    sasl_oauth_client_id: me
    sasl_oauth_client_secret: very-secret-word
    sasl_oauth_scope: kafka
    sasl_oauth_extensions: {logicalCluster: lkc-1}
"""


def config_of(tmp_path: Path, more: str = "") -> Config:
    """A configuration with a login."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(state=tmp_path / "state", more=more))
    return load_config(path)


def begun(tmp_path: Path, n_partitions: int = 2) -> SparkState:
    """The state of a job, begun or gone on with."""
    return open_state(str(tmp_path / "shared"), n_partitions, TOPICS)


def publisher(log: MemoryLog, state: SparkState, tmp_path: Path) -> Publisher:
    """A driver."""
    clock = ManualClock()
    return Publisher(MemoryLedger(log), state, clock, Refusals(config_of(tmp_path), clock))


def rows(counted: Mapping[int, int]) -> list[dict[str, Any]]:
    """What executors say of a batch: events by partition."""
    return [{"part": p, "events": n, "refused": 0, "repeated": False} for p, n in counted.items()]


def count(state: SparkState, tmp_path: Path, batch: int, logs: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Count one batch of every partition."""
    for partition, events in logs.items():
        place = Place(files_of(state.where, partition), tmp_path / f"{partition}", streams.ROW_BYTES, 64 << 20)
        some = iter([(events[batch], lambda letter: letter)])
        count_batch(place, partition, batch, streams.PLANS, some, outcomes_behind=False)
    return rows({partition: len(events[batch]) for partition, events in logs.items()})


def logs() -> dict[int, list[Any]]:
    """Two partitions' streams, cut into five batches each."""
    found = {}
    for partition in (0, 1):
        events = streams.orderly(np.random.default_rng(partition), 200)
        found[partition] = list(streams.batches([events[n * 50 : n * 50 + 50] for n in range(len(events) // 50)]))
    return found


def test_what_executors_counted_stands_in_the_ledger(tmp_path: Path) -> None:
    """After every batch the ledger adds up to what single pipelines count, though batches are published twice."""
    log, state, batches = MemoryLog(), begun(tmp_path), logs()
    driver = publisher(log, state, tmp_path)
    driver.claim(replace=False)
    pipelines = {p: PartitionPipeline(p, MemoryJoinStore(streams.ROW_BYTES), streams.PLANS) for p in batches}
    for number in range(4):
        counted = count(state, tmp_path, number, batches)
        driver.publish(number, counted)
        driver.publish(number, counted)
        follower = Follower(streams.LAYOUTS)
        follower.apply(record for transaction in log.entries for record in transaction)
        for partition, pipeline in pipelines.items():
            pipeline.process(batches[partition][number])
            assert follower.partitions[partition].tally == pipeline.tally.to_bytes()
    assert {progress.writer for progress in follower.partitions.values()} == {f"spark {state.id}"}


def test_a_driver_that_was_replaced_cannot_write(tmp_path: Path) -> None:
    """The next start of the job claims the partitions; the one before fails, says so, and changes nothing."""
    log, state = MemoryLog(), begun(tmp_path)
    old, new = publisher(log, state, tmp_path), publisher(log, state, tmp_path)
    counted = count(state, tmp_path, 0, logs())
    old.claim(replace=False)
    new.claim(replace=False)
    with pytest.raises(FencedError):
        old.publish(0, counted)
    assert isinstance(old.failure, FencedError)
    assert log.entries == []
    new.publish(0, counted)
    assert len(log.entries) == 2


def test_counts_of_others_are_not_added_to(tmp_path: Path) -> None:
    """A partition that collectors counted is refused, unless it is said that its records may go; then they go."""
    log = MemoryLog()
    other = MemoryLedger(log)
    other.claim(1)
    other.write(1, {progress_key(1): _progress("collector-0"), b'["pane",1,"churn"]': b"x"})
    driver = publisher(log, begun(tmp_path), tmp_path)
    with pytest.raises(FatalError, match="holds counts of input partition 1 that are not of this job's state"):
        driver.claim(replace=False)
    driver.claim(replace=True)
    assert MemoryLedger(log).read(1) == {}


def test_the_job_goes_on_with_its_own_counts(tmp_path: Path) -> None:
    """A start on the same state finds what it wrote before, and takes it for its own."""
    log, batches = MemoryLog(), logs()
    for number in range(2):
        state = begun(tmp_path)
        driver = publisher(log, state, tmp_path)
        driver.claim(replace=False)
        driver.publish(number, count(state, tmp_path, number, batches))
        _checkpoint(tmp_path)
    assert len(log.entries) == 4


def test_a_ledger_that_does_not_answer_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails for a while succeeds later; one that never does ends the batch, which is run again."""
    monkeypatch.setattr("sentinel.app.spark_job.WRITE_RETRY_SECONDS", 0.0)
    log, state = MemoryLog(), begun(tmp_path)
    driver = publisher(log, state, tmp_path)
    driver.claim(replace=False)
    counted = count(state, tmp_path, 0, logs())
    answers = iter([False, False])
    monkeypatch.setattr(MemoryLedger, "_answer", lambda _: _fail_while(answers))
    driver.publish(0, counted)
    assert len(log.entries) == 2
    log.fails = True
    monkeypatch.undo()
    monkeypatch.setattr("sentinel.app.spark_job.WRITE_RETRY_SECONDS", 0.0)
    with pytest.raises(LedgerError):
        driver.publish(0, counted)


@pytest.mark.parametrize(
    ("n_partitions", "topics", "key", "message"),
    [
        (3, TOPICS, "", "has 2 partitions, and 3 are asked for"),
        (2, ("scores", "truth"), "", "is of the topics scores, results, not scores, truth"),
        (2, TOPICS, "ab12", "hashed with another state.hash_key"),
    ],
)
def test_a_state_of_something_else_is_refused(
    tmp_path: Path, n_partitions: int, topics: tuple[str, str], key: str, message: str
) -> None:
    """What a state was counted with cannot change under it; the message says what to do."""
    begun(tmp_path)
    with pytest.raises(FatalError, match=message):
        open_state(str(tmp_path / "shared"), n_partitions, topics, key)


def test_counts_without_the_checkpoint_of_spark_are_refused(tmp_path: Path) -> None:
    """Spark would number its batches from 0 again, and read what is counted already."""
    state = begun(tmp_path)
    count(state, tmp_path, 0, logs())
    with pytest.raises(FatalError, match="holds counts but not the checkpoint of Spark"):
        begun(tmp_path)
    _checkpoint(tmp_path)
    assert begun(tmp_path) == state


@pytest.mark.parametrize("login", ["PLAIN", "OAUTHBEARER"])
def test_executors_get_no_login(tmp_path: Path, login: str) -> None:
    """The configuration that is sent to executors holds no password and no client's secret."""
    path = tmp_path / "config.yaml"
    oauth = OAUTH if login == "OAUTHBEARER" else PLAIN
    path.write_text(CONFIG.format(state=tmp_path / "state", more="").replace(PLAIN, oauth))
    config = load_config(path)
    assert b"very-secret-word" in pickle.dumps(config)
    sent = without_logins(config)
    assert b"very-secret-word" not in pickle.dumps(sent)
    assert sent.models == config.models


def test_a_job_without_a_summaries_topic_is_refused(tmp_path: Path) -> None:
    """There would be nowhere to publish to; nothing is started."""
    options = JobOptions(state=str(tmp_path / "shared"))
    with pytest.raises(FatalError, match=r"topics\.summaries is missing"):
        run_job(config_of(tmp_path), options, SystemClock(), _unwanted, _never())


def _unwanted() -> Any:
    raise AssertionError("Spark was started")


def _never() -> threading.Event:
    return threading.Event()


def _fail_while(answers: Any) -> None:
    if next(answers, True) is False:
        raise LedgerError("the ledger does not answer")


def _checkpoint(tmp_path: Path) -> None:
    """What Spark writes when a query starts."""
    (tmp_path / "shared" / "checkpoint").mkdir(exist_ok=True)
    (tmp_path / "shared" / "checkpoint" / "metadata").write_text("{}")


def _progress(writer: str) -> bytes:
    progress = Progress(
        positions={}, watermark=1, expired_until=1, joined_until=1, tally=b"", widths={}, pending=0, writer=writer
    )
    return write_progress(progress)
