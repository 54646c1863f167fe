"""Everything that one configuration runs: a loop that counts, an evaluator that judges. Built whole, then started."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinel.app.annotations import make_annotator
from sentinel.app.judge import Judge
from sentinel.app.memory import JudgeMemory
from sentinel.app.models import Key, WatchedModel, plans, row_bytes
from sentinel.app.owner import make_directory, partition_directory
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.diagnosis.report import Report
from sentinel.errors import SentinelError
from sentinel.events.batch import I64, DeadLetter
from sentinel.ingest.dead_letters import DeadLetterFile
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.loop import Loop, PartitionView
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

log = get_logger(__name__)

SOURCE_CLOSE_SECONDS = 5.0
EXPIRY_HOLD_SECONDS = 60.0
"""Longer than reading one topic may run ahead of the other while nothing is wrong."""
N_DELAY_BINS = len(DELAY_EDGES_SECONDS) + 1


@dataclass(slots=True)
class EvaluatorStatus:
    """How the evaluator is doing."""

    evaluations: int = 0
    failures: int = 0
    seconds: float = 0.0


class Graph:
    """The running parts of one configuration.

    Parameters
    ----------
    config : Config
    models : mapping of (model, version) to WatchedModel
        Loaded already: nothing here can fail for want of a baseline.
    source : Source
        Owned by the graph from here on.
    clock : Clock
    """

    def __init__(
        self,
        config: Config,
        models: Mapping[Key, WatchedModel],
        source: Source,
        clock: Clock,
    ) -> None:
        self.config = config
        self.models = models
        self.source = source
        self.reports: tuple[Report, ...] = ()
        self.delays: dict[Key, I64] = {}
        self.evaluator = EvaluatorStatus()
        self.failure: SentinelError | None = None
        self._clock = clock
        self._stops = Stops()
        self._halt = threading.Event()
        self._threads: list[threading.Thread] = []
        state = Path(config.state.directory)
        self.dead_letters = DeadLetterFile(
            state / "dead-letters.jsonl", int(config.limits.dead_letter_file_bytes), clock
        )
        self._state = state
        self._row_bytes = row_bytes(models)
        self._memory = JudgeMemory(state / "judges")
        self.annotator = make_annotator(config, clock)
        self.judges: dict[Key, Judge] = {}
        self.loop = Loop(
            source,
            self._open_store,
            plans(models),
            clock,
            checkpoint_seconds=float(config.state.checkpoint_interval),
            expiry_hold_seconds=EXPIRY_HOLD_SECONDS,
            on_dead_letters=self._refuse,
        )

    def start(self, former: Graph | None = None) -> None:
        """Start the loop and the evaluator, each on a thread of its own.

        Parameters
        ----------
        former : Graph, optional
            The graph before, stopped. Its reports stand until this one has counts of its own; its alerts and
            timelines go on where the baseline is the same.
        """
        self.judges = {key: self._judge(model, former) for key, model in self.models.items()}
        if former is not None:
            self.reports = tuple(r for r in former.reports if (r.model, r.version) in self.models)
        if self.annotator is not None:
            self.annotator.start()
            self._stops.add("grafana", self.annotator.stop)
        self._stops.add("source", lambda: self.source.close(SOURCE_CLOSE_SECONDS))
        self.evaluate()
        for name, work in (("sentinel-loop", self._count), ("sentinel-evaluator", self._evaluate_forever)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
            self._stops.add(name, thread.join)
        self._stops.add("loop", self.loop.stop)
        self._stops.add("evaluator", self._halt.set)

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

    def evaluate(self) -> None:
        """Judge every model once. An error in one model is logged and counted, and costs the others nothing."""
        started = time.thread_time()
        views = list(self.loop.status.views.values())
        if not views and self.reports:
            return  # between two graphs: the former reports stand until the partitions are open again
        reports = []
        for key, judge in self.judges.items():
            try:
                reports.append(judge.report(views))
                self._memory.write(key, judge.save())
            except Exception:
                self.evaluator.failures += 1
                log.exception("evaluation_failed", model=key[0], version=key[1])
                reports.extend(r for r in self.reports if (r.model, r.version) == key)
        self.reports = tuple(reports)
        if self.annotator is not None:
            self.annotator.offer(self.reports)
        self.delays = {key: _delays(views, key) for key in self.judges}
        self.evaluator.evaluations += 1
        self.evaluator.seconds += time.thread_time() - started

    @property
    def running(self) -> bool:
        """Whether a thread of the graph still runs, and so may hold a store."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def alive(self) -> bool:
        """Whether the loop turned lately: at least every poll, even when nothing comes."""
        return self.failure is None and self.loop.loop_age_seconds() < max(
            60.0, 4 * float(self.config.state.checkpoint_interval)
        )

    def unready_reasons(self) -> tuple[str, ...]:
        """Why the graph is not ready; empty when it is."""
        reasons = []
        if self.failure is not None:
            reasons.append(f"stopped: {self.failure}")
        if not self.source.assigned():
            reasons.append("no partition is assigned yet")
        elif not self.loop.status.views:
            reasons.append("no partition is open yet")
        return tuple(reasons)

    def _count(self) -> None:
        try:
            self.loop.run()
        except SentinelError as error:
            self.failure = error
            log.error("loop_stopped", error=str(error))
        except Exception as error:
            self.failure = SentinelError(f"the loop failed: {type(error).__name__}: {error}")
            log.exception("loop_failed")

    def _evaluate_forever(self) -> None:
        while not self._halt.wait(float(self.config.evaluation.interval)):
            self.evaluate()
        self.evaluate()

    def _judge(self, model: WatchedModel, former: Graph | None) -> Judge:
        judge = Judge(model)
        known = None if former is None else former.judges.get(model.key)
        saved = self._memory.read(model.key) if known is None else known.save()
        if saved is not None and not judge.restore(saved):
            log.warning(
                "judge_starts_anew",
                model=model.key[0],
                version=model.key[1],
                reason="its memory is of another baseline, or damaged",
            )
        return judge

    def _open_store(self, partition: int) -> JoinStore:
        state = self.config.state
        directory = partition_directory(self._state, partition)
        make_directory(directory)
        return LmdbJoinStore.open(directory, self._row_bytes, int(state.max_bytes), fsync=state.fsync)

    def _refuse(self, letters: Iterable[DeadLetter]) -> None:
        refused = list(letters)
        self.dead_letters.append(refused)
        for letter in refused:
            log.warning(
                "dead_letter",
                reason=str(letter.reason),
                detail=letter.detail,
                topic=letter.topic,
                partition=letter.partition,
                offset=letter.offset,
            )


def _delays(views: Iterable[PartitionView], key: Key) -> I64:
    """Outcome delays of one model, in the bins of the ``delays`` kind."""
    panes = [pane for view in views if key in view.series for _, pane in view.series[key].panes]
    counts: I64 = sum((pane["delays"].sum(axis=1) for pane in panes), start=np.zeros(N_DELAY_BINS, np.int64))
    return counts
