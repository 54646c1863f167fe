"""Stored statistics of a preprocessing that are those of training and validation rows together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.files.rows import AuditRows, hashed_words
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.audit.preprocessing.fits import SAME_FIT, ColumnFit, Fitted, added, half_unit, judged, of_column
from sentinel.audit.preprocessing.pipelines import not_read
from sentinel.audit.report.wording import listed
from sentinel.events.batch import F64, U64
from sentinel.events.codecs.arrow_columns import as_floats

NAME: Final = "fit_statistics"
TITLE: Final = "scalers and imputers that were fitted before the split"
_MEND: Final = (
    "Split first and fit the preprocessing to the training rows alone (in one pipeline with the model); then estimate "
    "again. A fit anew to all rows is right only once the estimate stands."
)


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and what the preprocessing was fitted to."""
    stated = _stated(context.manifest)
    if not stated:
        needs = "--manifest with fit_statistics, or --pipeline"
        return not_checked(NAME, f"no fit of a preprocessing is stated{_unread(context.manifest)}", needs)
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    return _FitStatistics(context, stated)


def _stated(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Statistics by feature, the means of a projection among them."""
    stated = {name: dict(some) for name, some in (manifest.get("fit_statistics") or {}).items() if some}
    pca = manifest.get("pca") or {}
    for name, mean in zip(pca.get("columns") or (), pca.get("mean") or (), strict=False):
        stated.setdefault(name, {}).setdefault("mean", mean)
    return stated


def _unread(manifest: Mapping[str, Any]) -> str:
    steps = not_read(manifest)
    return f"; of the pipeline these steps could not be compared: {'; '.join(steps)}" if steps else ""


class _FitStatistics:
    """Sums up each column that something is stated of, in both files."""

    def __init__(self, context: Context, stated: Mapping[str, Mapping[str, Any]]) -> None:
        self._numeric = {name: j for j, name in enumerate(context.columns.numeric)}
        self._stated = stated
        self._unread = _unread(context.manifest)
        self._train = self._empty()
        self._validation = self._empty()

    def _empty(self) -> dict[str, ColumnFit]:
        return {name: ColumnFit(some, _kind_key(some.get("most_frequent"))) for name, some in self._stated.items()}

    def train(self, rows: AuditRows) -> None:
        """Sum up training rows."""
        self._add(self._train, rows)

    def add_train(self, other: Self) -> None:
        """Take in the sums of another copy."""
        for name, fit in self._train.items():
            fit.merge(other._train[name])

    def validation(self, rows: AuditRows) -> None:
        """Sum up validation rows."""
        self._add(self._validation, rows)

    def add_validation(self, other: Self) -> None:
        """Take in the sums of another copy."""
        for name, fit in self._validation.items():
            fit.merge(other._validation[name])

    def _add(self, fits: Mapping[str, ColumnFit], rows: AuditRows) -> None:
        for name, fit in fits.items():
            column = rows.column(name)
            if column is None:
                continue
            at = self._numeric.get(name)
            values = as_floats(column, len(rows))[0] if at is None else rows.numeric[at]
            kinds = None
            if fit.kind_key is not None:
                kinds = _kinds(values) if _is_number(fit.stated["most_frequent"]) else hashed_words(column, len(rows))
            fit.add(values, None if kinds is None else kinds[kinds != 0])

    def result(self) -> CheckResult:
        """Say of each feature which rows its statistics are of."""
        verdicts: dict[str, Fitted] = {}
        n_statistics = 0
        for name in self._stated:
            train, validation = self._train[name], self._validation[name]
            told = judged(train, validation) if train.n_rows and validation.n_rows else {}
            n_statistics += len(told)
            if told:
                verdicts[name] = self._settled(name, of_column(told))
        if not verdicts:
            why = f"none of the {len(self._stated)} features that are stated can be compared in both files"
            return not_checked(NAME, why + self._unread, "statistics of columns that both files have")
        counts = {rows: sum(verdict == rows for verdict in verdicts.values()) for rows in set(verdicts.values())}
        detail = (
            f"{n_statistics} statistics of {len(verdicts)} features: {counts.get('train', 0)} features were fitted to "
            f"the training rows, {counts.get('both', 0) + counts.get('validation', 0)} to validation rows, too, "
            f"{counts.get('other', 0)} to other rows; of {counts.get('unclear', 0)} the statistics of both files are "
            f"alike as far as the digits given go{self._unread}"
        )
        return found(NAME, tuple(self._findings(verdicts)), detail)

    def _settled(self, name: str, verdict: Fitted) -> Fitted:
        """Of more rows than a step takes, it draws some: a statistic that fits neither file then says nothing."""
        most = self._stated[name].get("subsample")
        n = self._train[name].n_rows
        return "unclear" if verdict == "other" and most is not None and n > most else verdict

    def _findings(self, verdicts: Mapping[str, Fitted]) -> Iterable[Finding]:
        for rows, words in (
            ("both", "training and validation rows together"),
            ("validation", "the validation rows alone"),
        ):
            names = tuple(name for name, verdict in verdicts.items() if verdict == rows)
            if names:
                yield self._proof(names, words)
        others = tuple(name for name, verdict in verdicts.items() if verdict == "other")
        if others:
            yield self._elsewhere(others)

    def _proof(self, names: tuple[str, ...], words: str) -> Finding:
        moves = [_moved(self._train[name], self._validation[name]) for name in names]
        by_chance = min(_by_chance(self._train[name], self._validation[name]) for name in names)
        chance = f" Other rows of the same kind have such a mean by chance in {by_chance:.1g} of cases."
        return Finding(
            check=NAME,
            cause="preprocessing_leakage",
            severity="warning",
            title=f"the preprocessing of {listed(names)} was fitted to validation rows",
            detail=(
                f"What is stored for {len(names)} feature(s) agrees with {words} in every statistic that can tell, and "
                f"with the training rows in none.{chance if by_chance < 1.0 else ''} The fit moves a feature by at "
                f"most {max(moves):.2g} standard deviations: by itself this costs little, but it shows that the split "
                "came after the preprocessing, so that a step which uses outcomes may have seen these rows as well."
            ),
            mend=_MEND,
            columns=names,
            no_inflation="a scaler or imputer moves inputs alike in both files; only a fit anew shows what it costs",
        )

    def _elsewhere(self, names: tuple[str, ...]) -> Finding:
        return Finding(
            check=NAME,
            cause="preprocessing_leakage",
            severity="info",
            title=f"the preprocessing of {listed(names)} was fitted to other rows",
            detail=(
                f"What is stored for {len(names)} feature(s) is neither of the training rows, nor of the validation "
                "rows, nor of both: of rows that are in neither file, of some of these rows only, or of values changed "
                "before the fit."
            ),
            mend="Give the rows that the preprocessing was fitted to, or its statistics anew.",
            columns=names,
            no_inflation="it is not known which rows the fit has seen",
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kinds(values: F64) -> U64:
    """The bits of numbers, 0 where missing; a zero is written as the least number there is."""
    known = np.where(values == 0.0, np.nextafter(0.0, 1.0), values)
    result: U64 = np.where(np.isnan(values), np.uint64(0), known.view(np.uint64))
    return result


def _kind_key(value: Any) -> np.uint64 | None:
    if value is None:
        return None
    if _is_number(value):
        return np.uint64(_kinds(np.array([float(value)]))[0])
    return np.uint64(hashed_words(pa.array([str(value)]), 1)[0])


def _moved(train: ColumnFit, validation: ColumnFit) -> float:
    """How far the mean of both files is from that of the training rows, in standard deviations."""
    both = added(train, validation).moments
    unit = both.sd()
    return abs(both.mean - train.moments.mean) / unit if 0.0 < unit < math.inf else 0.0


def _by_chance(train: ColumnFit, validation: ColumnFit) -> float:
    """Chance that the mean of as many rows of the same law comes as near to the stated one as is asked."""
    stated = train.stated.get("mean")
    both = added(train, validation).moments
    unit = both.sd()
    if stated is None or not 0.0 < unit < math.inf:
        return 1.0
    reach = max(half_unit(stated), SAME_FIT * unit) / (unit / math.sqrt(both.n))
    return math.erf(reach / math.sqrt(2.0))
