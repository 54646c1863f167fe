"""One entity under two ids: ids written in two ways, ids with a slip, and rows that agree where entities do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.costs import is_costly
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.measured import priced, share_of
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
from sentinel.audit.similarity.linkage import Linkage, linkage
from sentinel.audit.similarity.spellings import SHORTEST, normal_forms, one_apart
from sentinel.audit.similarity.twins import twins
from sentinel.events.batch import I64, Bool
from sentinel.events.codecs.arrow_columns import as_names
from sentinel.stats.estimate import NotEnough

NAME: Final = "entity_names"
TITLE: Final = "one entity under two ids"
NOTEWORTHY: Final = 0.01
"""Share of validation rows whose entity is in training under another id, from which it is a warning."""
FEWEST: Final = 3
"""Ids that a rule joins: one or two may be a coincidence of any kind."""
CONFIRMED: Final = 0.2
"""Lower end of the share of joined ids that are one entity, from which features are said to bear a rule out."""
REFUTED: Final = 0.5
"""Upper end of that share, up to which features speak against it."""
MOST_UNKNOWN: Final = 2_000
"""Ids looked up letter by letter, which takes a tenth of a second."""
RARE: Final = 0.01
"""Share of training ids with a neighbour among them, up to which ids are so sparse that a neighbour is a slip."""
_SLIP: Final = f"one character: correct ids that differ in one of {SHORTEST} or more characters"


@dataclass(frozen=True, slots=True)
class _Ids:
    """Ids of both samples; rows are those of the training sample, then of the validation sample.

    ``codes`` is -1 where a row has no id; ``first`` is the first training row of an id and the first of all where there
    is none there.
    """

    distinct: pa.Array
    codes: I64
    first: I64
    in_train: Bool
    n_train: int

    @property
    def unknown(self) -> I64:
        """Ids of validation rows only."""
        return np.flatnonzero(~self.in_train)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Ids of validation rows only, the training ids that a rule joins them with, and what features say to it."""

    rule: str
    unknown: I64
    known: I64
    share_same: Interval | NotEnough


