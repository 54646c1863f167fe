"""The counting half of a process: a source, the loop that counts what it delivers, and what was refused."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from sentinel.app.models import Key, WatchedModel, hash_key_of, plans, row_bytes, stamped_early_us
from sentinel.app.owner import make_directory, partition_directory
from sentinel.app.refusals import Refusals, make_letter_topic
from sentinel.app.state_key import check_state_key, note_state_key
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.errors import SentinelError
from sentinel.ingest.ledger import Ledger
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.catch_up import CatchUp
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.protocol import JoinStore

log = get_logger(__name__)

SOURCE_CLOSE_SECONDS = 5.0
LETTERS_CLOSE_SECONDS = 3.0
EXPIRY_HOLD_SECONDS = 60.0
"""Longer than reading one topic may run ahead of the other while nothing is wrong."""


class Collecting:
    """Counts, on a thread of its own.

    Parameters
    ----------
    config : Config
    models : mapping of (model, version) to WatchedModel
    source : Source
        Owned from here on.
    clock : Clock
    ledger : Ledger, optional
        Where counts are published; owned from here on.
    """

    def __init__(
        self,
        config: Config,
        models: Mapping[Key, WatchedModel],
        source: Source,
        clock: Clock,
        ledger: Ledger | None = None,
    ) -> None:
        self.config = config
        self.source = source
        self.failure: SentinelError | None = None
        self.catch_up = CatchUp()
        self._clock = clock
        self._ledger = ledger
        self._state = Path(config.state.directory)
        self._hash_key = hash_key_of(config)
        check_state_key(self._state, self._hash_key)
        self.refusals = Refusals(config, clock, make_letter_topic(config, clock))
        self._row_bytes = row_bytes(models)
        self.loop = Loop(
            source,
            self._open_store,
            plans(models),
            clock,
            checkpoint_seconds=float(config.state.checkpoint_interval),
            expiry_hold_seconds=EXPIRY_HOLD_SECONDS,
            on_dead_letters=self.refusals.take,
            before_checkpoint=self.refusals.settle,
            on_checkpoint=self._note_lag,
            ledger=ledger,
            max_future_us=stamped_early_us(config),
        )

    def start(self, stops: Stops) -> threading.Thread:
        """Start counting; how to stop is registered."""
        note_state_key(self._state, self._hash_key)
        stops.add("dead letters", lambda: self.refusals.close(LETTERS_CLOSE_SECONDS))
        stops.add("source", self.close)
        thread = threading.Thread(target=self._count, name="sentinel-loop", daemon=True)
        thread.start()
        stops.add("sentinel-loop", thread.join)
        stops.add("loop", self.loop.stop)
        return thread

    def close(self, timeout_seconds: float = SOURCE_CLOSE_SECONDS) -> None:
        """Leave the source and the ledger: after the loop has ended, or where it never began."""
        try:
            self.source.close(timeout_seconds)
        finally:
            if self._ledger is not None:
                self._ledger.close(timeout_seconds)

    @property
    def publishes(self) -> bool:
        """Whether counts go into a ledger."""
        return self._ledger is not None

    def unready_reasons(self) -> tuple[str, ...]:
        """Why nothing is counted yet, or not everything; empty when it is."""
        if not self.source.assigned():
            return ("no partition is assigned yet",)
        rebuilding = sorted(self.loop.status.rebuilding.items())
        if rebuilding:
            return tuple(f"partition {number} is being rebuilt from the log: {at:.0%}" for number, at in rebuilding)
        if not self.loop.status.views:
            return ("no partition is open yet",)
        return ()

    def _count(self) -> None:
        try:
            self.loop.run()
        except SentinelError as error:
            self.failure = error
            log.error("loop_stopped", error=str(error))
        except Exception as error:
            self.failure = SentinelError(f"the loop failed: {type(error).__name__}: {error}")
            log.exception("loop_failed")

    def _note_lag(self) -> None:
        self.catch_up.observe(self._clock.monotonic(), self.source.lag())

    def _open_store(self, partition: int) -> JoinStore:
        state = self.config.state
        directory = partition_directory(self._state, partition)
        make_directory(directory)
        return LmdbJoinStore.open(directory, self._row_bytes, int(state.max_bytes), fsync=state.fsync)
