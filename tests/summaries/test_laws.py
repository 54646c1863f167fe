"""The laws of the Summary, for every registered kind: found by introspection, so that a new kind is tested by being."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sentinel.summaries
from sentinel.errors import CorruptArtifactError, LayoutMismatchError
from sentinel.summaries import Summary
from sentinel.summaries.algebra import Arrays, Reducer, add_counts, array_specs, kinds_for
from sentinel.summaries.layout import BIN_ABOVE, BIN_BELOW, BIN_INVALID, BIN_MISSING, BIN_UNSEEN, Layout
from sentinel.summaries.registry import KINDS
from sentinel.summaries.rows import Rows, bin_predictions
from tests.support.layouts import (
    TASKS,
    draw_backfilled,
    draw_checked,
    draw_layout,
    draw_predictions,
    draw_rows,
    seeds,
    small_layout,
)

LAYOUT = small_layout()


def counted(layout: Layout, rows: Rows, n_outcomes: int | None = None) -> Summary:
    """A Summary of rows as predictions, the first of them with their outcome."""
    summary = Summary.zero(layout)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows[:n_outcomes])
    return summary


def some(layout: Layout, seed: int, n: int = 25) -> Summary:
    """A Summary of random rows."""
    return counted(layout, draw_rows(layout, np.random.default_rng(seed), n), n // 2)


def snapshot(summary: Summary) -> Arrays:
    """What a Summary holds now, out of its reach."""
    return {name: array.copy() for name, array in summary.arrays.items()}


def test_names_are_unique() -> None:
    """No two kinds share a name, and no two arrays of a layout."""
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    names = [name for kind in kinds_for(LAYOUT) for name in kind.arrays(LAYOUT)]
    assert len(set(names)) == len(names)


@given(seeds, seeds, seeds, seeds)
def test_merge_is_a_commutative_monoid(shape: int, first: int, second: int, third: int) -> None:
    """Zero changes nothing on either side; order and grouping of merges do not matter."""
    layout = draw_layout(np.random.default_rng(shape))
    a, b, c = (some(layout, seed, 12) for seed in (first, second, third))
    assert Summary.zero(layout).merge(Summary.zero(layout)) == Summary.zero(layout)
    assert Summary.zero(layout).merge(a) == a == a.copy().merge(Summary.zero(layout))
    assert a.copy().merge(b) == b.copy().merge(a)
    assert a.copy().merge(b).merge(c) == a.copy().merge(b.copy().merge(c))


@given(seeds, seeds)
def test_merge_leaves_its_right_side_untouched(first: int, second: int) -> None:
    """The right operand holds afterwards what it held before, and shares no memory with the left."""
    a, b = some(LAYOUT, first), some(LAYOUT, second)
    before = snapshot(b)
    a.merge(b)
    a.merge(a.copy())
    for name, array in before.items():
        np.testing.assert_array_equal(b.arrays[name], array)


@settings(max_examples=60)
@given(seeds, st.integers(0, 40), st.data())
def test_any_split_and_order_of_events_counts_the_same(seed: int, n: int, data: st.DataObject) -> None:
    """Batches of any size, in any order, outcomes before or after, over any number of collectors: one state."""
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    rows = draw_rows(layout, rng, n)
    expected = counted(layout, rows)
    steps = [(sign, int(row)) for sign in (0, 1) for row in range(n)]
    rng.shuffle(steps)
    collectors = [Summary.zero(layout) for _ in range(data.draw(st.integers(1, 4)))]
    while steps:
        size = data.draw(st.integers(1, len(steps)))
        batch, steps = steps[:size], steps[size:]
        collector = collectors[data.draw(st.integers(0, len(collectors) - 1))]
        collector.observe_predictions(rows[[row for sign, row in batch if sign == 0]])
        collector.observe_outcomes(rows[[row for sign, row in batch if sign == 1]])
    total = Summary.zero(layout)
    for collector in data.draw(st.permutations(collectors)):
        total.merge(collector)
    assert total == expected


@given(seeds, seeds)
def test_a_corrected_outcome_leaves_no_trace(first: int, second: int) -> None:
    """Counting outcomes and taking them back restores every array, bit for bit."""
    summary = some(LAYOUT, first)
    before = snapshot(summary)
    rows = draw_rows(LAYOUT, np.random.default_rng(second), 30)
    summary.observe_outcomes(rows, 1)
    summary.observe_outcomes(rows[::-1], -1)
    for name, array in before.items():
        np.testing.assert_array_equal(summary.arrays[name], array)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_only_sums_depend_on_outcomes(kind: object) -> None:
    """Minima, maxima and unions cannot be taken back, so outcomes must not touch them."""
    summary = Summary.zero(LAYOUT)
    summary.observe_outcomes(draw_rows(LAYOUT, np.random.default_rng(1), 200))
    for name, spec in array_specs(LAYOUT).items():
        if spec.reducer is not Reducer.SUM:
            assert (summary.arrays[name] == spec.reducer.zero).all(), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_array_of_a_kind_counts_something(kind: object) -> None:
    """A registered array that ordinary events never touch is dead weight or a forgotten line."""
    assert isinstance(kind, type(KINDS[0]))
    layout = small_layout(**next(fields for task, fields in TASKS.items() if task in kind.tasks))
    rng = np.random.default_rng(2)
    summary = counted(layout, draw_rows(layout, rng, 500))
    summary.observe_checks(draw_checked(layout, rng, 500))
    summary.observe_backfills(draw_backfilled(layout, rng, 500))
    specs = kind.arrays(layout)
    assert specs
    for name, spec in specs.items():
        assert (summary.arrays[name] != spec.reducer.zero).any(), name


def test_memory_does_not_grow_with_the_events() -> None:
    """After a hundred times the events, a Summary holds exactly as many bytes."""
    small, large = some(LAYOUT, 1, 10), some(LAYOUT, 2, 1_000)
    assert [a.nbytes for a in small.arrays.values()] == [a.nbytes for a in large.arrays.values()]


@given(seeds, seeds)
def test_bytes_round_trip(shape: int, seed: int) -> None:
    """What was written is read back, equal bytes for equal counts, and can be counted on."""
    layout = draw_layout(np.random.default_rng(shape))
    summary = some(layout, seed)
    data = summary.to_bytes()
    restored = Summary.from_bytes(layout, data)
    assert restored == summary
    assert restored.to_bytes() == data
    assert restored.merge(summary) == summary.copy().merge(summary)


@pytest.mark.parametrize("changes", [{"version": "8"}, {"threshold": 0.6}, {"n_buckets": 9}, {"slices": ()}])
def test_another_layout_is_refused(changes: dict[str, object]) -> None:
    """Counts of different baselines neither merge nor load, even where their shapes agree; nothing is half merged."""
    left, right = some(LAYOUT, 1), some(small_layout(**changes), 2)
    before = snapshot(left)
    with pytest.raises(LayoutMismatchError, match="counted by different baselines"):
        left.merge(right)
    assert all(np.array_equal(left.arrays[name], array) for name, array in before.items())
    with pytest.raises(LayoutMismatchError, match="stored counts belong to layout"):
        Summary.from_bytes(LAYOUT, right.to_bytes())
    assert left != right


def test_missing_and_misshapen_arrays_are_refused() -> None:
    """Stored counts of the right layout that lack an array, or hold it in another shape or type, are corrupt."""
    for change in (lambda a: a[:-1], lambda a: a.astype(np.float64), None):
        summary = some(LAYOUT, 1)
        array = summary.arrays.pop("scores")
        if change is not None:
            summary.arrays["scores"] = change(array)
        with pytest.raises(CorruptArtifactError, match="lack or misshape the arrays scores"):
            Summary.from_bytes(LAYOUT, summary.to_bytes())


def test_frozen_and_copied_summaries_are_independent() -> None:
    """A frozen copy refuses writes and does not follow the original."""
    summary = some(LAYOUT, 1)
    frozen = summary.copy().freeze()
    assert frozen.is_frozen
    assert not frozen.copy().is_frozen
    summary.merge(some(LAYOUT, 2))
    assert frozen == some(LAYOUT, 1)
    with pytest.raises(ValueError, match=r"read-only|not writeable"):
        frozen.merge(summary)


@given(seeds, st.integers(0, 60))
def test_totals_are_the_events(seed: int, n: int) -> None:
    """Every prediction is in one score bin, one bin of each feature and one slot of each slice column."""
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    summary = counted(layout, draw_rows(layout, rng, n), n // 2)
    assert (summary.n_predictions, summary.n_outcomes) == (n, n // 2)
    assert summary["features"].sum() == n * len(layout.features)
    assert summary["slice_scores"].sum() == n * len(layout.slices)
    assert summary["feature_outcomes"].sum() == (n // 2) * len(layout.features)
    assert summary["buckets"].sum() == summary["delays"].sum() == n // 2
    if layout.task == "binary":
        assert summary["confusion"][0].sum() == n // 2
    for j, offset in enumerate(layout.feature_offsets[:-1]):
        assert summary["features"][offset : layout.feature_offsets[j + 1]].sum() == n


def test_what_is_no_ordinary_value_has_its_own_bin() -> None:
    """NaN, infinities, unseen categories and values of a wrong type are counted apart, each in its bin."""
    predictions = draw_predictions(LAYOUT, np.random.default_rng(3), 5)
    predictions.numeric[:] = np.array([np.nan, np.inf, -np.inf, np.nan, 25.0])
    predictions.categorical[:] = np.array([-1, -2, -3, 1, 0])
    object.__setattr__(predictions, "invalid", np.array([[False, False, False, True, False]] * 2))
    rows = bin_predictions(LAYOUT, predictions)
    assert rows["features"][:, 0].tolist() == [BIN_MISSING, BIN_ABOVE, BIN_BELOW, BIN_INVALID, 4]
    assert rows["features"][:, 2].tolist() == [BIN_MISSING, BIN_UNSEEN, BIN_INVALID, BIN_ABOVE, 4]
    summary = counted(LAYOUT, rows)
    assert summary["features"][:4].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("reducer", "merged"),
    [(Reducer.SUM, [5, 3]), (Reducer.MIN, [1, 1]), (Reducer.MAX, [4, 2]), (Reducer.OR, [5, 3])],
)
def test_reducers_merge_and_have_a_zero(reducer: Reducer, merged: list[int]) -> None:
    """Sum, minimum, maximum and union of cells; the zero of each changes nothing."""
    left, right = np.array([1, 2]), np.array([4, 1])
    reducer.merge_into(left, right)
    assert left.tolist() == merged
    reducer.merge_into(left, np.full(2, reducer.zero))
    assert left.tolist() == merged
    assert right.tolist() == [4, 1]


@given(st.lists(st.integers(0, 99), max_size=60), st.sampled_from([1, -1]), st.sampled_from([3, 100]))
def test_add_counts_is_the_same_dense_and_scattered(codes: list[int], weight: int, n_cells: int) -> None:
    """The pass over many codes and the scattered additions of few agree with counting by hand."""
    inside = np.array([code % n_cells for code in codes], np.int64)
    array = np.arange(n_cells).reshape(n_cells, 1)
    expected = np.arange(n_cells) + [weight * int((inside == cell).sum()) for cell in range(n_cells)]
    add_counts(array, inside, weight)
    assert array[:, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("weight", [1, -1])
def test_add_counts_adds_each_rows_amount_to_all_its_cells(weight: int) -> None:
    """Two rows of two cells, one shared: amounts 10 and 3 meet in it; with weight -1 they are taken back."""
    array = np.zeros((2, 2), np.int64)
    add_counts(array, np.array([[0, 1], [1, 3]]), weight, np.array([10, 3]))
    assert array.tolist() == [[weight * 10, weight * 13], [0, weight * 3]]
    add_counts(array, np.array([0, 2]), weight, np.array([1, 2]))
    assert array.tolist() == [[weight * 11, weight * 13], [weight * 2, weight * 3]]


def test_wide_layouts_do_not_wrap() -> None:
    """A thousand slice slots by a hundred score bins exceed 16 bits: each cell is still counted where it belongs."""
    vocabulary = tuple(f"v{i}" for i in range(1_000))
    edges = tuple((np.arange(1, 100) / 100).tolist())
    layout = small_layout(
        columns=(("region", "categorical", vocabulary),),
        features=(),
        slices=({"name": "region", "columns": ("region",), "values": vocabulary},),
        score_edges=edges,
        slice_score_edges=edges,
    )
    layout = Layout.from_bytes(layout.to_bytes())
    predictions = draw_predictions(layout, np.random.default_rng(4), 1)
    predictions.categorical[:] = 999
    predictions.scores[:] = 0.995
    summary = counted(layout, bin_predictions(layout, predictions))
    assert np.argwhere(summary["slice_scores"]).tolist() == [[999, 99]]
    assert summary["slice_outcomes"][999, 99].sum() == 1


def test_summaries_never_touch_pickle() -> None:
    """No module of the package imports a format that runs code when it is read."""
    unsafe = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
    for path in Path(sentinel.summaries.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not unsafe & {name.partition(".")[0] for name in names}, path
