"""Texts as sets of shingles, against sets of strings."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from sentinel.audit.similarity.shingles import MOST_CHARACTERS, all_shingles, jaccard_indices, shingle_sets

TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "  the QUICK brown\t\nfox   jumped over the lazy dog ",
    "Straße, naïve café, 東京 and 🙂🙂🙂",
    "STRASSE, NAÏVE CAFÉ, 東京 and 🙂🙂",
    "ab",
    "a\0b",
]


def _strings(text: str) -> set[str]:
    """Shingles as strings: the text folded, its white space collapsed, its end padded."""
    folded = " ".join(text.replace("\0", " ").casefold().split())
    padded = folded + "\0" * 4
    return {padded[i : i + 5] for i in range(len(folded))}


def test_jaccard_is_that_of_sets_of_strings() -> None:
    """For every pair of texts the index is that of their sets of five-letter strings."""
    values, offsets = all_shingles(pa.array(TEXTS))
    left, right = (side.ravel() for side in np.meshgrid(np.arange(len(TEXTS)), np.arange(len(TEXTS))))
    expected = [
        len(_strings(TEXTS[i]) & _strings(TEXTS[j])) / len(_strings(TEXTS[i]) | _strings(TEXTS[j]))
        for i, j in zip(left, right, strict=True)
    ]
    assert jaccard_indices(values, offsets, left, right) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_nothing_to_read(kind: pa.DataType) -> None:
    """Null, empty and blank texts have no shingles, whatever the type of string, and no texts give none."""
    values, offsets = all_shingles(pa.array([None, "", " \t\u00a0 ", "x"], kind))
    assert offsets.tolist() == [0, 0, 0, 0, 1]
    assert len(values) == 1
    assert all_shingles(pa.array([], kind))[1].tolist() == [0]


def test_long_texts_are_cut() -> None:
    """Only the first characters of a text are looked at, so that one cell cannot fill the memory."""
    _, offsets = all_shingles(pa.array(["x" * 10 * MOST_CHARACTERS]))
    assert offsets.tolist() == [0, MOST_CHARACTERS]


def test_batches_do_not_matter() -> None:
    """A text has the same shingles whatever stands before it, across the borders of the parts too."""
    rng = np.random.default_rng(5)
    texts = ["".join(rng.choice(list("abc  \u2003é"), rng.integers(0, 30))) for _ in range(2_500)]
    values, offsets = all_shingles(pa.array(texts))
    for at in (0, 499, 500, 1_001, 2_499):
        alone, _ = all_shingles(pa.array([texts[at]]))
        assert values[offsets[at] : offsets[at + 1]].tolist() == alone.tolist()


def test_memory_does_not_grow_with_the_texts() -> None:
    """Long texts are taken apart some at a time: what is held at once is that of two parts, however many there are."""
    texts = pa.array(["lorem ipsum " * (MOST_CHARACTERS // 12)] * 3_000)
    tracemalloc.start()
    for _ in shingle_sets(texts):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # two parts of 2 million characters of at most 50 bytes each; all 12 million shingles alone are 96 MB
    assert peak < 2 * 500 * MOST_CHARACTERS * 50
