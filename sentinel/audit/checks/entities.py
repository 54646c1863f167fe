"""Entities of the validation rows that are in the training rows, against the share that live rows will have."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Self

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_costly, is_harmless
from sentinel.audit.estimates.inflation import InflationTally, Scoring, scoring
from sentinel.audit.estimates.measured import priced, share_of
from sentinel.audit.features.entity_rates import EntityRates
from sentinel.audit.features.high_outcomes import HighOutcome
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import (
    MOST_ROWS,
    CheckResult,
    Finding,
    Inflation,
    Interval,
    RowPair,
    Severity,
    found,
    not_checked,
)
from sentinel.audit.times.order import is_later
from sentinel.audit.times.returning import Returning
from sentinel.events.batch import F64, U64, Bool
from sentinel.stats.estimate import NotEnough
from sentinel.stats.intervals import wilson_interval

NAME: Final = "entities"
TITLE: Final = "the same entity in training and validation, more than live"
EXPLOITABLE_AUC: Final = 0.6
"""Of an entity's mean training outcome: from here on, knowing the entity is worth something to a model."""
NOTEWORTHY: Final = 0.02
"""Share of known entities beyond what is expected live that is worth a line: less moves no metric."""
WORRYING: Final = 0.05
"""The same, from which an estimate is not to be trusted where entities carry outcomes."""
_RATE_EDGES: Final[F64] = np.arange(1, 64) / 64
_COMPACT: Final = 1 << 20
"""Hashes that wait to be sorted in: 8 MB."""


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and entities in both files."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    if context.columns.group is None or not (context.train.groups.any() and context.validation.groups.any()):
        needs = f"the column {context.model.columns.group!r} (columns.group) filled in both files"
        return not_checked(NAME, "no row of one of the files names an entity", needs)
    return _Entities(context)


