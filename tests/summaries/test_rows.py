"""Rows: each value in the bin, slot and bucket that the definition names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.errors import FatalError
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Kind
from sentinel.summaries.layout import (
    BIN_ABOVE,
    BIN_BELOW,
    BIN_INVALID,
    BIN_MISSING,
    BIN_OTHER,
    BIN_UNSEEN,
    N_SPECIAL,
    FeatureBins,
    SliceColumn,
    cross_value,
)
from sentinel.summaries.rows import (
    HEADER,
    PENDING,
    bin_categories,
    bin_numbers,
    bin_predictions,
    row_dtype,
    slice_slots,
)
from tests.support.layouts import PLANS, REGIONS, SCORE_EDGES, draw_layout, draw_predictions, seeds, small_layout

edge_lists = st.lists(st.integers(-5, 5).map(float), unique=True, max_size=6).map(sorted).map(tuple)


def number_bin(edges: tuple[float, ...], value: float) -> int:
    """The definition, one value at a time: [e_i, e_i+1), the last bin closed."""
    if math.isnan(value):
        return BIN_MISSING
    if len(edges) < 2 or value > edges[-1]:
        return BIN_ABOVE
    if value < edges[0]:
        return BIN_BELOW
    last = len(edges) - 2
    return N_SPECIAL + next(i for i in range(last + 1) if i == last or value < edges[i + 1])


@given(edge_lists, st.lists(st.one_of(st.integers(-6, 6).map(float), st.floats())), st.data())
def test_numbers_are_binned_by_definition(edges: tuple[float, ...], values: list[float], data: st.DataObject) -> None:
    """Edges, infinities, NaN and what was no number each go where the definition puts them."""
    feature = FeatureBins(name="x", kind="numeric", edges=edges)
    invalid = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), np.bool_)
    expected = [number_bin(edges, value) for value in values]
    assert bin_numbers(feature, np.array(values, np.float64)).tolist() == expected
    marked = [BIN_INVALID if bad else code for bad, code in zip(invalid, expected, strict=True)]
    assert bin_numbers(feature, np.array(values, np.float64), invalid).tolist() == marked
    assert all(0 <= code < feature.n_bins for code in marked)


@given(st.integers(0, 5), st.lists(st.integers(INVALID, 7)))
def test_categories_are_binned_by_definition(n_kept: int, codes: list[int]) -> None:
    """Kept categories have a bin each; rare, unseen, missing and invalid ones are apart."""
    special = {MISSING: BIN_MISSING, UNSEEN: BIN_UNSEEN, INVALID: BIN_INVALID}
    expected = [special.get(c, c + N_SPECIAL if c < n_kept else BIN_OTHER) for c in codes]
    feature = FeatureBins(name="c", kind="categorical", n_kept=n_kept)
    assert bin_categories(feature, np.array(codes, np.int32)).tolist() == expected
    assert all(0 <= code < feature.n_bins for code in expected)


def test_slices_are_slotted_by_definition() -> None:
    """A value's own slot, (other) for rare and unseen ones, (missing) for absent ones; numbers by inner edges."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(1), 7)
    predictions.numeric[0] = [39.9, 40.0, -np.inf, np.inf, np.nan, 18.0, 90.0]
    predictions.categorical[0] = [0, 1, 2, MISSING, UNSEEN, INVALID, 0]
    predictions.categorical[1] = [0, 1, 0, 0, 1, MISSING, MISSING]
    predictions.scores[:] = [0.0, 0.39, 0.4, 0.41, 1.0, 0.2, 0.8]
    region, age, cross, band = layout.slices
    assert slice_slots(region, predictions).tolist() == [0, 1, 2, 3, 2, 2, 0]  # EU US | APAC: other | missing ...
    assert slice_slots(age, predictions).tolist() == [0, 1, 0, 1, 3, 0, 1]
    assert slice_slots(cross, predictions).tolist() == [0, 1, 2, 3, 2, 3, 3]  # EU,pro | US,basic | other | missing
    assert slice_slots(band, predictions).tolist() == [0, 0, 1, 1, 1, 0, 1]  # below .4, from .4 on
    rows = bin_predictions(layout, predictions)
    assert rows["slices"][0].tolist() == [0, 4, 8, 12]  # region has slots 0..3, age 4..7, the cross 8..11
    names = ["region=US", "age=40+", "region*plan=US,basic", "@score_band=<.4"]
    assert [layout.slice_names[slot] for slot in rows["slices"][1]] == names


@given(seeds)
def test_every_slice_slot_is_the_named_value(seed: int) -> None:
    """Of random layouts, the slot's name is the value's, crosses included, or other or missing with cause."""
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    predictions = draw_predictions(layout, rng, 20)
    rows = bin_predictions(layout, predictions)
    columns = {c.name: (c, predictions.categorical[j]) for j, c in enumerate(layout.schema.categorical)}
    for j, spec in enumerate(layout.slices):
        if spec.edges or spec.columns[0].startswith("n"):
            continue
        for row in range(20):
            codes = [int(columns[name][1][row]) for name in spec.columns]
            parts = [
                columns[name][0].vocabulary[c] if c >= 0 else None for name, c in zip(spec.columns, codes, strict=True)
            ]
            value = None if None in parts else ",".join(map(str, parts))
            fallback = "(missing)" if MISSING in codes else "(other)"
            expected = value if value in spec.values else fallback
            assert layout.slice_names[rows["slices"][row, j]] == f"{spec.name}={expected}"


