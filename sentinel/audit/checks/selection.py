"""The best of several models, judged on the rows that it was chosen by: how much of its lead is chance."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from scipy import stats

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import WORTHWHILE_GAIN
from sentinel.audit.estimates.inflation import N_BUCKETS, InflationTally, scoring
from sentinel.audit.files.candidates import Candidates, candidates_of
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import (
    CheckResult,
    Finding,
    Inflation,
    Interval,
    Plot,
    Series,
    Severity,
    found,
    not_checked,
)
from sentinel.stats.estimate import NotEnough
from sentinel.stats.selection import Optimism, optimism_of_many, winners_optimism

NAME: Final = "selection"
TITLE: Final = "the best of many models, judged on the rows that chose it"
BEYOND: Final = 1.96
"""Standard errors of optimism from which the interval of the estimate no longer holds the truth: critical."""
_SAME_METRIC: Final = 4.0
"""Standard errors by which the best stated score may be off the metric of the rows and still be of the same metric:
models are compared on slightly other rows, or rounded, but not further off."""
_MEND: Final = (
    "Choose by cross-validation within the training rows, and judge the chosen one once, on rows that chose nothing; "
    "until then, report the estimate less the optimism."
)


def start(context: Context) -> Check | CheckResult:
    """Needs the number of candidates, or their scores, and scores of the validation rows."""
    candidates = candidates_of(context.manifest)
    if candidates is None:
        needs = "--manifest with candidates: how many models were compared on these rows, or the score of each"
        return not_checked(NAME, "it is not stated how many models were compared on the validation rows", needs)
    how = scoring(context)
    if isinstance(how, NotEnough):
        return not_checked(NAME, how.reason, "the score of each validation row, and its outcome")
    return _Selection(candidates, InflationTally(how))


class _Selection:
    """Reckons the estimate and its error from the validation rows."""

    def __init__(self, candidates: Candidates, tally: InflationTally) -> None:
        self._candidates = candidates
        self._tally = tally
        self._n = 0

    def train(self, rows: AuditRows) -> None:
        """Training rows say nothing here."""

    def add_train(self, other: Self) -> None:
        """Training rows say nothing here."""

    def validation(self, rows: AuditRows) -> None:
        """Count validation rows."""
        self._n += int(np.isfinite(rows.outcomes).sum())
        self._tally.add(rows, np.zeros(len(rows), np.bool_))

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n += other._n
        self._tally.merge(other._tally)

    def result(self) -> CheckResult:
        """Compare what the best owes to chance with the error of the estimate."""
        stated, n = self._tally.stated(), self._candidates.n
        if isinstance(stated, NotEnough):
            return not_checked(NAME, stated.reason, "more validation rows with an outcome")
        if n == 1:
            return found(NAME, (), "one model was judged on these rows, so none was chosen by them")
        error = (stated.upper - stated.value) / float(stats.t.ppf(0.975, N_BUCKETS - 1))
        optimism, how = self._optimism(stated.value, error)
        metric = self._tally.metric
        detail = (
            f"the best of {n:,} models looks better by {optimism.value:.4f} {metric} by chance, {how}; the standard "
            f"error of the estimate is {error:.4f}"
        )
        return found(NAME, (self._finding(stated, error, optimism, detail),), detail)

    def _optimism(self, value: float, error: float) -> tuple[Optimism, str]:
        """From the scores where they are of this metric; else from how many there are."""
        n, scores, rho = self._candidates.n, self._candidates.scores, self._candidates.correlation
        sign = -1.0 if self._tally.metric == "rmse" else 1.0
        turned = [sign * score for score in scores]
        if not turned:
            return optimism_of_many(n, error, rho), f"errors correlating by {rho:g}"
        if abs(max(turned) - sign * value) > _SAME_METRIC * error:
            how = f"errors correlating by {rho:g}; their scores are not of this metric of these rows, and were not used"
            return optimism_of_many(n, error, rho), how
        return winners_optimism(
            turned, error, rho
        ), f"told from the spread of their scores, errors correlating by {rho:g}"

    def _finding(self, stated: Interval, error: float, optimism: Optimism, detail: str) -> Finding:
        metric, n = self._tally.metric, self._candidates.n
        sign = -1.0 if metric == "rmse" else 1.0
        repaired = stated.value - sign * optimism.value
        gain = Interval(value=optimism.value, lower=optimism.lower, upper=optimism.upper)
        spread = stated.upper - stated.value
        return Finding(
            check=NAME,
            cause="selection_optimism",
            severity=_severity(optimism.value, error, stated.value if metric == "rmse" else 1.0),
            title=f"the model is the best of {n:,} that were compared on the validation rows",
            detail=(
                f"{detail[0].upper()}{detail[1:]}. Without it the {metric} is {repaired:.4f} "
                f"[{repaired - spread:.4f}, {repaired + spread:.4f}] and not {stated.value:.4f}. Judged on rows that "
                "chose nothing, the optimism would be 0."
            ),
            mend=_MEND,
            inflation=Inflation(metric=metric, stated=stated.value, repaired=repaired, gain=gain, n=self._n),
            plots=(self._plot(error),),
        )

    def _plot(self, error: float) -> Plot:
        most = max(self._candidates.n, 2)
        steps = np.unique(np.geomspace(1, most, 20).round().astype(np.int64)).tolist()
        known = [optimism_of_many(k, error, self._candidates.correlation) for k in steps]
        return Plot(
            kind="line",
            title="What choosing the best gains by chance",
            x_label="models compared",
            y_label=f"optimism, {self._tally.metric}",
            x=tuple(float(k) for k in steps),
            series=(
                Series(
                    name="equally good models",
                    y=tuple(one.value for one in known),
                    lower=tuple(one.lower for one in known),
                    upper=tuple(one.upper for one in known),
                ),
            ),
        )


def _severity(optimism: float, error: float, unit: float) -> Severity:
    """By its size against the standard error, and against what matters at all."""
    if optimism < WORTHWHILE_GAIN * unit or optimism < error / 2.0:
        return "info"
    return "critical" if optimism > BEYOND * error else "warning"
