"""Encoders that know what only validation rows hold: categories, words, or the outcomes behind a category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self

import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import WORTHWHILE_GAIN
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.audit.preprocessing.known_words import KnownCategories, KnownTokens
from sentinel.audit.preprocessing.target_means import Smoothing, TargetMeans, judge_encoding, own_gain
from sentinel.audit.report.wording import listed

NAME: Final = "encoders"
TITLE: Final = "encoders, vocabularies and target means that were fitted before the split"
_MEND: Final = (
    "Split first and fit encoders to the training rows alone, in one pipeline with the model; estimate again."
)
_NOT_MEASURED: Final = "only a fit anew without these rows shows what the model gains by it"

_Key = tuple[str, str]
"""What is known (category, token, means), and of which column."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and what the encoders know."""
    stated = {
        key: context.manifest.get(key) or {} for key in ("encoder_categories", "vocabularies", "target_encodings")
    }
    if not any(stated.values()):
        needs = "--manifest with encoder_categories, vocabularies or target_encodings, or --pipeline"
        return not_checked(NAME, "nothing is stated of what encoders know", needs)
    if context.n_train == 0:
        return not_checked(NAME, "there are no training rows", "--train")
    return _Encoders(context, stated)


class _Encoders:
    """Looks up the known words in both files; holds a few numbers for each of them."""

    def __init__(self, context: Context, stated: Mapping[str, Mapping[str, Any]]) -> None:
        self._stated = stated
        self._task = context.model.task
        self._train = _Seen(stated, with_outcomes=self._task in ("binary", "regression"))
        self._validation = _Seen(stated, with_outcomes=self._task in ("binary", "regression"))

    def train(self, rows: AuditRows) -> None:
        """Look words up in training rows."""
        self._train.add(rows)

    def add_train(self, other: Self) -> None:
        """Take in what another copy saw."""
        self._train.merge(other._train)

    def validation(self, rows: AuditRows) -> None:
        """Look words up in validation rows."""
        self._validation.add(rows)

    def add_validation(self, other: Self) -> None:
        """Take in what another copy saw."""
        self._validation.merge(other._validation)

    def result(self) -> CheckResult:
        """Words that only validation rows hold, and outcomes of validation rows in the means."""
        train, validation = self._train, self._validation
        seen = train.columns & validation.columns
        if not seen:
            why = "no column that is stated is in both files, or the task is one whose outcomes are not averaged"
            return not_checked(NAME, why, "the columns that were encoded, as they were before")
        findings = [*self._words(seen), *self._means(seen)]
        n_words = sum(len(some.words) for some in train.categories.values())
        n_words += sum(len(some.words) for some in train.tokens.values())
        new = sum(some.n_others for some in validation.categories.values())
        passed = sum(some.n_passed_over for some in train.tokens.values())
        unread = sum(len(some) for some in self._stated.values()) - len(seen)
        detail = (
            f"{len(seen)} encoders, {n_words:,} words looked up; {new:,} categorical values of validation rows are "
            f"unknown to them{f'; {passed:,} tokens of several words were passed over' if passed else ''}"
            f"{f'; {unread} more that are stated could not be looked up' if unread else ''}"
        )
        return found(NAME, findings, detail)

    def _words(self, seen: set[_Key]) -> Iterator[Finding]:
        train, validation = self._train, self._validation
        pairs = {
            **{
                ("category", name): (some.n_rows, validation.categories[name].n_rows)
                for name, some in train.categories.items()
            },
            **{("token", name): (some.n_rows, validation.tokens[name].n_rows) for name, some in train.tokens.items()},
        }
        for key in sorted(seen & pairs.keys()):
            trained, judging = pairs[key]
            only = (judging > 0) & (trained == 0)
            if only.any():
                neither = int(((judging == 0) & (trained == 0)).sum())
                yield _known_words(key, int(only.sum()), len(only), neither, int(judging[only].sum()))

    def _means(self, seen: set[_Key]) -> Iterator[Finding]:
        others = []
        for name in sorted(name for kind, name in seen if kind == "means"):
            train, validation = self._train.means[name], self._validation.means[name]
            rows, smoothing = judge_encoding(train, validation)
            if rows in ("both", "validation") and smoothing is not None:
                gain = own_gain(train, validation, smoothing, is_binary=self._task == "binary")
                yield self._fitted(name, len(train.stated), gain, smoothing, alone=rows == "validation")
            elif rows == "other":
                others.append(name)
        if others:
            yield _elsewhere(tuple(others))

    def _fitted(self, name: str, n: int, gain: float, smoothing: Smoothing, *, alone: bool) -> Finding:
        how = "by the spread within a category" if smoothing.rows is None else f"by {smoothing.rows:.4g} rows"
        unit = "AUC" if self._task == "binary" else "of the variance of the outcome"
        rows = "the validation rows alone" if alone else "training and validation rows together"
        return Finding(
            check=NAME,
            cause="preprocessing_leakage",
            severity="critical" if gain >= WORTHWHILE_GAIN else "warning",
            title=f"the target encoding of {name} holds outcomes of validation rows",
            detail=(
                f"All {n:,} numbers are the mean outcomes of {rows} (smoothed {how}), and not those of the training "
                f"rows. Against the numbers that training rows alone give, the encoded feature by itself is better on "
                f"the validation rows by {gain:+.3f} {unit}; the numbers of honest rows would be better by 0."
            ),
            mend=_MEND,
            columns=(name,),
            no_inflation=_NOT_MEASURED,
        )


