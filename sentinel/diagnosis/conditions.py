"""Which alerts the present state asks for, before any memory of earlier looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sentinel.diagnosis.evidence import find_suspects, is_mix
from sentinel.diagnosis.own_metrics import describe_gap, raised
from sentinel.diagnosis.proofs import depends_on_outcome, is_written_after
from sentinel.diagnosis.report import WORTH_NAMING, Cause, Severity, Verdict, likeliest_others
from sentinel.diagnosis.signatures.scores import describe_stuck
from sentinel.diagnosis.signatures.served_values import describe
from sentinel.diagnosis.verdict import leakage_probability
from sentinel.evaluation.drift import LARGE
from sentinel.evaluation.findings import Evaluation, FeatureFinding, Finding

PAGE_PROBABILITY: Final = 0.8
"""Of the leakage family: at this and above verdicts were right 20 to 25 times of 20 to 25."""
WARN_PROBABILITY: Final = 0.5
DAY: Final = 86_400.0
"""Seconds."""
WEEK: Final = 7 * DAY
"""Of prediction time, before which no gap pages by its size alone: traffic has a weekly cycle, and an offline estimate
is a mean over it. A model that tells the weekend from the week looks broken on its first weekdays."""
PATIENCE: Final = 3
"""Evaluations in a row that a verdict, a slice or a fault must last to be raised."""
AT_ONCE: Final = 1
"""For evidence that already holds at every look."""
MOST_SLICE_ALERTS: Final = 20
"""More slices than this at once are one problem, not twenty."""
IN_A_SLICE: Final = "it could be a leak that only this slice has, or a change that only this slice saw"
MOST_NAMED: Final = 3
"""Features named in one summary."""
MOST_RIVALS: Final = 2
"""Other causes named in one summary."""
FEWEST_UNJOINED: Final = 100
"""Predictions without outcome, past the horizon, before silence is a fault."""
FEWEST_PREDICTIONS: Final = 500
"""Predictions before a share of missing values is taken at its word."""


Needs = Literal["outcomes", "predictions"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A state that deserves an alert once it has lasted ``patience`` evaluations, each with more of what it needs.

    What has fired with the severity ``keeps`` already is not lowered by it.
    """

    name: str
    severity: Severity
    summary: str
    metric: str | None = None
    slice: str = "all"
    cause: Cause | None = None
    patience: int = PATIENCE
    needs: Needs = "outcomes"
    keeps: Severity = "info"


def conditions(evaluation: Evaluation, verdict: Verdict, counts: Mapping[str, int]) -> tuple[Condition, ...]:
    """Every condition that holds now.

    Parameters
    ----------
    evaluation : Evaluation
    verdict : Verdict
        Of that evaluation.
    counts : mapping of str to int
        ``predictions``, ``joined``, ``unjoined`` and ``waiting_outcomes`` are read.

    Returns
    -------
    tuple of Condition
        At most one for each name, metric and slice.
    """
    headline = evaluation.headline("auc")
    gap = tuple(_gap(headline, evaluation, verdict))
    return (
        *_leakage(headline, evaluation, verdict),
        *gap,
        *_own(evaluation, verdict),
        *(() if gap else _slices(evaluation)),
        *_changed(headline, evaluation),
        *_future(evaluation),
        *_skew(headline, verdict),
        *_drift(evaluation),
        *_data_quality(evaluation, counts),
        *_outcomes_missing(counts),
        *_insufficient(headline, evaluation, verdict),
    )


def rivals(verdict: Verdict) -> str:
    """What else it could be, the two likeliest of those worth naming."""
    others = likeliest_others(verdict, MOST_RIVALS)
    if not others:
        return f"no other cause is as likely as {WORTH_NAMING:.0%}"
    return "could also be " + " or ".join(f"{cause} ({p:.0%})" for cause, p in others)


