"""Several versions of a model in one deployment: a canary beside the old one, and the roll-over to the next."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from sentinel.app.daemon import Daemon
from sentinel.app.roles import Role
from sentinel.app.sources import make_codec
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.diagnosis.report import Report
from sentinel.ingest.ledger import Ledger, LedgerReader
from sentinel.ingest.memory import MemorySource
from sentinel.simulation.events import Event
from tests.app.conftest import TrainedWorld
from tests.support.memory_ledger import MemoryLedger, MemoryLedgerReader, MemoryLog
from tests.support.process import PATIENCE_SECONDS, wait_until

CONFIG = """\
apiVersion: sentinel/v1
models:
{models}
source:
  kafka:
    bootstrap_servers: ["localhost:9092"]
    topics: {{predictions: p, outcomes: o, summaries: s}}
state: {{directory: {state}, checkpoint_interval: 100ms}}
evaluation: {{interval: 100ms}}
web: {{listen: "127.0.0.1:0"}}
"""


@dataclass
class Deployment:
    """Daemons on one stream; each reads a configuration of its own, so that they can be reloaded one by one."""

    directory: Path
    baselines: dict[str, Path]
    log: MemoryLog | None = None
    daemons: dict[Role, Daemon] = field(default_factory=dict)
    sources: list[MemorySource] = field(default_factory=list)
    kept: list[Event] = field(default_factory=list)

    def configure(self, role: Role, *versions: str) -> None:
        """Write the configuration of a role."""
        lines = (
            f'  - {{name: churn, version: "{each}", slices: [region, plan], baseline: {self.baselines[each]}}}'
            for each in versions
        )
        text = CONFIG.format(models="\n".join(lines), state=self.directory / role)
        self._path(role).write_text(text)

    def start(self, role: Role, *versions: str) -> None:
        """Start a role."""
        self.configure(role, *versions)
        daemon = Daemon(
            lambda: load_config(self._path(role)),
            self._source,
            SystemClock(),
            role=role,
            make_ledger=self._ledger,
            make_reader=self._reader,
        )
        self.daemons[role] = daemon
        daemon.start()

    def reload(self, role: Role, *versions: str) -> None:
        """Reload a role with other versions."""
        self.configure(role, *versions)
        self.daemons[role].reload()

    def publish(self, events: list[Event]) -> None:
        """Send events."""
        self.kept += events
        for event in events:
            assert self.sources[-1].publish(event.kind, event.key, event.payload, event.at_us)

    def report(self, version: str) -> Report:
        """The newest report of a version, of whatever judges."""
        return next(each for each in self._judge.reports() if each.version == version)

    @property
    def _judge(self) -> Daemon:
        return next(daemon for role, daemon in self.daemons.items() if role.judges)

    def wait(self, version: str, joined: int, predictions: int) -> Report:
        """Wait until so much is counted."""
        wanted = {"joined": joined, "predictions": predictions}
        wait_until(
            lambda: any(
                wanted.items() <= each.counts.items() for each in self._judge.reports() if each.version == version
            ),
            PATIENCE_SECONDS,
            f"{wanted} of version {version}",
        )
        return self.report(version)

    def _source(self, *settings: object) -> MemorySource:
        source = MemorySource(make_codec(*settings), n_partitions=2)  # type: ignore[arg-type]
        for event in self.kept:  # a log that was kept: what was read before is passed over by its offset
            assert source.publish(event.kind, event.key, event.payload, event.at_us)
        self.sources.append(source)
        return source

    def _ledger(self, _: object) -> Ledger | None:
        return None if self.log is None else MemoryLedger(self.log)

    def _reader(self, _: object) -> LedgerReader | None:
        return None if self.log is None else MemoryLedgerReader(self.log)

    def _path(self, role: Role) -> Path:
        return self.directory / f"{role}.yaml"


@pytest.fixture(scope="module")
def baselines(world: TrainedWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version 1 of the world, and a version 2 that was validated on other rows."""
    path = tmp_path_factory.mktemp("versions") / "churn-2.baseline"
    model = msgspec.structs.replace(load_config(world.files.config).models[0], version="2")
    build_baseline(model, world.files.train, None, None, now_us=0, progress=None).save(path)
    return {"1": world.baseline, "2": path}


@pytest.fixture
def deploy(tmp_path: Path, baselines: dict[str, Path]) -> Iterator[Deployment]:
    """A deployment; its daemons are stopped at the end of the test."""
    deployment = Deployment(tmp_path, baselines)
    yield deployment
    for daemon in deployment.daemons.values():
        daemon.stop()


def served_by(event: Event, version: str) -> Event:
    """The event as this version sent it; outcomes name none."""
    payload = event.payload
    return event._replace(payload=payload.replace(b'"version":"1"', b'"version":"%s"' % version.encode()))


