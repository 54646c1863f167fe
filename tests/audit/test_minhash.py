"""Sketches of sets, against an independent MinHash."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash

from sentinel.audit.similarity.minhash import EMPTY, agreement, band_keys, sketch_sets
from sentinel.events.batch import I64, U64
from sentinel.summaries.fingerprints import mix

N_SLOTS = 120


def _pairs(n_pairs: int, size: int, jaccard: float, seed: int) -> tuple[U64, I64]:
    """Sets 2i and 2i + 1 of so many tokens share as many as make up the index."""
    shared = round(2 * size * jaccard / (1 + jaccard))
    tokens = mix(np.arange(n_pairs * (2 * size - shared), dtype=np.uint64) + np.uint64(seed << 40))
    each = tokens.reshape(n_pairs, -1)
    sets = np.stack([each[:, :size], each[:, size - shared :]], axis=1)
    return sets.reshape(-1), np.arange(0, 2 * n_pairs * size + 1, size)


@pytest.mark.parametrize("jaccard", [0.2, 0.5, 0.7, 0.9])
def test_agreement_is_the_jaccard_index(jaccard: float) -> None:
    """The share of equal slots is the index, with no more spread than MinHash of as many permutations has."""
    values, offsets = _pairs(400, 300, jaccard, seed=1)
    sketches = sketch_sets(values, offsets, N_SLOTS)
    shared = round(600 * jaccard / (1 + jaccard))
    exact = shared / (600 - shared)

    found = agreement(sketches[0::2], sketches[1::2])

    spread = np.sqrt(exact * (1 - exact) / N_SLOTS)  # of the binomial: n_slots independent draws
    assert abs(found.mean() - exact) < 4 * spread / np.sqrt(400)
    assert found.std() < 1.15 * spread


def test_agreement_matches_datasketch() -> None:
    """Sets of few and of many tokens get the index that datasketch gives them, within both methods' spread."""
    for size, jaccard in ((40, 0.6), (500, 0.6), (500, 0.8)):
        values, offsets = _pairs(40, size, jaccard, seed=2)
        sketches = sketch_sets(values, offsets, N_SLOTS)
        ours = agreement(sketches[0::2], sketches[1::2])
        theirs = []
        for pair in range(40):
            one, other = (MinHash(num_perm=256, seed=3) for _ in range(2))
            for sketch, place in ((one, 2 * pair), (other, 2 * pair + 1)):
                sketch.update_batch([token.tobytes() for token in values[offsets[place] : offsets[place + 1]]])
            theirs.append(one.jaccard(other))
        # 40 pairs: the mean of ours has a standard error of at most sqrt(.25 / 40) / sqrt(40) = .0125 at 40 tokens
        assert abs(ours.mean() - np.mean(theirs)) < 0.04


def test_bands_find_as_the_curve_says() -> None:
    """Sets meet in a band with probability 1 - (1 - J^r)^b."""
    for jaccard in (0.3, 0.5, 0.7):
        values, offsets = _pairs(600, 300, jaccard, seed=3)
        keys = band_keys(sketch_sets(values, offsets, N_SLOTS), 24)
        shared = round(600 * jaccard / (1 + jaccard))
        exact = shared / (600 - shared)
        expected = 1 - (1 - exact**5) ** 24

        met = (keys[:, 0::2] == keys[:, 1::2]).any(axis=0).mean()

        assert abs(met - expected) < 4 * np.sqrt(expected * (1 - expected) / 600) + 0.01


def test_repeated_tokens_order_and_batches_do_not_matter() -> None:
    """A sketch depends on the set alone: not on order, repeats, or the sets beside it."""
    rng = np.random.default_rng(4)
    tokens = mix(np.arange(50, dtype=np.uint64))
    twice = rng.permutation(np.concatenate([tokens, tokens]))
    together = sketch_sets(np.concatenate([tokens, twice]), np.array([0, 50, 150]), N_SLOTS)
    alone = sketch_sets(twice, np.array([0, 100]), N_SLOTS)
    assert (together[0] == together[1]).all()
    assert (together[1] == alone[0]).all()


def test_empty_sets() -> None:
    """The empty set stays empty in all slots, one token fills all of them, and no sets give no sketches."""
    sketches = sketch_sets(np.array([7], np.uint64), np.array([0, 0, 1, 1]), N_SLOTS)
    assert (sketches[[0, 2]] == EMPTY).all()
    assert (sketches[1] == sketches[1, 0]).all()
    assert sketch_sets(np.empty(0, np.uint64), np.array([0]), N_SLOTS).shape == (0, N_SLOTS)


def test_bands_divide_the_slots() -> None:
    """Bands that do not divide the slots are refused."""
    with pytest.raises(ValueError, match="120 slots cannot be divided into 7 bands"):
        band_keys(np.zeros((1, 120), np.uint32), 7)
