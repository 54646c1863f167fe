"""The judging half of a process: a judge a model version, and what is told of their verdicts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinel.app.annotations import make_annotator
from sentinel.app.announcing import make_announcer
from sentinel.app.feeds import Feed
from sentinel.app.judge import Judge
from sentinel.app.memory import JudgeMemory
from sentinel.app.models import Key, WatchedModel
from sentinel.app.stops import Stops
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.diagnosis.report import Report
from sentinel.errors import SentinelError
from sentinel.events.batch import I64
from sentinel.logs import get_logger
from sentinel.pipeline.view import CountedView
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

log = get_logger(__name__)

N_DELAY_BINS = len(DELAY_EDGES_SECONDS) + 1


@dataclass(slots=True)
class EvaluatorStatus:
    """How the evaluator is doing."""

    evaluations: int = 0
    failures: int = 0
    seconds: float = 0.0


class Judging:
    """Evaluates, on a thread of its own.

    Parameters
    ----------
    config : Config
    models : mapping of (model, version) to WatchedModel
    feed : Feed
        Owned from here on.
    clock : Clock
    """

    def __init__(self, config: Config, models: Mapping[Key, WatchedModel], feed: Feed, clock: Clock) -> None:
        self.feed = feed
        self.reports: tuple[Report, ...] = ()
        self.watermark_us: int | None = None
        self.delays: dict[Key, I64] = {}
        self.status = EvaluatorStatus()
        self.judges: dict[Key, Judge] = {}
        self.annotator = make_annotator(config, clock)
        self.announcer = make_announcer(config, clock)
        self.failure: SentinelError | None = None
        self.turned_at = clock.monotonic()
        self._config = config
        self._models = models
        self._clock = clock
        self._memory = JudgeMemory(Path(config.state.directory) / "judges")
        self._halt = threading.Event()

    def start(self, stops: Stops, former: Judging | None) -> threading.Thread:
        """Judge once, then go on; how to stop is registered.

        Parameters
        ----------
        stops : Stops
        former : Judging, optional
            Of the configuration before, stopped. Its reports stand until there are counts again; its alerts and
            timelines go on where the baseline is the same.
        """
        self.judges = {key: self._judge(model, former) for key, model in self._models.items()}
        if former is not None:
            self.reports = tuple(r for r in former.reports if (r.model, r.version) in self._models)
        if self.annotator is not None:
            self.annotator.start()
            stops.add("grafana", self.annotator.stop)
        if self.announcer is not None:
            self.announcer.start()
            stops.add("announcer", self.announcer.stop)
        stops.add("feed", self.feed.close)
        self.evaluate()
        thread = threading.Thread(target=self._evaluate_forever, name="sentinel-evaluator", daemon=True)
        thread.start()
        stops.add("sentinel-evaluator", thread.join)
        stops.add("evaluator", self._halt.set)
        return thread

    def evaluate(self) -> None:
        """Judge every model once. An error in one model is logged and counted, and costs the others nothing."""
        started = self._clock.monotonic()
        views = self.feed.views()
        if not views and self.reports:
            return  # between two graphs: the former reports stand until the counts are there again
        reports = []
        for key, judge in self.judges.items():
            try:
                reports.append(judge.report(views))
                self._memory.write(key, judge.save())
            except Exception:
                self.status.failures += 1
                log.exception("evaluation_failed", model=key[0], version=key[1])
                reports.extend(r for r in self.reports if (r.model, r.version) == key)
            self.turned_at = self._clock.monotonic()
        self.reports = tuple(reports)
        if self.annotator is not None:
            self.annotator.offer(self.reports)
        if self.announcer is not None:
            self.announcer.offer(self.reports)
        self.delays = {key: _delays(views, key) for key in self.judges}
        self.watermark_us = max((view.watermark for view in views if view.watermark is not None), default=None)
        self.status.evaluations += 1
        self.status.seconds += self._clock.monotonic() - started

    def _evaluate_forever(self) -> None:
        try:
            while not self._halt.is_set():
                self.feed.wait(float(self._config.evaluation.interval), self._halt)
                self.turned_at = self._clock.monotonic()
                self.evaluate()
        except SentinelError as error:
            self.failure = error
            log.error("evaluator_stopped", error=str(error))
        except Exception as error:
            self.failure = SentinelError(f"the evaluator failed: {type(error).__name__}: {error}")
            log.exception("evaluator_failed")

    def _judge(self, model: WatchedModel, former: Judging | None) -> Judge:
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


def _delays(views: Sequence[CountedView], key: Key) -> I64:
    """Outcome delays of one model, in the bins of the ``delays`` kind."""
    panes = [pane for view in views if key in view.series for _, pane in view.series[key].panes]
    counts: I64 = sum((pane["delays"].sum(axis=1) for pane in panes), start=np.zeros(N_DELAY_BINS, np.int64))
    return counts