def canary(queue: list[Event]) -> list[Event]:
    """Every fourth prediction is served by version 2."""
    return [served_by(event, "2") if int(event.key[-3:]) % 4 == 0 else event for event in queue]


def n_of(events: list[Event], kind: str, version: str) -> int:
    """Events of a kind whose prediction a version made."""
    mark = b'"version":"%s"' % version.encode()
    mine = {event.key for event in events if event.kind == "prediction" and mark in event.payload}
    return sum(event.kind == kind and event.key in mine for event in events)


def same(report: Report) -> bytes:
    """What does not depend on when it was looked at."""
    return msgspec.json.encode(msgspec.structs.replace(report, alerts=(), timeline=()))


def test_a_canary_is_judged_by_its_own_baseline(deploy: Deployment, world: TrainedWorld) -> None:
    """Two versions side by side in one topic: each has its own predictions and outcomes, and its own promise."""
    events = canary(world.queue)
    deploy.start(Role.ALL, "1", "2")
    deploy.publish(events)
    for version in ("1", "2"):
        report = deploy.wait(version, n_of(events, "outcome", version), n_of(events, "prediction", version))
        assert report.baseline.digest == Baseline.load(deploy.baselines[version]).digest
        assert report.counts["joined"] > 100
        assert report.counts["dead_letters"] == 0
    offline = {version: deploy.report(version).findings[0].offline.value for version in ("1", "2")}
    assert offline["1"] != offline["2"]


def test_versions_roll_over(deploy: Deployment, world: TrainedWorld) -> None:
    """The new version is added, then serves, then the old one is taken out: nothing of either is lost or mixed."""
    first, second = world.queue[: len(world.queue) // 2], world.queue[len(world.queue) // 2 :]
    early = {event.key for event in first if event.kind == "prediction"}
    events = [served_by(event, "2") if event.key not in early else event for event in second]
    deploy.start(Role.ALL, "1")
    deploy.publish(first)
    deploy.wait("1", n_of(first, "outcome", "1"), n_of(first, "prediction", "1"))
    deploy.reload(Role.ALL, "1", "2")
    deploy.publish(events)
    whole = [*first, *events]
    old = deploy.wait("1", n_of(whole, "outcome", "1"), n_of(whole, "prediction", "1"))
    new = deploy.wait("2", n_of(whole, "outcome", "2"), n_of(whole, "prediction", "2"))
    assert old.counts["dead_letters"] == new.counts["dead_letters"] == 0
    before = same(new)
    deploy.reload(Role.ALL, "2")
    assert [report.version for report in deploy.daemons[Role.ALL].reports()] == ["2"]
    wait_until(lambda: same(deploy.report("2")) == before, PATIENCE_SECONDS, "the new version to go on")


@pytest.mark.parametrize("order", [(Role.COLLECTOR, Role.EVALUATOR), (Role.EVALUATOR, Role.COLLECTOR)])
def test_roles_may_be_reloaded_in_either_order(
    deploy: Deployment, world: TrainedWorld, order: tuple[Role, Role]
) -> None:
    """Both end with every count of the new version; until then the one that is behind neither fails nor mixes any."""
    deploy.log = MemoryLog()
    first, second = world.queue[: len(world.queue) // 2], world.queue[len(world.queue) // 2 :]
    early = {event.key for event in first if event.kind == "prediction"}
    events = [served_by(event, "2") if event.key not in early else event for event in second]
    whole = [*first, *events]
    deploy.start(Role.COLLECTOR, "1")
    deploy.start(Role.EVALUATOR, "1")
    deploy.publish(first)
    deploy.wait("1", n_of(first, "outcome", "1"), n_of(first, "prediction", "1"))
    for number, role in enumerate(order):
        deploy.reload(role, "1", "2")
        if number == 0 and role is Role.COLLECTOR:
            deploy.publish(events)
            deploy.wait("1", n_of(whole, "outcome", "1"), n_of(whole, "prediction", "1"))
            wait_until(
                functools.partial(_foreign, deploy), PATIENCE_SECONDS, "counts that the evaluator does not know yet"
            )
    if order[0] is Role.EVALUATOR:
        deploy.publish(events)
    deploy.wait("2", n_of(whole, "outcome", "2"), n_of(whole, "prediction", "2"))
    deploy.wait("1", n_of(whole, "outcome", "1"), n_of(whole, "prediction", "1"))
    before = same(deploy.report("2"))
    for role in order:
        deploy.reload(role, "2")
    wait_until(lambda: len(deploy.daemons[Role.EVALUATOR].reports()) == 1, PATIENCE_SECONDS, "the old version to leave")
    wait_until(lambda: same(deploy.report("2")) == before, PATIENCE_SECONDS, "the new version to go on")


def _foreign(deployment: Deployment) -> bool:
    ledger = deployment.daemons[Role.EVALUATOR].statistics().ledger
    return ledger is not None and ledger.records["foreign"] > 0
