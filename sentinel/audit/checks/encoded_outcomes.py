"""Features that were made from the outcomes they are judged by, as means over categories taken before the split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.rescoring import Rescorer
from sentinel.audit.features.value_counts import ValueCounts, judge_values, may_encode
from sentinel.audit.files.rows import AuditRows, SideName
from sentinel.audit.findings import CheckResult, Finding, Inflation, found, not_checked
from sentinel.events.batch import F64
from sentinel.stats.encoding import ENCODED_P, Closeness
from sentinel.stats.estimate import NotEnough

NAME: Final = "encoded_outcomes"
TITLE: Final = "features made from the outcomes they are judged by"
MOST_FEATURES: Final = 40
"""Followed at once, those first that go with the outcome most: 2 x 230 KB each, and no more than this can be much."""
MOST_ROWS: Final = 20_000
"""That tell which features may be encodings."""
_MEND: Final = (
    "Encode each row without its own outcome and without those of validation rows: by means of earlier rows, or of "
    "training rows out of fold; then fit again and estimate again."
)


def start(context: Context) -> Check | CheckResult:
    """Needs outcomes that are 0 or 1, and a number that goes with them."""
    if context.model.task != "binary":
        return not_checked(NAME, f"the outcomes of a {context.model.task} task are no rates", "a binary task")
    if not np.isfinite(context.validation.outcomes).any():
        return not_checked(NAME, "no outcome of validation rows is known", "rows with outcomes")
    rows = context.validation
    known = np.flatnonzero(np.isfinite(rows.outcomes))
    known = known[:: -(-len(known) // MOST_ROWS)]
    outcomes = rows.outcomes[known]
    asked = {
        name: j
        for j, name in enumerate(context.columns.numeric)
        if name not in context.columns.one_sided and may_encode(rows.numeric[j][known], outcomes)
    }
    strongest = sorted(asked, key=lambda name: -_correlation(rows.numeric[asked[name]][known], outcomes))
    kept = {name: asked[name] for name in sorted(strongest[:MOST_FEATURES])}
    if not kept:
        return found(NAME, (), "no number repeats its values and goes with the outcome")
    return _Encodings(kept, len(asked), Rescorer(context))


class _Encodings:
    """Counts outcomes by value, in memory that does not grow with the rows."""

    def __init__(self, columns: Mapping[str, int], n_asked: int, rescorer: Rescorer) -> None:
        self._columns = dict(columns)
        self._n_asked = n_asked
        self._rescorer = rescorer
        self._values: dict[SideName, dict[str, ValueCounts]] = {
            side: {name: ValueCounts() for name in columns} for side in ("train", "validation")
        }
        self._totals: dict[SideName, tuple[int, int]] = {"train": (0, 0), "validation": (0, 0)}

    def train(self, rows: AuditRows) -> None:
        """Count outcomes by value."""
        self._add(rows)

    def add_train(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._merge(other, "train")

    def validation(self, rows: AuditRows) -> None:
        """Count outcomes by value."""
        self._add(rows)

    def add_validation(self, other: Self) -> None:
        """Take in what another copy counted."""
        self._merge(other, "validation")

    def _add(self, rows: AuditRows) -> None:
        known = np.flatnonzero(np.isfinite(rows.outcomes))
        positive = rows.outcomes[known].astype(np.int64)
        n, n_positive = self._totals[rows.side]
        self._totals[rows.side] = n + len(known), n_positive + int(positive.sum())
        for name, j in self._columns.items():
            counts = self._values[rows.side][name]
            counts.add(rows.numeric[j][known], positive, None, None, judged=rows.side == "validation")

    def _merge(self, other: Self, side: SideName) -> None:
        (n, n_positive), (more, more_positive) = self._totals[side], other._totals[side]
        self._totals[side] = n + more, n_positive + more_positive
        for name, counts in self._values[side].items():
            counts.merge(other._values[side][name])

    def result(self) -> CheckResult:
        """Name the features whose values follow the outcomes closer than chance allows."""
        both = [self._totals["train"], self._totals["validation"]]
        sums = (sum(n for n, _ in both), sum(p for _, p in both)), both[1]
        priors = tuple(positive / n for n, positive in sums if n)
        findings = []
        for name in self._columns:
            counts = ValueCounts()
            counts.merge(self._values["train"][name])
            counts.merge(self._values["validation"][name])
            one = judge_values(*counts.table(), priors)
            if one is not None:
                findings.append(self._finding(name, *one))
        findings.sort(key=lambda one: one.title)
        passed = self._n_asked - len(self._columns)
        left = f"; {passed:,} more were passed over" if passed else ""
        detail = (
            f"{len(self._columns):,} numbers whose values repeat and go with the outcome were followed value by "
            f"value{left}; an honest one is named less than once in {1.0 / ENCODED_P:,.0f}"
        )
        return found(NAME, findings, detail)

    def _finding(self, name: str, one: Closeness, by_ends: bool) -> Finding:
        if by_ends:
            how = (
                "of the rows where it is 0 none is positive, of those where it is 1 all are, and the values between "
                "are true means"
            )
        else:
            how = (
                f"the mean outcomes of rows that share a value lie {1.0 / max(one.dispersion, 0.001):,.0f} times "
                "closer to what the value says than independent outcomes can"
            )
        inflation = self._rescorer.without(name)
        told = f" {self._rescorer.how}" if isinstance(inflation, Inflation) else ""
        return Finding(
            check=NAME,
            cause="target_leakage",
            severity="critical",
            title=f"{name} was made from the outcomes that the model is judged by",
            detail=(
                f"In {one.n_values:,} values and {one.n:,} validation rows {how} (chance of it with an honest feature: "
                f"{max(one.p_value, 1e-300):.0e}).{told}"
            ),
            mend=_MEND,
            columns=(name,),
            inflation=inflation if isinstance(inflation, Inflation) else None,
            no_inflation=inflation.reason if isinstance(inflation, NotEnough) else None,
        )


def _correlation(values: F64, outcomes: F64) -> float:
    """Squared, of the ranks, which no single value moves."""
    present = np.isfinite(values)
    if present.sum() < 2:
        return 0.0
    x = np.unique(values[present], return_inverse=True)[1].astype(np.float64)
    y = outcomes[present]
    x, y = x - x.mean(), y - y.mean()
    size = float((x @ x) * (y @ y))
    return float(x @ y) ** 2 / size if size > 0.0 else 0.0
