"""What the scores rest on: one feature above all, or groups of rows that one feature decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.rescoring import UPPER_BOUND
from sentinel.audit.features.attributions import Attributions, attributions_of
from sentinel.audit.features.clusters import Group, group_alike, shares_of
from sentinel.audit.findings import CheckResult, Finding, Inflation, Plot, RowPair, Series, Severity, found, not_checked
from sentinel.events.batch import F64, I64
from sentinel.stats.auc import auc_values
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval

NAME: Final = "explanations"
TITLE: Final = "what the scores rest on, in a few groups of rows"
RESTS_ON: Final = 0.9
"""Share of one feature in all contributions to a score, from which the score is that feature."""
HITS: Final = 0.98
"""AUC among the rows that one feature decides, that honest ones do not reach: of a feature of AUC .92 these, being the
clear ones, have .95."""
PURE: Final = 0.95
"""Where nearly all of these rows have one outcome its rate (lower end of its interval), as of a mark that only one
outcome bears,"""
COMMON: Final = 0.6
"""unless that outcome is commoner than this among all rows."""
LEAST_ROWS: Final = 50
"""That one feature decides, to be judged at all;"""
LEAST_OUTCOMES: Final = 30
"""and outcomes of either class, for an AUC among them: it is then known to about .07."""
CARRIED: Final = 0.5
"""Share of what the metric is above chance that is lost with one feature,"""
SECOND: Final = 1.0 / 3.0
"""if no other feature costs more than this part of it."""
HIGH: Final = 0.9
"""AUC from which one feature that carries it is suspicious; below it may be merely the best there is."""
_SHOWN: Final = 10
_MEND: Final = (
    "Look at the rows named, and ask of the feature when its value comes to be known, and whether it marks the outcome "
    "rather than its cause; if it does, leave it out, fit again and estimate again."
)
_NO_INFLATION: Final = "a group of explanations is a place to look, not a gain"


def start(context: Context) -> Check | CheckResult:
    """Needs contributions of features, or the model; the validation sample is enough."""
    needs = "audit.attributions, or --score-with"
    if not len(context.validation):
        return not_checked(NAME, "there are no validation rows", needs)
    given = attributions_of(context)
    if isinstance(given, NotEnough):
        return not_checked(NAME, given.reason, needs)
    try:
        shares = shares_of(given.values)
        groups = group_alike(shares, context.generator(NAME))
    except ImportError:
        return not_checked(NAME, "scikit-learn is not installed", "pip install 'sentinel-leakage[audit]'")
    told = [_told(context, given, group) for group in groups]
    findings = [*_carried(context, given), *_suspicious(context, given, shares, told), _overview(context, given, told)]
    return found(NAME, findings, f"{given.how}; {len(groups)} groups of rows that are explained alike")


@dataclass(frozen=True, slots=True)
class _Told:
    """A group, in words and figures."""

    group: Group
    share: float
    words: str


def _told(context: Context, given: Attributions, group: Group) -> _Told:
    at = given.places[group.places]
    outcomes = context.validation.outcomes[at]
    known = np.isfinite(outcomes)
    share = len(group.places) / len(given.places)
    led = ", ".join(f"{given.names[j]} {part:.0%}" for j, part in group.leading if part > 0.0) or "nothing"
    words = f"{share:.1%} of rows rest on {led}"
    if context.model.task == "binary" and known.any():
        area = _auc(_scores(context, given, group.places)[known], outcomes[known])
        words += f"; {outcomes[known].mean():.1%} positive" + ("" if area is None else f", AUC within {area:.3f}")
    return _Told(group, share, words)


def _scores(context: Context, given: Attributions, rows: I64) -> F64:
    if context.validation.scores is not None and context.validation.scores.ndim == 1:
        return context.validation.scores[given.places[rows]]
    values = given.values[rows]
    return np.asarray(np.where(np.isfinite(values), values, 0.0).sum(axis=1))


def _auc(scores: F64, outcomes: F64) -> float | None:
    scores, outcomes = scores[np.isfinite(scores)], outcomes[np.isfinite(scores)]
    n_positive = int(outcomes.sum())
    if min(n_positive, len(outcomes) - n_positive) < LEAST_OUTCOMES:
        return None
    at: I64 = np.unique(scores, return_inverse=True)[1]
    n, positive = np.bincount(at), np.bincount(at, outcomes)
    return float(auc_values(positive, n - positive))


def _pure_rate(outcomes: F64, every: F64) -> float | None:
    """Rate of the one outcome that nearly all have; None if it is common, or they are too few."""
    rate = float(outcomes.mean())
    base = float(every[np.isfinite(every)].mean())
    if (base if rate >= 0.5 else 1.0 - base) > COMMON or len(outcomes) < LEAST_ROWS:
        return None
    reached = max(rate, 1.0 - rate)
    return reached if wilson_interval(reached * len(outcomes), len(outcomes)).lower >= PURE else None


def _carried(context: Context, given: Attributions) -> Iterator[Finding]:
    """One feature that most of the metric is lost without."""
    losses: Mapping[str, Inflation] = given.losses
    if not losses:
        return
    ranked = sorted(losses, key=lambda name: -losses[name].gain.value)
    first = losses[ranked[0]]
    above = _above_chance(context, first)
    second = losses[ranked[1]].gain.value if len(ranked) > 1 else 0.0
    if above <= 0.0 or first.gain.lower < CARRIED * above or second > SECOND * first.gain.value:
        return
    severity: Severity = "warning" if first.metric != "auc" or first.stated >= HIGH else "info"
    part = min(first.gain.value / above, 1.0)
    told = f" {UPPER_BOUND}" if severity == "warning" else ""
    yield Finding(
        check=NAME,
        cause="target_leakage",
        severity=severity,
        title=f"{ranked[0]} carries {part:.0%} of what the score tells",
        detail=(
            f"Without it the {first.metric} goes from {first.stated:.3f} to {first.repaired:.3f}, {part:.0%} of what "
            f"is above chance; without any other feature it loses at most {max(second, 0.0):.3f} ({given.how}).{told}"
        ),
        mend=_MEND,
        columns=(ranked[0],),
        inflation=first,
        plots=(_importance(ranked, losses),),
    )


def _above_chance(context: Context, first: Inflation) -> float:
    if first.metric == "auc":
        return first.stated - 0.5
    outcomes = context.validation.outcomes[np.isfinite(context.validation.outcomes)]
    if first.metric == "rmse":
        return float(outcomes.std()) - first.stated
    return first.stated - float(np.bincount(outcomes.astype(np.int64)).max()) / len(outcomes)


def _importance(ranked: list[str], losses: Mapping[str, Inflation]) -> Plot:
    shown = [losses[name].gain for name in ranked[:_SHOWN]]
    metric = losses[ranked[0]].metric
    return Plot(
        kind="bars",
        title="What the metric loses without each feature",
        x_label="feature",
        y_label=f"loss of {metric}",
        x=tuple(ranked[:_SHOWN]),
        series=(
            Series(
                name="loss",
                y=tuple(one.value for one in shown),
                lower=tuple(one.lower for one in shown),
                upper=tuple(one.upper for one in shown),
            ),
        ),
    )


def _suspicious(context: Context, given: Attributions, shares: F64, told: list[_Told]) -> Iterator[Finding]:
    """Features that decide scores alone, and are right."""
    if context.model.task != "binary":
        return
    decides = np.abs(shares) > RESTS_ON
    outcomes = context.validation.outcomes[given.places]
    for j, name in enumerate(given.names):
        at = np.flatnonzero(decides[:, j] & np.isfinite(outcomes))
        if len(at) < LEAST_ROWS:
            continue
        area = _auc(_scores(context, given, at), outcomes[at])
        rate = _pure_rate(outcomes[at], context.validation.outcomes) if area is None else None
        if rate is None and (area is None or area < HITS):
            continue
        right = (
            f"{rate:.1%} of them have one outcome" if area is None else f"their scores rank them with AUC {area:.3f}"
        )
        exemplars = [
            pair for one in told if one.group.leading[0][0] == j for pair in _exemplars(context, given, one, name)
        ]
        yield Finding(
            check=NAME,
            cause="target_leakage",
            severity="warning",
            title=f"{name} alone decides {len(at) / len(shares):.1%} of the scores, and is right",
            detail=f"In {len(at):,} validation rows {name} is more than {RESTS_ON:.0%} of all contributions to the "
            f"score, and {right}. Scores that are one feature and hardly ever wrong may rest on a mark of the outcome.",
            mend=_MEND,
            columns=(name,),
            no_inflation=_NO_INFLATION,
            rows=tuple(exemplars),
            n_rows=len(at),
        )


def _overview(context: Context, given: Attributions, told: list[_Told]) -> Finding:
    words = "; ".join(f"({at}) {one.words}" for at, one in enumerate(told, 1))
    rows = [pair for at, one in enumerate(told, 1) for pair in _exemplars(context, given, one, f"group {at}")]
    return Finding(
        check=NAME,
        cause="target_leakage",
        severity="info",
        title=f"{len(told)} groups of explanations to look at" if len(told) > 1 else "all scores are explained alike",
        detail=f"By what features contribute to their scores: {words}.",
        mend="Look at the rows named, a few of each group: would you decide by these features?",
        columns=tuple(dict.fromkeys(given.names[one.group.leading[0][0]] for one in told)),
        no_inflation=_NO_INFLATION,
        rows=tuple(rows),
        n_rows=len(given.places),
        plots=(
            Plot(
                kind="bars",
                title="Rows by group of explanations",
                x_label="group, by the feature it rests on most",
                y_label="share of rows",
                x=tuple(f"{at}: {given.names[one.group.leading[0][0]]}" for at, one in enumerate(told, 1)),
                series=(Series(name="share", y=tuple(one.share for one in told)),),
            ),
        ),
    )


def _exemplars(context: Context, given: Attributions, one: _Told, note: str) -> tuple[RowPair, ...]:
    numbers = context.validation.numbers[given.places[list(one.group.exemplars)]]
    return tuple(RowPair(validation=int(number), similarity=0.0, note=note) for number in numbers)