def _leakage(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    """Suspicion warns; it pages where the gap is also proven at launch: drifts open a gap as wide, only later.

    A page stays one while leakage is likelier than not, so that a probability about .8 is not told again and again.
    """
    probability = leakage_probability(verdict)
    if headline is None or probability < WARN_PROBABILITY:
        return
    culprit = f", first suspect {verdict.culprits[0].name!r}" if verdict.culprits else ""
    grave = probability >= PAGE_PROBABILITY and evaluation.since_launch
    yield Condition(
        name="SentinelLeakageSuspected",
        severity=_severity(evaluation, verdict, grave=grave),
        keeps="critical" if evaluation.since_launch else "info",
        metric="auc",
        cause=verdict.cause,
        summary=f"leakage in the offline estimate ({probability:.0%}), likeliest {verdict.cause.value}{culprit}: "
        f"{describe_gap(headline)}; {rivals(verdict)}{_too_early(evaluation, verdict, grave=grave)}",
    )


def _severity(evaluation: Evaluation, verdict: Verdict, *, grave: bool) -> Severity:
    return "critical" if grave and not _too_early(evaluation, verdict, grave=grave) else "warning"


def _too_early(evaluation: Evaluation, verdict: Verdict, *, grave: bool) -> str:
    """Why what would be a page is none yet, empty if it is one: whole weeks or a proof speak for it."""
    if not grave or evaluation.covered_seconds >= WEEK or any(cause.family == "leakage" for cause in verdict.proven):
        return ""
    return (
        f"; the outcomes are of {evaluation.covered_seconds / DAY:.1f} days of predictions, and a page takes a whole "
        "week: a gap of weekdays or weekends alone closes with it"
    )


def _gap(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    if headline is None or not headline.alarm:
        return
    at_launch = evaluation.since_launch
    grave = at_launch and not is_mix(evaluation)
    yield Condition(
        name="SentinelOfflineOnlineGap",
        severity=_severity(evaluation, verdict, grave=grave),
        metric="auc",
        cause=verdict.cause,
        summary=f"{describe_gap(headline)}, {'from launch on' if at_launch else 'not proven at launch'}; "
        f"likeliest {verdict.cause.value} ({verdict.confidence:.0%}), {rivals(verdict)}"
        f"{_too_early(evaluation, verdict, grave=grave)}",
        patience=AT_ONCE,
    )


def _own(evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    """The task's own metrics: near the top they move long before its question of yes or no does."""
    for finding in raised(evaluation):
        yield Condition(
            name="SentinelOfflineOnlineGap",
            severity="warning",
            metric=finding.metric,
            cause=verdict.cause,
            summary=f"{describe_gap(finding)}; likeliest {verdict.cause.value} ({verdict.confidence:.0%}), "
            f"{rivals(verdict)}",
            patience=AT_ONCE,
        )


def _slices(evaluation: Evaluation) -> Iterator[Condition]:
    """Slices of their own: where all traffic has a gap, its slices have it too and need no alert each."""
    named = [f for f in evaluation.findings if f.slice != "all" and not f.discovered]
    flagged = [f for f in named if f.metric == "auc" and f.alarm]
    flagged.sort(key=lambda finding: finding.log_evidence or 0.0, reverse=True)
    for found in (f for f in evaluation.findings if f.discovered and f.alarm):
        yield Condition(
            name="SentinelSliceGap",
            severity="info",
            metric=found.metric,
            slice=found.slice,
            summary=f"{describe_gap(found)}, and by more than elsewhere; the slice was found, not configured; "
            f"{IN_A_SLICE}",
        )
    among = f"; one of {len(flagged)} slices raised" if len(flagged) > 1 else ""
    for finding in flagged[:MOST_SLICE_ALERTS]:
        yield Condition(
            name="SentinelSliceGap",
            severity="warning",
            metric="auc",
            slice=finding.slice,
            summary=f"{describe_gap(finding)}{among}; {IN_A_SLICE}; false alarms are at most alerts.slice_fdr of the "
            "slices raised",
        )


def _skew(headline: Finding | None, verdict: Verdict) -> Iterator[Condition]:
    probability = verdict.probabilities[Cause.TRAIN_SERVE_SKEW.value]
    if probability < WARN_PROBABILITY or headline is None:
        return
    yield Condition(
        name="SentinelTrainServeSkew",
        severity="warning",
        metric="auc",
        cause=Cause.TRAIN_SERVE_SKEW,
        summary=f"features are served otherwise than they were trained ({probability:.0%}): {describe_gap(headline)}; "
        f"{rivals(verdict)}",
    )


def _changed(headline: Finding | None, evaluation: Evaluation) -> Iterator[Condition]:
    """Worse than it was after launch: by ranking, or only by the mean loss, which a moving base rate moves too."""
    change = evaluation.change
    if headline is None or change is None or not (change.alarm or change.loss_alarm):
        return
    when = "" if change.onset is None else f", likeliest since {change.onset}"
    between = "" if change.onset_lower is None else f" (between {change.onset_lower} and {change.onset_upper})"
    by = f" by {change.drop:.3f} AUC" if change.drop is not None and change.drop > 0.0 else ""
    what = f"ranking has become worse{by}" if change.alarm else "the mean loss has become worse, ranking has not"
    yield Condition(
        name="SentinelPerformanceChanged",
        severity="warning" if change.alarm else "info",
        metric=headline.metric,
        summary=f"{what} since launch{when}{between}: {describe_gap(headline)}; a leak would show from launch on",
        patience=AT_ONCE,
    )


def _future(evaluation: Evaluation) -> Iterator[Condition]:
    """A feature that knows what comes after the prediction: by its offline times, its backfill, or as declared."""
    proven = [(f, words) for f in evaluation.features for words in _knew(f)]
    stated = [(f, words) for f in evaluation.features for words in _suspicious(f)]
    if not (proven or stated):
        return
    told = "; ".join(f"feature {f.name!r} {words}" for f, words in (proven or stated)[:MOST_NAMED])
    yield Condition(
        name="SentinelFutureFeature",
        severity="critical" if proven else "warning",
        summary=f"{told}; it could also be a wrong clock, or times that say when a value was copied",
        needs="predictions",
    )


def _knew(feature: FeatureFinding) -> Iterator[str]:
    ages, backfill = feature.ages, feature.backfill
    if ages is not None and is_written_after(ages.offline_n, ages.offline_after_prediction_ratio):
        yield f"was written after the prediction in {ages.offline_after_prediction_ratio:.0%} of offline rows"
    if backfill is not None and depends_on_outcome(backfill):
        yield f"differs when recomputed in {backfill.mismatch_ratio:.0%}, and what it gained depends on the outcome"


def _suspicious(feature: FeatureFinding) -> Iterator[str]:
    ages = feature.ages
    if feature.available in ("after_prediction", "after_outcome"):
        yield f"is declared to be available {feature.available.replace('_', ' ')}"
    if ages is not None and is_written_after(ages.n, ages.after_prediction_ratio):
        yield f"is served with times after the prediction in {ages.after_prediction_ratio:.0%}"


def _drift(evaluation: Evaluation) -> Iterator[Condition]:
    """What moved most; the scores matter more than any feature, since the decisions hang on them."""
    score = evaluation.score_drift
    moved = [(f.drift.excess_psi or 0.0, f.name) for f in evaluation.features if f.drift is not None and f.drift.alarm]
    moved = sorted((pair for pair in moved if pair[0] >= LARGE), reverse=True)
    score_moved = score is not None and score.alarm and (score.excess_psi or 0.0) >= LARGE
    if not (moved or score_moved):
        return
    named = ", ".join(f"{name!r} ({index:.2f})" for index, name in moved[:MOST_NAMED])
    rest = f" and {len(moved) - MOST_NAMED} more" if len(moved) > MOST_NAMED else ""
    told = [f"the scores ({score.excess_psi:.2f})"] if score_moved and score is not None else []
    told += [f"features {named}{rest}"] if named else []
    yield Condition(
        name="SentinelDrift",
        severity="warning" if score_moved else "info",
        summary=f"moved from what offline validation saw, by stability index: {'; '.join(told)}; "
        "alone it costs nothing; it could be a fault in the data, or the season",
        needs="predictions",
    )


def _data_quality(evaluation: Evaluation, counts: Mapping[str, int]) -> Iterator[Condition]:
    if counts.get("predictions", 0) < FEWEST_PREDICTIONS:
        return
    suspects = find_suspects(evaluation.features)
    # In its first days every feature that moves by the month is constant.
    may_be_constant = evaluation.launch.complete
    lost = [s for s in suspects if may_be_constant and s.collapsed and (s.constant or s.fault is not None)]
    struck = [s for s in suspects if s.missing_rose or s in lost]
    stuck = evaluation.stuck_score
    if stuck is not None and not struck:
        yield Condition(
            name="SentinelDataQuality",
            severity="warning",
            summary=f"{describe_stuck(stuck)}; it could be a default that is served where the model fails, or a part "
            "of the traffic whose inputs are all alike",
            needs="predictions",
        )
    if not struck:
        return
    others = f", and {len(struck) - 1} more" if len(struck) > 1 else ""
    yield Condition(
        name="SentinelDataQuality",
        severity="warning",
        summary=f"{describe(struck[0])}{others}; it could be a fault on the way to the model, or a value that is not "
        "known yet when the model is asked",
        needs="predictions",
    )


def _outcomes_missing(counts: Mapping[str, int]) -> Iterator[Condition]:
    unjoined, waiting = counts.get("unjoined", 0), counts.get("waiting_outcomes", 0)
    if counts.get("joined", 0) or unjoined < FEWEST_UNJOINED:
        return
    hint = "what reports them may be late, broken, or keyed by other ids"
    if waiting:
        hint = f"{waiting} outcomes wait for predictions that never came: do the ids agree?"
    yield Condition(
        name="SentinelOutcomesMissing",
        severity="warning",
        summary=f"{unjoined} predictions have passed their outcome horizon and not one has an outcome; {hint}",
        needs="predictions",
    )


def _insufficient(headline: Finding | None, evaluation: Evaluation, verdict: Verdict) -> Iterator[Condition]:
    """Only what more live data cannot mend: waiting for outcomes is no news."""
    if verdict.cause is not Cause.INSUFFICIENT_EVIDENCE or evaluation.later_gap is None or headline is None:
        return
    if raised(evaluation):  # a gap is shown, only not by ranking, so its cause cannot be told
        return
    missing = "; ".join(verdict.missing_evidence)
    yield Condition(
        name="SentinelInsufficientEvidence",
        severity="info",
        metric="auc",
        cause=Cause.INSUFFICIENT_EVIDENCE,
        summary=f"neither a gap nor its absence can be shown on {headline.online.n} outcomes; wanted: {missing}",
    )