def start(context: Context) -> Check | CheckResult:
    """Looks at the samples alone. Needs ids in both files."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    if context.columns.group is None or not (context.train.groups.any() and context.validation.groups.any()):
        needs = f"the column {context.model.columns.group!r} (columns.group) filled in both files"
        return not_checked(NAME, "no row of one of the files names an entity", needs)
    ids = _read(context.columns.group, context.train, context.validation)
    links = linkage(context, context.train, context.generator(NAME))
    joined = [one for one in _by_rule(ids, links, context) if _stands(one)]
    findings = [_finding(context, ids, one) for one in joined]
    if isinstance(links, Linkage):
        findings += _twins(context, ids, links, joined)
    detail = f"{len(ids.unknown):,} of {len(ids.distinct):,} ids are in validation rows only"
    if isinstance(links, NotEnough):
        detail += f"; whether rows agree where entities do cannot be told: {links.reason}"
    return found(NAME, findings, detail)


def _read(group: str, train: AuditRows, validation: AuditRows) -> _Ids:
    names = [as_names(rows.column(group))[0] for rows in (train, validation)]
    every = pa.concat_arrays([pa.nulls(0, pa.large_string()) if one is None else one for one in names])
    hashes = np.concatenate([train.groups, validation.groups])
    encoded = pc.dictionary_encode(pc.if_else(pa.array(hashes != 0), every, pa.scalar(None, pa.large_string())))
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.full(len(encoded.dictionary), len(codes), np.int64)
    has = np.flatnonzero(codes >= 0)
    np.minimum.at(first, codes[has], has)
    return _Ids(encoded.dictionary, codes, first, first < len(train), len(train))


def _by_rule(ids: _Ids, links: Linkage | NotEnough, context: Context) -> Iterator[_Joined]:
    """Each unknown id with the finest rule that joins it."""
    left, trained = ids.unknown, np.flatnonzero(ids.in_train)
    for rule, forms in normal_forms(ids.distinct):
        keys = pc.dictionary_encode(forms).indices.to_numpy(zero_copy_only=False).astype(np.int64)
        known_of = np.full(int(keys.max(initial=0)) + 1, -1, np.int64)
        known_of[keys[trained[::-1]]] = trained[::-1]
        hit = known_of[keys[left]]
        yield _joined(ids, links, rule, left[hit >= 0], hit[hit >= 0])
        left = left[hit < 0]
    generator = context.generator(f"{NAME} slips")
    asked = _some(left, generator, MOST_UNKNOWN)
    if not len(asked) or (isinstance(links, NotEnough) and not _are_sparse(ids, trained, generator)):
        return
    at = one_apart(ids.distinct.take(pa.array(asked)), ids.distinct.take(pa.array(trained)))
    yield _joined(ids, links, _SLIP, asked[at >= 0], trained[at[at >= 0]])


def _some(ids: I64, generator: np.random.Generator, most: int) -> I64:
    return ids if len(ids) <= most else np.sort(generator.choice(ids, most, replace=False))


def _are_sparse(ids: _Ids, trained: I64, generator: np.random.Generator) -> bool:
    """Whether hardly a training id has a neighbour among the others, so that neighbours are no chance."""
    asked = _some(trained, generator, min(MOST_UNKNOWN, len(trained) // 2))
    others = np.setdiff1d(trained, asked)
    at = one_apart(ids.distinct.take(pa.array(asked)), ids.distinct.take(pa.array(others)))
    return bool((at >= 0).sum() <= RARE * len(asked))


def _joined(ids: _Ids, links: Linkage | NotEnough, rule: str, unknown: I64, known: I64) -> _Joined:
    share = links if isinstance(links, NotEnough) else links.share_same(ids.first[known], ids.first[unknown])
    return _Joined(rule, unknown, known, share)


def _stands(one: _Joined) -> bool:
    """A rule of spelling stands unless features speak against it; a slip only if they speak for it, or ids are rare."""
    if len(one.unknown) < FEWEST:
        return False
    if isinstance(one.share_same, NotEnough):
        return True
    return one.share_same.lower >= CONFIRMED if one.rule == _SLIP else one.share_same.upper > REFUTED


def _finding(context: Context, ids: _Ids, one: _Joined) -> Finding:
    rows = np.isin(ids.codes[ids.n_train :], one.unknown)
    name, rule = one.rule.split(": ")
    confirmed = isinstance(one.share_same, Interval) and one.share_same.lower >= CONFIRMED
    if isinstance(one.share_same, Interval):
        words = (
            f"by the features that entities keep, {one.share_same.value:.0%} ({one.share_same.lower:.0%} to "
            f"{one.share_same.upper:.0%}) of these pairs of ids are one entity"
        )
    else:
        words = f"whether they are one entity no feature tells: {one.share_same.reason}"
    pairs = tuple(
        _pair(context, ids.first[known], ids.first[unknown], f"ids differ by {name}")
        for unknown, known in zip(one.unknown[:MOST_ROWS].tolist(), one.known[:MOST_ROWS].tolist(), strict=True)
    )
    return _made(
        context,
        rows,
        confirmed=confirmed,
        title=f"{len(one.unknown):,} validation ids are training ids but for {name}",
        detail=f"{len(one.unknown):,} of the {len(ids.unknown):,} ids that only validation rows have; {words}.",
        mend=f"Have a person look at the pairs. If they are the same, {rule} ({name}) before the split.",
        pairs=pairs,
        n_pairs=len(one.unknown),
    )


def _twins(context: Context, ids: _Ids, links: Linkage, joined: list[_Joined]) -> list[Finding]:
    """Rows of other ids, or of none, that agree with a training row in all that entities keep."""
    done = np.isin(ids.unknown, np.concatenate([*(one.unknown for one in joined), np.empty(0, np.int64)]))
    nameless = np.flatnonzero(ids.codes < 0)
    train = np.concatenate([ids.first[ids.in_train], nameless[nameless < ids.n_train]])
    asked = np.concatenate([ids.first[ids.unknown[~done]], nameless[nameless >= ids.n_train]])
    agreeing = twins(links, train, asked)
    if agreeing is None:
        return []
    rows = np.zeros(len(ids.codes) - ids.n_train, np.bool_)
    rows[agreeing.validation - ids.n_train] = True
    named = ids.codes[agreeing.validation]
    rows |= np.isin(ids.codes[ids.n_train :], named[named >= 0])
    n = len(agreeing.train)
    named_both = (ids.codes[agreeing.train] >= 0) & (ids.codes[agreeing.validation] >= 0)
    pairs = tuple(
        _pair(context, one, other, "another id" if named else "a row without an id")
        for one, other, named in zip(
            agreeing.train[:MOST_ROWS].tolist(),
            agreeing.validation[:MOST_ROWS].tolist(),
            named_both[:MOST_ROWS].tolist(),
            strict=True,
        )
    )
    finding = _made(
        context,
        rows,
        confirmed=True,
        title=f"{n:,} validation entities look like training entities under another id, or none",
        detail=(
            f"{n:,} ids of validation rows only, or rows without an id, agree with a training row in all "
            f"{len(links.codes)} features that rows of one entity share and rows of two do not; about "
            f"{agreeing.chance:,.0f} pairs would by chance."
        ),
        mend="Have a person look at the pairs. If they are the same, give them one id before the split.",
        pairs=pairs,
        n_pairs=n,
    )
    return [finding]


def _pair(context: Context, first: int, second: int, note: str) -> RowPair:
    if context.train is None:
        return RowPair(note=note)
    return RowPair(
        train=int(context.train.numbers[first]),
        validation=int(context.validation.numbers[second - len(context.train)]),
        similarity=0.0,
        note=note,
    )


def _made(
    context: Context,
    rows: Bool,
    *,
    confirmed: bool,
    title: str,
    detail: str,
    mend: str,
    pairs: tuple[RowPair, ...],
    n_pairs: int,
) -> Finding:
    n, size = int(rows.sum()), len(rows)
    measured = _measured(context, rows)
    inflation, no_inflation = priced(measured)
    severity: Severity = "warning" if confirmed and (n >= NOTEWORTHY * size or is_costly(measured)) else "info"
    return Finding(
        check=NAME,
        cause="group_leakage",
        severity=severity,
        title=title,
        detail=detail,
        mend=mend,
        columns=(str(context.columns.group),),
        share=share_of(n, size),
        inflation=inflation,
        no_inflation=no_inflation,
        rows=pairs,
        n_rows=n_pairs,
    )


def _measured(context: Context, tainted: Bool) -> Inflation | NotEnough:
    how = scoring(context)
    if isinstance(how, NotEnough):
        return how
    tally = InflationTally(how)
    tally.add(context.validation, tainted)
    return tally.inflation()
