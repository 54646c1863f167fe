"""The scoreboard: verdicts on streams whose truth is known, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.alerts import Alerts
from sentinel.config.times import parse_time_us
from sentinel.diagnosis.report import Cause, Verdict
from sentinel.diagnosis.scorecard import Scorecard
from sentinel.diagnosis.verdict import diagnose, leakage_probability
from sentinel.simulation.runner import Look, OfflineMeta, Planted, Watched
from sentinel.simulation.training import truth_at
from sentinel.stats.intervals import wilson_interval

CONFIDENT: Final = 0.8
N_BINS: Final = 10
"""Of confidence, for the calibration error."""
WORTH_KNOWING: Final = Alerts().tau + Alerts().tolerance
"""AUC; a verdict of none promises to exclude a larger gap, not a smaller one."""
_DAY_US: Final = 86_400 * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict and its truth."""

    planted: Planted
    look: Look
    truth: Cause
    verdict: Verdict

    @property
    def decided(self) -> bool:
        """Whether the verdict names anything, be it nothing."""
        return self.verdict.cause is not Cause.INSUFFICIENT_EVIDENCE

    @property
    def right(self) -> bool:
        """Whether the cause is the planted one; of a pair, either will do."""
        return self.verdict.cause.value in self.accepted

    @property
    def right_family(self) -> bool:
        """Whether its family is."""
        return self.verdict.family in {Cause(cause).family for cause in self.accepted}

    @property
    def right_in_three(self) -> bool:
        """Whether the truth is among the three likeliest."""
        ranked = sorted(self.verdict.probabilities, key=lambda c: self.verdict.probabilities[c], reverse=True)
        return bool(self.accepted & set(ranked[:3]))

    @property
    def accepted(self) -> frozenset[str]:
        """The causes that are true of this stream: where its gap is not worth knowing, also that there is none."""
        found = {self.truth.value}
        if self.planted.second:
            found.add(self.planted.second)
        if self.planted.gap <= WORTH_KNOWING:
            found.add(Cause.NONE.value)
        return frozenset(found)


def judge(watched: Iterable[Watched], scorecard: Scorecard | None = None) -> list[Judged]:
    """The verdict at every look of every stream."""
    judged = []
    for stream in watched:
        for look in stream.looks:
            counts = {"predictions": look.n_predictions, "joined": look.n_outcomes}
            verdict = diagnose(look.evaluation, OfflineMeta(stream.meta), counts, Alerts(), scorecard)  # type: ignore[arg-type]
            judged.append(Judged(stream.planted, look, truth_at(stream.planted, look), verdict))
    return judged


@dataclass(frozen=True, slots=True)
class Quality:
    """How good some verdicts are; shares of their number."""

    n: int
    top_1: float
    top_3: float
    family: float
    calibration_error: float
    log_loss: float
    confident: float
    confident_right: float | None


def quality(judged: Sequence[Judged]) -> Quality:
    """Count.

    Parameters
    ----------
    judged : sequence of Judged, not empty
    """
    right = np.array([one.right for one in judged], np.float64)
    confidence = np.array([one.verdict.confidence for one in judged])
    sure = confidence >= CONFIDENT
    own = [sum(one.verdict.probabilities[c] for c in one.accepted) for one in judged]
    return Quality(
        n=len(judged),
        top_1=float(right.mean()),
        top_3=float(np.mean([one.right_in_three for one in judged])),
        family=float(np.mean([one.right_family for one in judged])),
        calibration_error=expected_calibration_error(confidence, right),
        log_loss=float(-np.mean(np.log(np.clip(own, 1e-6, 1.0)))),
        confident=float(sure.mean()),
        confident_right=float(right[sure].mean()) if sure.any() else None,
    )


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, n_bins: int = N_BINS) -> float:
    """Mean distance of confidence and share right, over bins of equal width, by their number of verdicts.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0.9, 0.9]), np.array([1.0, 0.0])), 6)
    0.4
    """
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    total = 0.0
    for b in range(n_bins):
        inside = bins == b
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - right[inside].mean())
    return float(total / len(confidence))


def lines(watched: Sequence[Watched], scorecard: Scorecard | None = None) -> Iterator[str]:
    """The whole scoreboard in words.

    Scored are the looks at which a verdict other than insufficient evidence is given, the last look of each stream
    first and then all; for the others a line says how many there are and what was planted.

    Parameters
    ----------
    watched : sequence of Watched
    scorecard : Scorecard, optional
        The shipped one by default.
    """
    judged = judge(watched, scorecard)
    last = [one for one in judged if one.look.fraction >= 1.0]
    yield f"{len(watched)} streams, {len(judged)} looks"
    yield from _quality_lines("at the end of the stream", last)
    yield from _quality_lines("at every look", judged)
    yield from _quality_lines("at the end, where the gap alarm stands", [j for j in last if _stands(j)])
    yield from _undecided(last)
    yield from _accepted()
    yield from _confusion([one for one in last if one.decided])
    yield from _detection(watched)
    yield from _alarms(watched, judged)
    yield from _onsets(last)
    yield from _explained(last)


def _stands(one: Judged) -> bool:
    finding = one.look.evaluation.headline("auc")
    return finding is not None and finding.alarm


def _quality_lines(title: str, judged: Sequence[Judged]) -> Iterator[str]:
    decided = [one for one in judged if one.decided]
    yield ""
    yield f"Verdicts {title}: {len(decided)} of {len(judged)} decided"
    if not decided:
        return
    q = quality(decided)
    yield f"  top-1 {q.top_1:.3f}   top-3 {q.top_3:.3f}   family {q.family:.3f}"
    yield f"  calibration error {q.calibration_error:.3f}   log loss {q.log_loss:.3f}"
    sure = "none" if q.confident_right is None else f"{q.confident_right:.3f} right on {q.confident:.3f} of them"
    yield f"  confidence >= {CONFIDENT}: {sure}"


