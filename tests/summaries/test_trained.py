"""Marks: what training has seen of a prediction, and how it is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentinel.summaries.algebra import Summary
from sentinel.summaries.bloom import BloomFilter
from sentinel.summaries.fingerprints import row_fingerprints
from sentinel.summaries.rows import bin_predictions
from sentinel.summaries.trained import NAMED, SEEN_ENTITY, SEEN_ROW, TrainedOn, n_marked
from tests.support.layouts import draw_predictions, draw_rows, small_layout

LAYOUT = small_layout()
N = 400


def _trained(n_rows: int, n_entities: int) -> tuple[TrainedOn, np.ndarray]:
    """Filters of the first rows and of the entities of the first rows, and the marks that exact sets would give."""
    predictions = draw_predictions(LAYOUT, np.random.default_rng(1), N)
    prints, groups = row_fingerprints(predictions), predictions.groups
    rows, entities = BloomFilter.sized_for(100_000, 1), BloomFilter.sized_for(100_000, 2)
    rows.add(prints[:n_rows])
    entities.add(groups[:n_entities][groups[:n_entities] != 0])
    expected = (groups != 0) * NAMED
    expected |= np.isin(prints, prints[:n_rows]) * SEEN_ROW
    expected |= (np.isin(groups, groups[:n_entities]) & (groups != 0)) * SEEN_ENTITY
    return TrainedOn(rows, entities), expected


def test_marks_say_what_training_holds() -> None:
    """Rows, entities and names are marked as exact sets would; the filter is large enough to err nowhere here."""
    trained, expected = _trained(150, 10)
    predictions = draw_predictions(LAYOUT, np.random.default_rng(1), N)
    np.testing.assert_array_equal(trained.marks(predictions), expected)
    np.testing.assert_array_equal(bin_predictions(LAYOUT, predictions, trained_on=trained)["marks"], expected)


def test_unknown_training_marks_names_alone() -> None:
    """Without filters nothing is seen, and an entity is still named or not."""
    predictions = draw_predictions(LAYOUT, np.random.default_rng(1), N)
    np.testing.assert_array_equal(TrainedOn().marks(predictions), (predictions.groups != 0) * NAMED)


def test_no_entity_is_never_seen() -> None:
    """Even a filter with every bit set does not know the entity of a prediction that names none."""
    predictions = draw_predictions(LAYOUT, np.random.default_rng(1), N)
    full = BloomFilter(np.full(1024, 255, np.uint8), 1)
    anonymous = replace(predictions, groups=np.zeros(N, np.uint64))
    assert set(TrainedOn(full, full).marks(anonymous).tolist()) == {SEEN_ROW}
    assert TrainedOn(full, full).marks(draw_predictions(LAYOUT, np.random.default_rng(1), 0)).shape == (0,)


def test_overlap_counts_predictions_and_outcomes_by_mark() -> None:
    """Every prediction counts under its mark, every outcome in the cell of its first two bits, its bin and value."""
    rng = np.random.default_rng(2)
    rows = draw_rows(LAYOUT, rng, N)
    rows["marks"] = rng.integers(0, 8, N)
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    np.testing.assert_array_equal(summary["marks"], np.bincount(rows["marks"], minlength=8))
    np.testing.assert_array_equal(summary["overlap_outcomes"].sum(axis=0), summary["outcomes"])
    for seen in range(4):
        members = rows[(rows["marks"] & 3) == seen]
        assert summary["overlap_outcomes"][seen, :, 1].sum() == members["outcome"].sum()
        assert summary["overlap_outcomes"][seen].sum() == len(members)
    assert n_marked(summary["marks"], NAMED) == ((rows["marks"] & NAMED) != 0).sum()
