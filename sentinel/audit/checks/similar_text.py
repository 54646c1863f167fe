"""Validation rows whose text is nearly that of a training row: copied and edited, or written from one text."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.audit.similarity.likeness import Neighbours, compare, most_alike, neighbours, some_of
from sentinel.audit.similarity.minhash import EMPTY, Sketches, agreement, band_keys, sketch_sets
from sentinel.audit.similarity.resemblance import Kind, judge
from sentinel.audit.similarity.shingles import all_shingles, jaccard_indices, shingle_sets
from sentinel.events.batch import F64, I64, U64, Bool
from sentinel.events.codecs.arrow_columns import is_text

NAME: Final = "similar_text"
TITLE: Final = "nearly the same text in training and validation"
LEAST: Final = 0.7
"""Jaccard index of the shingles from which texts are near copies: a text of 60 words with five of them replaced."""
MOST_ASKED: Final = 5_000
"""Validation rows looked up: a share of 1 % is then known to .3 %."""
MOST_AMONG: Final = 10_000
"""Training rows compared with each other for the chance level: copies in pairs show from about one row in 25."""
_N_BANDS, _N_SLOTS = 24, 120
"""Bands of five slots: texts of index .7 meet in one of them with probability .988, of .5 with .53, of .3 with .06."""
_DOUBT: Final = 0.15
"""Distance from :data:`LEAST` within which the sketches are not relied on: 3.6 times their standard error there."""
_MOST_NEAR: Final = 6
"""Neighbours kept: enough to tell pairs from templates."""
_MOST_IN_BAND: Final = 8
"""Rows of one key that become candidates: the neighbours kept, the row itself, and one more, so that of a template as
many are found as are kept."""
_FEWEST_OF_MANY: Final = 2
"""Near copies among the rows picked from a key of more: one may be a copy that shares a common phrase, two stand for
many."""
_MEND: Final = (
    "Look at the pairs. Remove near copies before the split, or keep all versions of one text on one side of it (split "
    "by what they come from: document, author, thread); then estimate again."
)


def start(context: Context) -> Check | CheckResult:
    """Needs a column of texts in both files."""
    columns = context.columns.texts
    if not columns:
        return not_checked(NAME, "there is no text column", "audit.text in the configuration")
    train = context.train
    if train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    findings: list[Finding] = []
    details: list[str] = []
    n_read = 0
    for column in columns:
        sides = _texts(train.column(column)), _texts(context.validation.column(column))
        if sides[0] is None or sides[1] is None:
            details.append(f"{column!r} is not a column of strings in both files")
            continue
        finding, detail, is_read = _check(context, train, column, sides[0], sides[1])
        n_read += is_read
        details.append(detail)
        findings += [] if finding is None else [finding]
    if not n_read:
        return not_checked(NAME, "; ".join(details), "columns of strings in both files")
    return found(NAME, findings, "; ".join(details))


def _texts(column: pa.Array | None) -> pa.Array | None:
    return column if column is not None and is_text(column.type) else None


def _check(
    context: Context, train: AuditRows, column: str, texts: pa.Array, asked: pa.Array
) -> tuple[Finding | None, str, bool]:
    """The finding, what was looked at, and whether there was anything to compare."""
    generator = context.generator(f"{NAME}.{column}")
    chosen = some_of(len(texts), MOST_AMONG, generator), some_of(len(asked), MOST_ASKED, generator)
    sketches = _sketches(texts)
    index = _Index(texts, sketches)
    validation = index.near(asked.take(chosen[1]), chosen[1], _MOST_NEAR)
    among = index.near(texts.take(chosen[0]), chosen[0], _MOST_NEAR + 1)
    if not len(validation) or not len(among):
        return None, f"{column!r}: no row of one of the files has a text", False
    kind = Kind(NAME, "text", "Jaccard index of five-letter shingles", LEAST, _MEND)
    seen = compare(validation, among, train.times)
    finding, detail = judge(context, kind, column, seen, n_looked_at=len(texts))
    n_without = len(chosen[1]) - len(validation)
    return finding, f"{detail}; {n_without:,} validation rows have no text" if n_without else detail, True


def _sketches(texts: pa.Array) -> Sketches:
    parts = [sketch_sets(values, offsets, _N_SLOTS) for values, offsets in shingle_sets(texts)]
    return np.concatenate([*parts, np.empty((0, _N_SLOTS), np.uint32)])


class _Index:
    """Bands of the training texts, sorted."""

    def __init__(self, texts: pa.Array, sketches: Sketches) -> None:
        self._texts = texts
        self._sketches = sketches
        self._filled = np.flatnonzero(~_is_empty(sketches))
        keys = band_keys(sketches[self._filled], _N_BANDS)
        orders = np.argsort(keys, axis=1, kind="stable")
        self._keys = np.take_along_axis(keys, orders, axis=1)
        self._rows = self._filled[orders]

    def near(self, texts: pa.Array, asked: I64, k: int) -> Neighbours:
        """The most alike training rows of each text that has any letters."""
        sketches = _sketches(texts)
        some = np.flatnonzero(~_is_empty(sketches))
        at, row, is_cut = self._candidates(band_keys(sketches[some], _N_BANDS))
        who = some[at]
        likeness = np.concatenate(
            [agreement(sketches[who[at]], self._sketches[row[at]]) for at in _parts(len(who))] or [np.empty(0)]
        )
        many = np.bincount(who[is_cut & (likeness >= LEAST)], minlength=len(texts)) >= _FEWEST_OF_MANY
        close = likeness >= LEAST - _DOUBT
        who, row, likeness = most_alike(who[close], row[close], likeness[close], k)
        doubtful = likeness < LEAST + _DOUBT
        likeness[doubtful] = self._exact(texts, who[doubtful], row[doubtful])
        return replace(neighbours(asked[some], np.searchsorted(some, who), row, likeness, k), many=many[some])

    def _candidates(self, keys: U64) -> tuple[I64, I64, Bool]:
        """Pairs (asked, training row) with a key in common, each once; and whether more rows have one of these keys."""
        n = len(self._sketches)
        found, cut = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for band, wanted in enumerate(keys):
            first = np.searchsorted(self._keys[band], wanted)
            size = np.searchsorted(self._keys[band], wanted, side="right") - first
            for nth in range(_MOST_IN_BAND):
                who = np.flatnonzero(size > nth)
                # spread over all rows of the key: those that stand together may be of one time
                step = np.maximum(size[who] // _MOST_IN_BAND, 1)
                row = self._rows[band][first[who] + nth * step]
                found.append(who * n + row)
                cut.append(found[-1][size[who] > _MOST_IN_BAND])
        codes = np.unique(np.concatenate(found))
        return codes // max(n, 1), codes % max(n, 1), np.isin(codes, np.concatenate(cut))

    def _exact(self, texts: pa.Array, who: I64, row: I64) -> F64:
        """What the sketches estimate, a part of the pairs at a time."""
        exact = np.zeros(len(who))
        for at in _parts(len(who)):
            asked, left = np.unique(who[at], return_inverse=True)
            known, right = np.unique(row[at], return_inverse=True)
            both = pa.concat_arrays([_large(texts.take(asked)), _large(self._texts.take(known))])
            values, offsets = all_shingles(both)
            exact[at] = jaccard_indices(values, offsets, left, right + len(asked))
        return exact


def _large(texts: pa.Array) -> pa.Array:
    return texts.cast(pa.large_string())


def _is_empty(sketches: Sketches) -> Bool:
    empty: Bool = sketches[:, 0] == EMPTY
    return empty


def _parts(n: int, size: int = 1 << 14) -> list[slice]:
    return [slice(begin, min(begin + size, n)) for begin in range(0, n, size)]