def test_values_with_commas_do_not_share_a_cross() -> None:
    """`a` with `b,c` and `a,b` with `c` are two slices, each with its own slot."""
    columns: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
        ("x", "categorical", ("a", "a,b")),
        ("y", "categorical", ("b,c", "c")),
    )
    pairs = [("a", "b,c"), ("a,b", "c")]
    cross = SliceColumn(name="x*y", columns=("x", "y"), values=tuple(cross_value(*pair) for pair in pairs))
    layout = small_layout(columns=columns, features=(), slices=(cross,))
    predictions = draw_predictions(layout, np.random.default_rng(1), 3)
    predictions.categorical[0] = [0, 1, 0]
    predictions.categorical[1] = [0, 1, 1]
    assert slice_slots(cross, predictions).tolist() == [0, 1, 2]  # the third is of neither: other


def test_a_number_is_no_slice_without_bins_in_a_cross() -> None:
    """Crossing a numeric column is refused with the way out."""
    layout = small_layout(slices=(SliceColumn(name="region*age", columns=("region", "age"), values=()),))
    with pytest.raises(FatalError, match="'age' is not categorical: give it bins"):
        bin_predictions(layout, draw_predictions(layout, np.random.default_rng(1), 1))


def test_scores_are_binned_half_open() -> None:
    """A score on an edge belongs to the bin above it; 0 and 1 to the first and the last."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(1), 12)
    predictions.scores[:] = [0.0, *SCORE_EDGES, np.nextafter(0.1, 0), 1.0]
    assert bin_predictions(layout, predictions)["score_bin"].tolist() == [*range(10), 0, 9]


@given(seeds, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_coarse_bins_agree_with_the_coarse_edges(seed: int, scores: list[float]) -> None:
    """A headline bin's slice bin is the one that the slice edges give the score itself."""
    layout = draw_layout(np.random.default_rng(seed))
    exact = np.array([*scores, *layout.score_edges, 0.0, 1.0])
    fine = np.searchsorted(layout.edges_array, exact, side="right")
    expected = np.searchsorted(np.array(layout.slice_score_edges), exact, side="right")
    assert layout.coarse_bin[fine].tolist() == expected.tolist()
    assert len(layout.coarse_bin) == layout.n_score_bins
    assert layout.coarse_bin.max() == layout.n_slice_score_bins - 1


def test_a_row_carries_what_its_outcome_needs() -> None:
    """Header fields are copied, state is pending, and the entity decides the bucket, the id where there is none."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(5), 400)
    predictions.groups[:4] = [0, 7 << 32, 7 << 32, 0]
    predictions.keys[:4] = [3 << 32, 1, 2, 5 << 32]
    rows = bin_predictions(layout, predictions, layout_id=9)
    assert (rows["layout"] == 9).all()
    assert (rows["state"] == PENDING).all()
    assert (rows["score"] == predictions.scores).all()
    assert (rows["predicted_at"] == predictions.predicted_at).all()
    assert rows["bucket"][:4].tolist() == [3, 7, 7, 5]
    assert set(rows["bucket"].tolist()) == set(range(8))
    assert len(bin_predictions(layout, draw_predictions(layout, np.random.default_rng(5), 0))) == 0


def test_buckets_are_even() -> None:
    """Entities spread evenly over the buckets: chi-square of 8 cells under its .9999 quantile at 7 degrees, 29.9."""
    layout = small_layout()
    predictions = draw_predictions(layout, np.random.default_rng(6), 8_000)
    predictions.groups[:] = 0
    counts = np.bincount(bin_predictions(layout, predictions)["bucket"], minlength=8)
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 29.9


def test_rows_are_the_header_and_then_the_layout() -> None:
    """The header is the same bytes under every layout, so stored rows are routed without their layout."""
    dtype = row_dtype(small_layout())
    assert dtype.names is not None
    assert dtype.names == (*(HEADER.names or ()), "slices", "features", "backfilled", "given", "differs", "high")
    assert dtype.itemsize == HEADER.itemsize + 4 * 2 + 3 + 1 + 3 * 1  # a flag, and three masks of a bit a feature
    assert row_dtype(small_layout(slices=(), features=())).itemsize == HEADER.itemsize + 1 == 41


def test_a_layout_as_wide_as_a_row_is_held() -> None:
    """A feature of 256 bins and 256 buckets still fit the bytes."""
    widest = FeatureBins(name="plan", kind="categorical", n_kept=252)
    assert widest.n_bins == 256
    assert row_dtype(small_layout(features=(widest,), n_buckets=256)).itemsize > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": (FeatureBins(name="plan", kind="categorical", n_kept=253),)}, "'plan' has 257 bins; a row holds"),
        ({"n_buckets": 257}, "257 buckets: a row holds at most 65536, 65536 and 256"),
        (
            {"slices": (SliceColumn(name="r", columns=("region",), values=tuple(map(str, range(1 << 16)))),)},
            "65538 slice slots",
        ),
    ],
)
def test_a_layout_too_wide_for_a_row_is_refused(changes: dict[str, object], message: str) -> None:
    """What would wrap around in a row's small integers is refused before anything is counted."""
    with pytest.raises(FatalError, match=message):
        row_dtype(small_layout(**changes))


def test_the_support_layout_is_what_these_tests_assume() -> None:
    """The vocabulary whose codes the tests above write by hand."""
    assert (REGIONS, PLANS) == (("EU", "US", "APAC"), ("pro", "basic"))