class _Entities:
    """Holds the hash of every entity of the training rows: 8 bytes each."""

    def __init__(self, context: Context) -> None:
        self._stated = context.model.audit.entity_overlap
        self._is_high = HighOutcome(context)
        self._later = bool(is_later(context))
        self._pairs = _pairs(context)
        self._entities: U64 = np.empty(0, np.uint64)
        self._waiting: list[U64] = []
        self._rates, self._returning = EntityRates(), Returning()
        self._signal = InflationTally(Scoring("auc", _RATE_EDGES))
        self._n = self._n_known = self._n_rows = 0
        how = scoring(context)
        self._tally = None if isinstance(how, NotEnough) else InflationTally(how)
        self._why = how.reason if isinstance(how, NotEnough) else None

    def train(self, rows: AuditRows) -> None:
        """Remember entities, when they were there, and their outcomes."""
        self._waiting.append(np.unique(rows.groups[rows.groups != 0]))
        if sum(map(len, self._waiting)) > max(_COMPACT, len(self._entities) // 4):
            self._compact()
        self._returning.add(rows.groups, rows.times)
        usable = np.isfinite(rows.outcomes) & (rows.groups != 0)
        self._rates.add(rows.groups[usable], self._is_high(rows.outcomes[usable]))

    def add_train(self, other: Self) -> None:
        """Take in the entities of another copy."""
        self._waiting += [other._entities, *other._waiting]
        self._returning.merge(other._returning)
        self._rates.merge(other._rates)

    def _compact(self) -> None:
        """Keep each entity once; what was held is let go before it is sorted, for there may be as many as rows."""
        if not self._waiting:
            return
        every = np.concatenate([self._entities, *self._waiting])
        self._entities, self._waiting = every[:0], []
        every.sort()
        self._entities = every[np.append(True, every[1:] != every[:-1])[: len(every)]]

    def _known(self, groups: U64) -> Bool:
        self._compact()
        if not len(self._entities):
            return np.zeros(len(groups), np.bool_)
        at = np.minimum(np.searchsorted(self._entities, groups), len(self._entities) - 1)
        known: Bool = (self._entities[at] == groups) & (groups != 0)
        return known

    def validation(self, rows: AuditRows) -> None:
        """Look the entities up."""
        known = self._known(rows.groups)
        self._n_rows += len(rows)
        self._n += int((rows.groups != 0).sum())
        self._n_known += int(known.sum())
        if self._tally is not None:
            self._tally.add(rows, known)
        means = self._rates.means(rows.groups)
        high = self._is_high(rows.outcomes)
        self._signal.add_scores(replace(rows, outcomes=high), means, np.zeros(len(rows), np.bool_))

    def add_validation(self, other: Self) -> None:
        """Take in the counts of another copy."""
        self._n_rows += other._n_rows
        self._n += other._n
        self._n_known += other._n_known
        self._signal.merge(other._signal)
        if self._tally is not None and other._tally is not None:
            self._tally.merge(other._tally)

    def _expected(self) -> Interval | NotEnough:
        if self._stated is not None:
            return Interval(value=self._stated, lower=self._stated, upper=self._stated)
        return self._returning.expected()

    def result(self) -> CheckResult:
        """Compare with what is expected live, and ask what a known entity is worth."""
        if not self._n:
            return not_checked(NAME, "no validation row names an entity", "entities in the validation rows")
        share, expected, signal = self._n_known / self._n, self._expected(), self._signal.stated()
        surely = wilson_interval(self._n_known, self._n).lower
        whence = "stated" if self._stated is not None else "as entities of the training rows return over time"
        detail = f"{share:.1%} of the {self._n:,} validation rows with an entity name one of the training rows"
        if isinstance(expected, Interval):
            detail += f"; {expected.value:.1%} of live rows are expected to ({whence})"
            if share - expected.upper < NOTEWORTHY or surely <= expected.upper:
                return self._no_more_than_live(share, expected, signal, detail)
        elif share < NOTEWORTHY:
            return found(NAME, (), detail)
        return found(NAME, (self._finding(share, expected, signal, detail),), detail)

    def _no_more_than_live(
        self, share: float, expected: Interval, signal: Interval | NotEnough, detail: str
    ) -> CheckResult:
        """Files of one time should show what is expected live: where they show less, and it pays, one of both is wrong.

        Measured on 69 simulated worlds: no honest one gains surely, of 32 with a leak by entities 21 do.
        """
        if share >= expected.lower:
            return found(NAME, (), detail)
        measured = None if self._tally is None else self._tally.inflation()
        may_tell = self._stated is None and not self._later and share >= NOTEWORTHY
        if not (may_tell and is_costly(measured) and _carries(signal)):
            return found(NAME, (), f"{detail}; fewer than live, so the estimate is rather too strict")
        said = (
            f"{detail}. Files of one time, parted at random, would show as many: entities were parted, and not all of "
            "them. Rows of known entities make the metric what it is; it will be another where they return less often"
        )
        return found(NAME, (self._finding(share, expected, signal, said),), detail)

    def _finding(
        self, share: float, expected: Interval | NotEnough, signal: Interval | NotEnough, detail: str
    ) -> Finding:
        measured = None if self._tally is None else self._tally.inflation()
        inflation, no_inflation = priced(measured, self._why)
        if isinstance(expected, NotEnough):
            detail += f"; how many of the live rows will is not known: {expected.reason}"
        if isinstance(signal, Interval):
            detail += (
                f". The mean training outcome of its entity ranks a validation row's outcome with an AUC of "
                f"{signal.value:.3f} ({signal.lower:.3f} to {signal.upper:.3f})"
            )
        else:
            detail += (
                f". What an entity's training outcomes tell of its validation outcomes is not known: {signal.reason}"
            )
        excess = None if isinstance(expected, NotEnough) else share - expected.upper
        return Finding(
            check=NAME,
            cause="group_leakage",
            severity=_severity(excess, signal, measured),
            title=f"{share:.1%} of validation rows are about entities of the training rows",
            detail=detail + ".",
            mend=(
                "Split by the entity (a group split). If live rows are about known entities as often, state "
                "audit.entity_overlap."
            ),
            share=share_of(self._n_known, self._n),
            chance=None if isinstance(expected, NotEnough) else expected.value,
            inflation=inflation,
            no_inflation=no_inflation,
            rows=self._pairs,
            n_rows=self._n_known,
        )


def _severity(excess: float | None, signal: Interval | NotEnough, measured: Inflation | NotEnough | None) -> Severity:
    """Critical only where there is more overlap than live, entities carry outcomes, and nothing says it costs little.

    A gain alone is no proof: rows of known entities may be the easier ones, live as well.
    """
    carries = _carries(signal)
    costly, unknown = is_costly(measured), not isinstance(measured, Inflation)
    if carries and (costly or unknown) and excess is not None and excess >= WORRYING:
        return "critical"
    return "warning" if costly or (carries and not is_harmless(measured)) else "info"


def _carries(signal: Interval | NotEnough) -> bool:
    return isinstance(signal, Interval) and signal.lower > EXPLOITABLE_AUC


def _pairs(context: Context) -> tuple[RowPair, ...]:
    """Some rows of one entity, from the samples."""
    if context.train is None:
        return ()
    entities, first = np.unique(context.train.groups, return_index=True)
    at = np.minimum(np.searchsorted(entities, context.validation.groups), len(entities) - 1)
    known = (entities[at] == context.validation.groups) & (context.validation.groups != 0)
    return tuple(
        RowPair(
            train=int(context.train.numbers[first[at[row]]]),
            validation=int(context.validation.numbers[row]),
            similarity=0.0,
            note="the same entity",
        )
        for row in np.flatnonzero(known)[:MOST_ROWS].tolist()
    )
