"""Features that were selected with the outcomes of validation rows in view."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import numpy as np
from scipy import stats

from sentinel.audit.check import Check, Context
from sentinel.audit.features.feature_scores import FeatureScores, Method, chance_of, is_top, top
from sentinel.audit.features.information import information_scores
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, Severity, found, not_checked
from sentinel.audit.report.wording import listed
from sentinel.events.batch import F64, I64, Bool

NAME: Final = "feature_selection"
TITLE: Final = "features selected before the split"
SURE: Final = 0.01
"""Chance below which other rows of the same kind do not explain the choice."""
COSTLY_SHARE: Final = 0.1
"""Share of the features chosen that owe their place to validation rows from which the estimate is misled. Measured
with normal features, a logistic model and 400 to 6,000 rows of both files: a tenth to a fifth swapped gains .008 AUC
on average, a fifth to a third .02, a third to a half .07."""
_SAME: Final = 1e-9
"""In the unit of a score: the rounding of sums."""
_MOST_FEATURES: Final = 50_000
"""Features whose sums are held: 100 bytes each, for both files."""
_MOST_NUMBERS: Final = 500_000
"""Rows times features whose mutual information is reckoned: two or three seconds."""
_MEND: Final = "Select features within the training rows alone, in one pipeline with the model; estimate again."


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, which features were selected and how, and files that still hold the others."""
    stated = context.manifest.get("selected_features") or {}
    features, method = stated.get("features") or [], stated.get("method")
    if not features or method is None:
        needs = "--manifest with selected_features: {method, k, features}, or --pipeline"
        return not_checked(NAME, "it is not stated which features were selected, and how", needs)
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    if method not in _METHODS:
        why = "a selection by this method cannot be repeated"
        return not_checked(NAME, why, f"selected_features by {', '.join(_METHODS)}")
    pool = [name for name in stated.get("of") or context.columns.numeric if name in context.columns.numeric]
    if not set(features) < set(pool) or len(pool) > _MOST_FEATURES:
        why = "the files must hold the features that were selected, as numbers, and those that were not"
        return not_checked(NAME, why, "both files as they were before the selection")
    why_not = _held(context, len(pool)) if method == "mutual_information" else None
    if why_not is not None:
        return not_checked(NAME, why_not, "selected_features by univariate_f, or smaller files")
    if method != "variance" and not np.isfinite(context.validation.outcomes).any():
        return not_checked(NAME, "the validation rows have no outcome", "the column of the outcome")
    return _FeatureSelection(context, method, pool, set(features))


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Which rows the choice is of: ``both``, ``likely``, ``train``, ``unclear``, ``roughly`` or ``other``."""

    rows: str
    chance: float = 1.0
    swapped: int = 0
    gained: Bool | None = None
    lost: Bool | None = None
    reading: int = 0


class _FeatureSelection:
    """Sums up the features of both files."""

    def __init__(self, context: Context, method: str, pool: list[str], features: set[str]) -> None:
        self._method = method
        self._names = tuple(pool)
        self._at = np.array([context.columns.numeric.index(name) for name in pool])
        self._chosen = np.array([name in features for name in pool])
        self._generator = context.generator(NAME)
        self._train, self._validation = (_sums(context, method, self._at) for _ in range(2))
        self._rows: tuple[tuple[F64, F64], ...] = ()
        self._is_number = context.n_classes == 0
        if method == "mutual_information" and context.train is not None:
            self._rows = tuple((side.numeric[self._at], side.outcomes) for side in (context.train, context.validation))

    def train(self, rows: AuditRows) -> None:
        """Sum up training rows."""
        self._train.add(rows.numeric[self._at], rows.outcomes)

    def add_train(self, other: Self) -> None:
        """Take in the sums of another copy."""
        self._train.merge(other._train)

    def validation(self, rows: AuditRows) -> None:
        """Sum up validation rows."""
        self._validation.add(rows.numeric[self._at], rows.outcomes)

    def add_validation(self, other: Self) -> None:
        """Take in the sums of another copy."""
        self._validation.merge(other._validation)

    def result(self) -> CheckResult:
        """Select anew from the training rows, and from both files, and compare."""
        if not self._train.n or not self._validation.n:
            return not_checked(NAME, "a file has no row with an outcome", "outcomes in both files")
        verdict = self._verdict()
        k, n = int(self._chosen.sum()), len(self._names)
        detail = f"{k:,} of {n:,} features were selected; {_WORDS[verdict.rows]}"
        if verdict.rows in ("both", "likely"):
            return found(NAME, (self._finding(verdict, k, n),), detail)
        if verdict.rows == "other":
            return found(NAME, (_elsewhere(k, n),), detail)
        return found(NAME, (), detail)

    def _verdict(self) -> _Verdict:
        train, both = self._ranked()
        fits = [
            (is_top(of_train, self._chosen, _SAME), is_top(of_both, self._chosen, _SAME))
            for of_train, of_both in zip(train, both, strict=True)
        ]
        if any(of_train for of_train, _ in fits):
            return _Verdict("train" if not any(of_both for _, of_both in fits) else "unclear")
        reading = next((i for i, (_, of_both) in enumerate(fits) if of_both), None)
        if reading is not None:
            chance = chance_of(both[reading], self._chosen, self._train.n, self._generator)
            return self._swapped(_Verdict("both" if chance < SURE else "likely", chance, reading=reading), train, both)
        return self._by_those_that_differ(train, both)

    def _ranked(self) -> tuple[tuple[F64, ...], tuple[F64, ...]]:
        """Scores of the training rows, and of both files together."""
        if not self._rows:
            return self._train.scores(), self._train.plus(self._validation).scores()
        (values, outcomes), (others, judging) = self._rows
        seed = int(self._generator.integers(1 << 31))
        train = information_scores(values, outcomes, is_number=self._is_number, seed=seed)
        every, answers = np.concatenate([values, others], axis=1), np.concatenate([outcomes, judging])
        return (train,), (information_scores(every, answers, is_number=self._is_number, seed=seed),)

    def _swapped(self, verdict: _Verdict, train: tuple[F64, ...], both: tuple[F64, ...]) -> _Verdict:
        k = int(self._chosen.sum())
        honest, full = top(train[verdict.reading], k), top(both[verdict.reading], k)
        gained, lost = full & ~honest, honest & ~full
        return _Verdict(verdict.rows, verdict.chance, int(gained.sum()), gained, lost, verdict.reading)

    def _by_those_that_differ(self, train: tuple[F64, ...], both: tuple[F64, ...]) -> _Verdict:
        """Neither choice is the stated one: ask the features that only one of the two would make."""
        exact = self._method != "mutual_information"
        one = self._swapped(_Verdict("other" if exact else "roughly"), train, both)
        if one.gained is None or one.lost is None:
            return one
        of_both, of_train = int((one.gained & self._chosen).sum()), int((one.lost & self._chosen).sum())
        n = of_both + of_train
        chance = float(stats.binom.sf(of_both - 1, n, 0.5)) if n else 1.0
        if chance < SURE:
            return _Verdict("likely", chance, of_both, one.gained & self._chosen, one.lost & ~self._chosen)
        agree = int((self._chosen & top(train[0], int(self._chosen.sum()))).sum())
        close = n > 0 and float(stats.binom.sf(of_train - 1, n, 0.5)) < SURE
        return _Verdict("train") if close and agree else one

    def _finding(self, verdict: _Verdict, k: int, n: int) -> Finding:
        names = tuple(name for name, new in zip(self._names, self._in(verdict.gained), strict=True) if new)
        sure = verdict.rows == "both"
        what = (
            f"The {k:,} of {n:,} features are exactly those that both files together put first by "
            f"{_METHODS[self._method]}; the training rows alone would have put {verdict.swapped:,} others in the place "
            f"of {listed(names)}. As many other rows of the same kind would lead to this choice by chance in "
            f"{verdict.chance:.2g} of cases or fewer."
            if sure or verdict.chance >= SURE
            else f"Of the features that only one of both choices would make, {verdict.swapped:,} are those of both "
            f"files together; by chance as many or more would be in {verdict.chance:.2g} of cases."
        )
        return Finding(
            check=NAME,
            cause="preprocessing_leakage",
            severity=self._severity(verdict, k),
            title=f"features were {'' if sure else 'probably '}selected with validation rows in view",
            detail=f"{what} {self._strengths(verdict)}".strip(),
            mend=_MEND,
            columns=names,
            no_inflation="only a fit anew with the features that training rows choose shows what it costs",
        )

    def _severity(self, verdict: _Verdict, k: int) -> Severity:
        supervised = self._method != "variance"
        costly = supervised and verdict.rows == "both" and verdict.swapped >= COSTLY_SHARE * k
        return "critical" if costly else "warning"

    def _strengths(self, verdict: _Verdict) -> str:
        """How the features that came in and those that went out do on the validation rows: the part that is luck."""
        if self._method == "variance":
            return "No outcome is used in this, so it costs little by itself."
        on_validation = np.tanh(np.abs(self._validation.scores()[0]))
        came, went = (on_validation[self._in(some)] for some in (verdict.gained, verdict.lost))
        came, went = came[np.isfinite(came)], went[np.isfinite(went)]
        if not len(came) or not len(went):
            return ""
        return (
            f"On the validation rows the former correlate with the outcome by {came.mean():.3f} on average, those left "
            f"out by {went.mean():.3f}: the difference is what these rows gave away."
        )

    def _in(self, some: Bool | None) -> Bool:
        return np.zeros(len(self._names), np.bool_) if some is None else some


_WORDS: Final[Mapping[str, str]] = {
    "both": "both files together choose exactly these, the training rows alone do not",
    "likely": "the choice is nearer to that of both files together than to that of the training rows",
    "train": "the training rows alone lead to this choice, both files together to another",
    "unclear": "the training rows alone and both files together lead to the same choice, so nothing was gained by it",
    "roughly": "of equal values information is a matter of chance, and this may be the choice of either rows",
    "other": "neither the training rows nor both files together lead to this choice",
}
_METHODS: Final[Mapping[str, str]] = {
    "univariate_f": "their F statistic",
    "correlation": "their correlation with the outcome",
    "variance": "their variance",
    "mutual_information": "their mutual information with the outcome",
}


def _sums(context: Context, method: str, at: I64) -> FeatureScores:
    """Empty sums, alike for both files; of information, correlations stand beside what is reckoned from the rows."""
    sample = context.validation if context.train is None else context.train
    by: Method = "correlation" if method == "mutual_information" else cast(Method, method)
    centre = float(_centres(sample.outcomes[None, :])[0])
    return FeatureScores(by, _centres(sample.numeric[at]), centre, context.n_classes)


def _held(context: Context, n_features: int) -> str | None:
    """Why information cannot be reckoned of all rows; None where it can."""
    n = context.n_train + context.n_validation
    sampled = len(context.validation) + (0 if context.train is None else len(context.train))
    if sampled < n or n * n_features > _MOST_NUMBERS:
        return f"mutual information is reckoned of {_MOST_NUMBERS:,} numbers at most, rows times features"
    if importlib.util.find_spec("sklearn") is None:
        return "mutual information needs scikit-learn: pip install 'sentinel-leakage[audit]'"
    return None


def _centres(values: F64) -> F64:
    finite = np.isfinite(values)
    with np.errstate(over="ignore", invalid="ignore"):
        means: Any = np.where(finite, values, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return np.where(np.isfinite(means), means, 0.0)


def _elsewhere(k: int, n: int) -> Finding:
    return Finding(
        check=NAME,
        cause="preprocessing_leakage",
        severity="info",
        title="the selection of features cannot be repeated",
        detail=(
            f"Neither the training rows nor both files together put the {k:,} selected of {n:,} features first: they "
            "were selected from other rows, after another preprocessing, or in another way than is stated."
        ),
        mend="State the features to choose from (of) and the method, or select anew from the training rows.",
        no_inflation="it is not known which rows the selection has seen",
    )
