"""Blocking: which near copies it finds, against all pairs compared, its own law and MinHash."""

from __future__ import annotations

import math

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from sentinel.audit.similarity.blocking import Blocking, Coarse, Index, plan
from sentinel.events.batch import I64, Bool

N_COLUMNS, N_KINDS = 12, 50


def _words(n: int, seed: int) -> Coarse:
    rng = np.random.default_rng(seed)
    return np.zeros((0, n)), rng.integers(1, N_KINDS + 1, (N_COLUMNS, n)).astype(np.uint64)


def _edited(rows: Coarse, n_edits: int, seed: int) -> Coarse:
    """Change exactly so many columns of each row."""
    rng = np.random.default_rng(seed)
    words = rows[1].copy()
    for i in range(words.shape[1]):
        columns = rng.choice(N_COLUMNS, n_edits, replace=False)
        words[columns, i] = (words[columns, i] + rng.integers(1, N_KINDS, n_edits)) % N_KINDS + N_KINDS + 1
    return rows[0], words


def _found(index: Index, rows: Coarse) -> Bool:
    """Whether row i of the index is among the candidates of row i."""
    asked, held = index.candidates(index.blocking.keys(*rows))
    result = np.zeros(rows[1].shape[1], np.bool_)
    result[asked[asked == held]] = True
    return result


@pytest.mark.parametrize(("n_edits", "recall"), [(0, 1.0), (1, 1.0), (2, 1.0), (3, None), (4, None)])
def test_rows_are_found_as_the_law_of_groups_says(n_edits: int, recall: float | None) -> None:
    """Rows are candidates if their edits fall into two of six groups of two: always for two, else by counting.

    Of C(12, k) sets of k columns, those within two groups: for k = 3, C(6, 2) pairs of groups with C(4, 3) sets each;
    each set of 3 spans exactly two groups, so 15 * 4 = 60 of 220. For k = 4, 15 of 495.
    """
    expected = recall if recall is not None else {3: 60 / 220, 4: 15 / 495}[n_edits]
    rows = _words(2_000, 1)
    index = plan(_words(500, 2), rows)
    assert index is not None
    sizes: I64 = np.bincount(index.blocking.groups)
    assert sizes.tolist() == [2] * 6
    seen = float(_found(index, _edited(rows, n_edits, 3)).mean())
    error = math.sqrt(expected * (1.0 - expected) / 2_000)
    assert seen == pytest.approx(expected, abs=4.0 * error)


def test_candidates_are_few_and_no_worse_than_those_of_minhash() -> None:
    """Of rows with two of twelve columns changed all are found; MinHash of 128 values in 16 bands two thirds.

    It finds 1 - (1 - J^8)^16 of rows with a Jaccard similarity of J, here 10 / 14.
    """
    rows = _words(400, 1)
    copies = _edited(rows, 2, 3)
    index = plan(_words(500, 2), rows)
    assert index is not None
    assert _found(index, copies).all()
    asked, _ = index.candidates(index.blocking.keys(*_words(400, 9)))
    assert len(asked) == 0
    near = MinHashLSH(num_perm=128, params=(16, 8))
    for i in range(400):
        near.insert(i, _minhash(rows, i))
    seen = float(np.mean([i in near.query(_minhash(copies, i)) for i in range(400)]))
    expected = 1.0 - (1.0 - (10 / 14) ** 8) ** 16
    assert seen == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / 400))
    assert seen < 0.8


def _minhash(rows: Coarse, i: int) -> MinHash:
    result = MinHash(num_perm=128, seed=1)
    for j, word in enumerate(rows[1][:, i].tolist()):
        result.update(f"{j}={word}".encode())
    return result


def test_candidates_are_all_pairs_that_share_a_key_and_no_others() -> None:
    """Against all pairs compared table by table; rows of keys that more than eight share are left out."""
    rng = np.random.default_rng(5)
    kinds = rng.integers(1, 4, (7, 300)).astype(np.uint64)
    blocking = Blocking(np.zeros(0), 0.5, np.arange(7) % 6)
    keys = blocking.keys(np.zeros((0, 300)), kinds)
    index = Index(blocking, keys[:, :200])
    asked, held = index.candidates(keys[:, 200:])
    expected = set()
    for row in keys:
        for i, key in enumerate(row[200:]):
            alike = np.flatnonzero(row[:200] == key)
            expected |= {(i, int(j)) for j in alike} if len(alike) <= 8 else set()
    assert set(zip(asked.tolist(), held.tolist(), strict=True)) == expected
    assert len(asked) == len(expected)


def test_bins_are_narrowed_until_candidates_are_few() -> None:
    """Four numbers of 20,000 rows take narrower bins than twelve."""
    rng = np.random.default_rng(6)
    few, many = (
        plan(
            (rng.normal(size=(d, 4_000)), np.zeros((0, 4_000), np.uint64)),
            (rng.normal(size=(d, 8_000)), np.zeros((0, 8_000), np.uint64)),
        )
        for d in (4, 12)
    )
    assert few is not None
    assert many is not None
    assert few.blocking.width < many.blocking.width


def test_inputs_that_tell_nothing_apart_have_no_index() -> None:
    """Rows that are all equal cannot be blocked."""
    same = np.zeros((6, 1_000)), np.ones((2, 1_000), np.uint64)
    index = plan(same, same)
    assert index is None or len(index.candidates(index.blocking.keys(*same))[0]) == 0