def _undecided(judged: Sequence[Judged]) -> Iterator[str]:
    """How many streams end without a verdict, of what, and what gap their offline estimates could ever prove."""
    undecided = [one for one in judged if not one.decided]
    yield ""
    if not undecided:
        yield f"Insufficient evidence at the end: 0 of {len(judged)} streams"
        return
    causes = Counter(one.truth.value for one in undecided)
    gaps = [one.verdict.minimum_detectable_gap.get("auc") for one in undecided]
    known = [gap for gap in gaps if gap is not None]
    median = f"{np.median(known):.3f} AUC" if known else "not known"
    share = len(undecided) / len(judged)
    yield f"Insufficient evidence at the end: {len(undecided)} of {len(judged)} streams ({share:.1%})"
    yield f"  median minimum detectable gap of their offline estimates: {median}"
    yield "  planted: " + ", ".join(f"{cause} {n}" for cause, n in causes.most_common())


def _accepted() -> Iterator[str]:
    yield ""
    yield f"Right is the planted cause, of two either. Where the true gap is at most {WORTH_KNOWING:.2f} AUC,"
    yield "none is right too: it promises to exclude a larger gap. Before the onset of a later cause the truth is none."


def _confusion(judged: Sequence[Judged]) -> Iterator[str]:
    causes = [cause for cause in Cause if any(cause in (one.truth, one.verdict.cause) for one in judged)]
    cells = Counter((one.truth, one.verdict.cause) for one in judged)
    yield ""
    yield "Truth (rows) and verdict (columns) at the end"
    yield f"  {'':<22}" + "".join(f"{cause.value[:9]:>10}" for cause in causes)
    for truth in causes:
        row = "".join(f"{cells[truth, verdict] or '.':>10}" for verdict in causes)
        yield f"  {truth.value:<22}{row}"


def _detection(watched: Sequence[Watched]) -> Iterator[str]:
    """By planted family and severity: the share alarmed by the end, and how many outcomes it took."""
    groups: dict[tuple[str, str], list[Watched]] = defaultdict(list)
    for stream in watched:
        groups[stream.planted.cause, stream.planted.severity].append(stream)
    yield ""
    yield "Gap alarm, by cause and severity: share raised, outcomes (and positives) until then"
    yield f"  {'cause':<22}{'severity':<12}{'n':>5}{'gap':>8}{'raised':>8}{'median':>9}{'p90':>9}{'positives':>11}"
    for (cause, severity), streams in sorted(groups.items()):
        delays = [s.alarmed_at for s in streams if s.alarmed_at is not None]
        positives = [s.alarmed_at_positives or 0 for s in streams if s.alarmed_at is not None]
        gap = float(np.median([s.planted.gap for s in streams]))
        tail = (
            f"{np.median(delays):>9,.0f}{np.quantile(delays, 0.9):>9,.0f}{np.median(positives):>11,.0f}"
            if delays
            else ""
        )
        yield f"  {cause:<22}{severity:<12}{len(streams):>5}{gap:>8.3f}{len(delays) / len(streams):>8.2f}{tail}"


def _alarms(watched: Sequence[Watched], judged: Sequence[Judged]) -> Iterator[str]:
    """False alarms on streams in which nothing is wrong."""
    quiet = [stream for stream in watched if stream.planted.cause == "none"]
    yield ""
    yield "Streams in which nothing is wrong: raised at any step"
    for name, streams in sorted(_by_name(quiet).items()):
        raised = sum(s.alarmed_at is not None for s in streams)
        lower, upper = wilson_interval(raised, len(streams))
        yield f"  {name:<28}{raised:>4} of {len(streams):<5} [{lower:.3f}, {upper:.3f}]"
    blamed = [j for j in judged if j.planted.cause == "none" and leakage_probability(j.verdict) >= CONFIDENT]
    yield f"  looks at them with leakage at {CONFIDENT} or more: {len(blamed)}"


def _by_name(watched: Sequence[Watched]) -> Mapping[str, list[Watched]]:
    groups: dict[str, list[Watched]] = defaultdict(list)
    for stream in watched:
        groups[stream.planted.name].append(stream)
        groups["all"].append(stream)
    return groups


def _onsets(judged: Sequence[Judged]) -> Iterator[str]:
    """How far the stated onset is from the planted one, where a later one is stated."""
    errors = []
    for one in judged:
        change, onset = one.look.evaluation.change, one.planted.onset_us
        if change is None or change.onset is None or onset is None or change.later < 0.5:
            continue
        errors.append(abs(parse_time_us(change.onset) - onset) / _DAY_US)
    yield ""
    if errors:
        yield f"Onset of a later gap: median error {np.median(errors):.2f} days, p90 {np.quantile(errors, 0.9):.2f}"
    else:
        yield "Onset of a later gap: none stated"


def _explained(judged: Sequence[Judged]) -> Iterator[str]:
    """How far the share explained by a repair is from the share that the planted leak really made."""
    errors = []
    for one in judged:
        honest, gap = one.planted.honest_auc, one.planted.gap
        repairs = [c for c in one.look.evaluation.counterfactuals if c.cause == one.planted.cause]
        if honest is None or abs(gap) < 0.02 or not repairs or repairs[0].explained is None:
            continue
        errors.append(abs(repairs[0].explained - (one.planted.offline_auc - honest) / gap))
    if errors:
        yield f"Share explained by the repair: median error {np.median(errors):.2f}, p90 {np.quantile(errors, 0.9):.2f}"
    else:
        yield "Share explained by a repair: none to compare"
