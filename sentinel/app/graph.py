"""Everything that one configuration runs, by role: what counts, what judges. Built whole, then started."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from sentinel.app.collecting import Collecting
from sentinel.app.feeds import Feed, LedgerFeed, LoopFeed
from sentinel.app.judge import Judge
from sentinel.app.judging import Judging
from sentinel.app.models import Key, WatchedModel
from sentinel.app.roles import Role
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError, SentinelError
from sentinel.ingest.ledger import Ledger, LedgerReader
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.counted import Counted
from sentinel.pipeline.follower import Follower

log = get_logger(__name__)

LEAST_STILL_SECONDS = 60.0
"""A thread that has not come round for this long is stuck; a slow disk delays it by a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """What a graph reads from and publishes to; it closes them.

    Attributes
    ----------
    source : Source or None
        None in an evaluator.
    ledger : Ledger or None
        Where this process publishes its counts; None where nobody else reads them.
    reader : LedgerReader or None
        Where it reads the counts of all; None where its own are all that it judges.
    """

    source: Source | None = None
    ledger: Ledger | None = None
    reader: LedgerReader | None = None


class Graph:
    """The running parts of one configuration.

    Parameters
    ----------
    config : Config
    models : mapping of (model, version) to WatchedModel
        Loaded already: nothing here can fail for want of a baseline.
    connections : Connections
        Owned by the graph from here on.
    clock : Clock
    role : Role
    """

    def __init__(
        self,
        config: Config,
        models: Mapping[Key, WatchedModel],
        connections: Connections,
        clock: Clock,
        role: Role = Role.ALL,
    ) -> None:
        self.config = config
        self.models = models
        self.role = role
        self.collecting: Collecting | None = None
        self.judging: Judging | None = None
        self.follower: LedgerFeed | None = None
        self._fault: SentinelError | None = None
        self._clock = clock
        self._stops = Stops()
        self._threads: list[threading.Thread] = []
        if role.collects:
            if connections.source is None:
                raise FatalError(f"the role {role} needs a source")
            self.collecting = Collecting(config, models, connections.source, clock, connections.ledger)
        if role.judges:
            self.judging = Judging(config, models, self._feed(connections.reader), clock)

    def start(self, former: Graph | None = None) -> None:
        """Start what counts and what judges, each on a thread of its own.

        Parameters
        ----------
        former : Graph, optional
            The graph before, stopped. Its reports stand until this one has counts of its own; its alerts and
            timelines go on where the baseline is the same.
        """
        if self.judging is not None:
            self._threads.append(self.judging.start(self._stops, None if former is None else former.judging))
        if self.collecting is not None:  # stopped first: the last evaluation sees the last checkpoint
            self._threads.append(self.collecting.start(self._stops))

    def count_on_from(self, former: Graph) -> None:
        """Go on with the counters of a graph that was stopped: they are of the process, not of a configuration."""
        if self.collecting is not None and former.collecting is not None:
            self.collecting.loop.status.counted = Counted(former.collecting.loop.status.counted)

    def discard(self) -> None:
        """Let go of the connections of a graph that was never started."""
        if self.collecting is not None:
            self.collecting.close(0.0)
        if self.judging is not None:
            self.judging.feed.close()

    def stop(self, timeout_seconds: float) -> bool:
        """Finish the turn, checkpoint, release the partitions, leave the source.

        Returns
        -------
        bool
            Whether everything stopped, in time and without an error.
        """
        outcome: list[bool] = []
        worker = threading.Thread(target=lambda: outcome.append(self._stops.run()), name="sentinel-stop", daemon=True)
        worker.start()
        worker.join(timeout_seconds)
        if worker.is_alive():
            log.error("stop_timed_out", seconds=timeout_seconds)
            return False
        return bool(outcome and outcome[0]) and self.failure is None

    @property
    def reports(self) -> tuple[Report, ...]:
        """The newest report of every model; none in a collector."""
        return () if self.judging is None else self.judging.reports

    @property
    def judges(self) -> Mapping[Key, Judge]:
        """By model version; none in a collector."""
        return {} if self.judging is None else self.judging.judges

    @property
    def failure(self) -> SentinelError | None:
        """What ended a part of the graph, if anything did."""
        parts = (self.collecting, self.judging)
        return next((p.failure for p in parts if p is not None and p.failure is not None), self._fault)

    @failure.setter
    def failure(self, fault: SentinelError) -> None:
        self._fault = fault

    @property
    def running(self) -> bool:
        """Whether a thread of the graph still runs, and so may hold a store."""
        return any(thread.is_alive() for thread in self._threads)

    def still_seconds(self) -> float:
        """How long the part that stands still longest has not come round: at least every poll, even when nothing comes.

        An evaluation of counts in this process is no sign of life: its interval may be long.
        """
        ages = [] if self.collecting is None else [self.collecting.loop.loop_age_seconds()]
        if self.judging is not None and self.follower is not None:
            turned = max(self.judging.turned_at, self.follower.turned_at)
            ages.append(self._clock.monotonic() - turned)
        return max(ages)

    @property
    def alive(self) -> bool:
        """Whether every part came round lately."""
        limit = max(LEAST_STILL_SECONDS, 4 * float(self.config.state.checkpoint_interval))
        return self.failure is None and self.still_seconds() < limit

    def unready_reasons(self) -> tuple[str, ...]:
        """Why the graph is not ready; empty when it is."""
        stopped = () if self.failure is None else (f"stopped: {self.failure}",)
        counting = () if self.collecting is None else self.collecting.unready_reasons()
        judging = () if self.judging is None else self.judging.feed.unready_reasons()
        return (*stopped, *counting, *judging)

    def _feed(self, reader: LedgerReader | None) -> Feed:
        if reader is not None:
            follower = Follower(model.plan.layout for model in self.models.values())
            self.follower = LedgerFeed(reader, follower, self._clock)
            return self.follower
        if self.collecting is None:
            raise FatalError(f"the role {self.role} needs a ledger to read from")
        status = self.collecting.loop.status
        return LoopFeed(lambda: status.views)
