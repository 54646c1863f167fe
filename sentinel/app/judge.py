"""From the loop's views to reports: add up the partitions, evaluate, diagnose, keep the alerts and the timeline.

One Judge serves the daemon and the replay alike, so a file replayed says what the daemon would have said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from sentinel import __version__
from sentinel.app.models import Key, WatchedModel
from sentinel.baseline.artifact import Baseline
from sentinel.config.times import rfc3339
from sentinel.diagnosis.alerts import AlertBook
from sentinel.diagnosis.evidence import gather
from sentinel.diagnosis.proofs import find_proofs
from sentinel.diagnosis.report import BaselineReference, Report, TimelinePoint, Verdict
from sentinel.diagnosis.signatures import read_signals
from sentinel.diagnosis.verdict import diagnose, passes_gate
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.pipeline import tally as results
from sentinel.pipeline.progress import outcomes_through
from sentinel.pipeline.tally import Tally, add_up, of_model
from sentinel.pipeline.view import CountedView
from sentinel.summaries.panes import PaneSeries, join_series

TIMELINE_POINTS = 720
"""Points kept per model; when full, every second one is dropped, so the timeline always reaches back to the launch."""
HEADLINE = "auc"
_END_OF_TIME = 1 << 62


class JudgeState(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge remembers, for the next start: counts are stored elsewhere, this is what was made of them."""

    digest: str
    book: AlertBook
    timeline: tuple[TimelinePoint, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A report with the evidence of its verdict.

    Attributes
    ----------
    report : Report
    signals : dict of str to float or None
        What the scorecard weighs, by name; None where the evidence is missing.
    weighed : bool
        Whether there was something to explain, so that the scorecard was asked.
    """

    report: Report
    signals: dict[str, float | None]
    weighed: bool


class Judge:
    """Keeps one model version's alerts and timeline from look to look, and writes its reports."""

    def __init__(self, model: WatchedModel) -> None:
        self.model = model
        self._book = AlertBook()
        self._timeline: list[TimelinePoint] = []
        self._latest: tuple[Report, Evaluation] | None = None

    def report(self, views: Iterable[CountedView]) -> Report:
        """Judge what the partitions hold now.

        Parameters
        ----------
        views : iterable of CountedView
            One for each input partition, or for several together; their panes are added up.
        """
        seen = list(views)
        baseline, key = self.model.baseline, self.model.key
        live = _since_reference(
            baseline, join_series(baseline.layout, [v.series[key] for v in seen if key in v.series])
        )
        tally = add_up(view.tally for view in seen)
        watermark = max((view.watermark for view in seen if view.watermark is not None), default=None)
        counts = model_counts(live, tally, key)
        plan = self.model.plan
        evaluation = evaluate(
            baseline,
            live,
            self.model.settings.alerts,
            outcomes_through(seen, plan),
            absence=plan.absence,
            settled_us=plan.settled_us,
            declared=self.model.settings.features,
        )
        verdict = diagnose(evaluation, baseline, counts, self.model.settings.alerts)
        if watermark is not None:
            release = -math.log(self.model.settings.alerts.warn_alpha)
            at = rfc3339(watermark, to_second=True)
            self._book = self._book.advance(evaluation, verdict, counts, at, release=release)
            self._remember(evaluation, verdict, counts, watermark)
        report = Report(
            model=key[0],
            version=key[1],
            task=self.model.settings.task,
            through=None if watermark is None else rfc3339(watermark, to_second=True),
            generated_by=f"sentinel {__version__}",
            baseline=reference(baseline),
            counts=counts,
            dead_letters=dict(sorted(tally.dead_letters.items())),
            verdict=verdict,
            findings=evaluation.findings,
            features=evaluation.features,
            launch=evaluation.launch,
            change=evaluation.change,
            shift=evaluation.shift,
            score_drift=evaluation.score_drift,
            counterfactuals=evaluation.counterfactuals,
            overlaps=evaluation.overlaps,
            maturity=evaluation.maturity,
            residuals=evaluation.residuals,
            offline_calibration=evaluation.offline_calibration,
            online_calibration=evaluation.online_calibration,
            reliability=evaluation.reliability,
            delays=evaluation.delays,
            alerts=self._book.alerts,
            timeline=tuple(self._timeline),
        )
        self._latest = (report, evaluation)
        return report

    def judged(self) -> Judged | None:
        """The latest report with its evidence, read when it is asked for; None before the first. For any thread."""
        latest = self._latest
        if latest is None:
            return None
        report, evaluation = latest
        evidence = gather(evaluation, self.model.baseline.meta, report.counts, self.model.settings.alerts)
        signals = {name: signal.value for name, signal in read_signals(evidence).items()}
        return Judged(report, signals, passes_gate(evidence, find_proofs(evidence)))

    def save(self) -> bytes:
        """What :meth:`restore` needs."""
        digest = self.model.baseline.digest
        return msgspec.msgpack.encode(JudgeState(digest=digest, book=self._book, timeline=tuple(self._timeline)))

    def restore(self, saved: bytes) -> bool:
        """Go on from what another judge saved, if it judged by the same baseline.

        Returns
        -------
        bool
            False if it did not, or if the bytes cannot be read; then nothing has changed.
        """
        try:
            state = msgspec.msgpack.decode(saved, type=JudgeState)
        except msgspec.MsgspecError:
            return False
        if state.digest != self.model.baseline.digest:
            return False
        self._book, self._timeline = state.book, list(state.timeline)
        return True

    def _remember(self, evaluation: Evaluation, verdict: Verdict, counts: Mapping[str, int], watermark: int) -> None:
        headline = evaluation.headline(HEADLINE)
        if headline is None:
            return
        point = TimelinePoint(
            at=rfc3339(watermark, to_second=True),
            n_predictions=counts["predictions"],
            n_outcomes=counts["joined"],
            metric=HEADLINE,
            online=headline.online.value,
            gap=headline.gap,
            lower=headline.lower,
            upper=headline.upper,
            log_evidence=headline.log_evidence,
            cause=verdict.cause,
        )
        if self._timeline and self._timeline[-1] == point:
            return
        self._timeline.append(point)
        if len(self._timeline) > TIMELINE_POINTS:
            del self._timeline[1::2]


def _since_reference(baseline: Baseline, live: PaneSeries) -> PaneSeries:
    """Without the panes that a promoted baseline was made of, and those before: they are no test of it."""
    promoted = baseline.meta.provenance
    return live if promoted is None else live.between(promoted.until_us, _END_OF_TIME)


def model_counts(live: PaneSeries, tally: Tally, key: Key) -> dict[str, int]:
    """The report's ``counts``: what was read, joined, refused, and what became of the rest."""
    named = of_model(tally.models, key)
    outcome_results = (results.JOINED, results.CORRECTED, results.DUPLICATE, results.LATE)
    return {
        "predictions": sum(pane.n_predictions for _, pane in live.panes),
        "joined": sum(pane.n_outcomes for _, pane in live.panes),
        "outcomes": sum(named.get(f"outcome_{name}", 0) for name in outcome_results),
        "matured": named.get(results.MATURED, 0),
        "unjoined": named.get(results.UNJOINED, 0),
        "assumed_negative": named.get(results.ASSUMED_NEGATIVE, 0),
        "duplicates": named.get("prediction_duplicate", 0),
        "duplicate_outcomes": named.get("outcome_duplicate", 0),
        "corrected": named.get("outcome_corrected", 0),
        "late_outcomes": named.get("outcome_late", 0),
        "expired_predictions": named.get("prediction_expired", 0),
        "waiting_outcomes": tally.n_waiting,
        "backfills": named.get("backfill_joined", 0),
        "duplicate_backfills": named.get("backfill_duplicate", 0),
        "orphaned_backfills": tally.events["backfill", results.ORPHANED],
        "waiting_backfills": tally.n_backfills_waiting,
        "unused_feature_times": sum(int(pane["unused_times"].sum()) for _, pane in live.panes),
        "dead_letters": sum(tally.dead_letters.values()),
    }


def reference(baseline: Baseline) -> BaselineReference:
    """Name the baseline in a report."""
    meta = baseline.meta
    split = meta.manifest.get("split") or {}
    return BaselineReference(
        digest=baseline.digest,
        created_at=meta.created_at,
        n_rows=meta.n_rows,
        split_protocol=str(split["protocol"]) if "protocol" in split else None,
    )