class _Seen:
    """What of one file the encoders know, by column."""

    def __init__(self, stated: Mapping[str, Mapping[str, Any]], *, with_outcomes: bool) -> None:
        self.categories = {name: KnownCategories(words) for name, words in stated["encoder_categories"].items()}
        self.tokens = {name: KnownTokens(words) for name, words in stated["vocabularies"].items()}
        means = stated["target_encodings"] if with_outcomes else {}
        self.means = {name: TargetMeans(encoding) for name, encoding in means.items()}
        self.columns: set[_Key] = set()

    def add(self, rows: AuditRows) -> None:
        for name, column in _columns(rows, self.categories):
            self.columns.add(("category", name))
            self.categories[name].add(column)
        for name, column in _columns(rows, self.tokens):
            self.columns.add(("token", name))
            self.tokens[name].add(column)
        for name, column in _columns(rows, self.means):
            self.columns.add(("means", name))
            self.means[name].add(column, rows.outcomes)

    def merge(self, other: Self) -> None:
        self.columns |= other.columns
        for name, categories in self.categories.items():
            categories.merge(other.categories[name])
        for name, tokens in self.tokens.items():
            tokens.merge(other.tokens[name])
        for name, means in self.means.items():
            means.merge(other.means[name])


def _columns(rows: AuditRows, names: Iterable[str]) -> Iterator[tuple[str, pa.Array]]:
    for name in names:
        column = rows.column(name)
        if column is not None:
            yield name, column


def _known_words(key: _Key, only: int, n: int, neither: int, n_rows: int) -> Finding:
    """Words of validation rows alone; harmless where the list holds words of no file, as one made by hand does."""
    what, column = key
    rows = "" if what == "token" else f", in {n_rows:,} rows"
    by_hand = (
        f" But {neither:,} are in neither file: the list is likely one that was made by hand, or of other rows."
        if neither
        else " Not one is missing from both files, so the list was not made by hand."
    )
    return Finding(
        check=NAME,
        cause="preprocessing_leakage",
        severity="info" if neither else "warning",
        title=f"the encoder of {column} knows {only:,} {what} value(s) that only validation rows hold",
        detail=(
            f"Of the {n:,} that it knows, {only:,} are in no training row and in validation rows{rows}; fitted to "
            f"training rows it would know none of them.{by_hand} By itself this costs little: what was learnt of them "
            "is nothing. But the encoder was fitted before the split, and other steps may have been."
        ),
        mend=_MEND,
        columns=(column,),
        chance=0.0,
        no_inflation="an encoder that knows more words gives the model no outcome",
    )


def _elsewhere(columns: tuple[str, ...]) -> Finding:
    return Finding(
        check=NAME,
        cause="preprocessing_leakage",
        severity="info",
        title=f"the target encoding of {listed(columns)} cannot be traced",
        detail=(
            "Its numbers are the mean outcomes neither of the training rows, nor of the validation rows, nor of both, "
            "plain, smoothed by a number of rows or by the spread within a category."
        ),
        mend="Give the rows that it was fitted to, or fit it anew to the training rows.",
        columns=columns,
        no_inflation="it is not known whose outcomes it holds",
    )
