"""Binned predictions as fixed-width rows: what waits in the join store, and what the kinds count.

A row holds everything that its outcome will need later, and no raw feature value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.errors import FatalError
from sentinel.events.batch import F64, I32, I64, Bool, Predictions
from sentinel.events.schema import INVALID, MISSING, UNSEEN, EventSchema
from sentinel.summaries.class_block import class_fields, write_classes
from sentinel.summaries.layout import (
    BIN_ABOVE,
    BIN_BELOW,
    BIN_INVALID,
    BIN_MISSING,
    BIN_OTHER,
    BIN_UNSEEN,
    N_SPECIAL,
    OF_SCORE,
    FeatureBins,
    Layout,
    SliceColumn,
    cross_value,
    kept,
)
from sentinel.summaries.list_block import list_fields, write_lists
from sentinel.summaries.trained import UNKNOWN_TRAINING, TrainedOn

Rows = npt.NDArray[np.void]

PENDING, JOINED, ORPHAN, RECOMPUTED, SPENT = range(5)
"""State of a row: a prediction that waits, a prediction with its outcome, an outcome whose prediction is not here; a
backfill whose prediction is not here, and one whose prediction has come."""

N_CODES = 256
"""Bins of a feature that a row can name: one byte."""

_FEW_EDGES = 32
"""Up to so many, comparing with each costs less than a search, whose every step is a guess."""

HEADER = np.dtype(
    [
        ("layout", "<u2"),
        ("state", "u1"),
        ("bucket", "u1"),
        ("score_bin", "<u2"),
        ("marks", "u1"),
        ("spare", "u1"),
        ("predicted_at", "<i8"),
        ("outcome_at", "<i8"),
        ("score", "<f8"),
        ("outcome", "<f8"),
    ]
)
"""The part that all rows share, whatever their layout."""


def row_dtype(layout: Layout) -> np.dtype[np.void]:
    """The row of one layout: the header, the slice slots, the feature bins, what backfills said of them."""
    return kept(layout, "_row_dtype", _make_row_dtype)


def _make_row_dtype(layout: Layout) -> np.dtype[np.void]:
    for feature in layout.features:
        if feature.n_bins > N_CODES:
            raise FatalError(f"feature {feature.name!r} has {feature.n_bins} bins; a row holds at most {N_CODES}")
    if layout.n_slices > 1 << 16 or layout.n_score_bins > 1 << 16 or layout.n_buckets > 256:
        raise FatalError(
            f"{layout.n_slices} slice slots, {layout.n_score_bins} score bins, {layout.n_buckets} buckets: "
            "a row holds at most 65536, 65536 and 256"
        )
    fields = [(name, HEADER[name]) for name in HEADER.names or ()]
    fields.append(("slices", np.dtype(("<u2", (len(layout.slices),)))))
    fields.append(("features", np.dtype(("u1", (len(layout.features),)))))
    mask = np.dtype(("u1", ((len(layout.features) + 7) // 8,)))
    fields += [("backfilled", np.dtype("u1")), ("given", mask), ("differs", mask), ("high", mask)]
    return np.dtype([*fields, *class_fields(layout), *list_fields(layout)])


def slice_rows(rows: Rows) -> I64:
    """Where each row counts in an array whose row 0 is all traffic and whose row 1 + s is slice slot s.

    Parameters
    ----------
    rows : structured array, shape (n,)

    Returns
    -------
    int64 array, shape (n, 1 + n slice columns)
        New each time: it may be written over.
    """
    found = np.zeros((len(rows), 1 + rows["slices"].shape[1]), np.int64)
    found[:, 1:] = rows["slices"]
    found[:, 1:] += 1
    return found


def bin_predictions(
    layout: Layout, predictions: Predictions, layout_id: int = 0, trained_on: TrainedOn = UNKNOWN_TRAINING
) -> Rows:
    """Write decoded predictions as rows.

    Parameters
    ----------
    layout : Layout
        Whose schema the predictions were decoded by.
    layout_id : int
        Names the layout inside the store that will hold the rows.
    trained_on : TrainedOn
        Says which predictions training has seen.

    Returns
    -------
    structured array, shape (n,), dtype :func:`row_dtype`
    """
    rows = np.zeros(len(predictions), row_dtype(layout))
    rows["layout"] = layout_id
    rows["state"] = PENDING
    entity = np.where(predictions.groups == 0, predictions.keys, predictions.groups)
    rows["bucket"] = _high_half(entity) % np.uint64(layout.n_buckets)
    scores = _scores(layout, rows, predictions)
    rows["score_bin"] = np.searchsorted(layout.edges_array, scores, side="right")
    rows["predicted_at"] = predictions.predicted_at
    rows["score"] = scores
    rows["marks"] = trained_on.marks(predictions)
    for j, spec in enumerate(layout.slices):
        rows["slices"][:, j] = layout.slice_offsets[j] + slice_slots(spec, predictions)
    p = predictions
    feature_bins(layout, p.schema, p.numeric, p.invalid, p.categorical, out=rows["features"])
    return rows


def _scores(layout: Layout, rows: Rows, predictions: Predictions) -> F64:
    """Scores of the question of yes or no that each row is asked; fills what the task's rows hold besides."""
    if predictions.probabilities is not None:
        return write_classes(layout, rows, predictions)
    if predictions.items is not None:
        return write_lists(layout, rows, predictions)
    return predictions.scores


def feature_bins(
    layout: Layout,
    schema: EventSchema,
    numeric: F64,
    invalid: Bool | None,
    categorical: I32,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Bin every feature of the layout.

    Parameters
    ----------
    layout : Layout
    schema : EventSchema
        What the columns were decoded by.
    numeric, invalid, categorical : arrays
        As in :class:`~sentinel.events.batch.Predictions`.
    out : uint8 array, shape (n, n_features), optional
        Where to write.

    Returns
    -------
    uint8 array, shape (n, n_features)
    """
    bins = np.empty((numeric.shape[1], len(layout.features)), np.uint8) if out is None else out
    numbers = {c.name: j for j, c in enumerate(schema.numeric)}
    categories = {c.name: j for j, c in enumerate(schema.categorical)}
    for j, feature in enumerate(layout.features):
        if feature.kind == "numeric":
            at = numbers[feature.name]
            bins[:, j] = bin_numbers(feature, numeric[at], None if invalid is None else invalid[at])
        else:
            bins[:, j] = bin_categories(feature, categorical[categories[feature.name]])
    return bins


def _high_half(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The low bits of XXH3 would be fine too, but group keys have bit 0 set."""
    return keys >> np.uint64(32)


def bin_numbers(feature: FeatureBins, values: F64, invalid: Bool | None = None) -> I64:
    """Bin a numeric column.

    Returns
    -------
    int64 array, shape (n,)
        NaN goes to BIN_MISSING, what was no number to BIN_INVALID, infinities out of range.
    """
    edges = np.array(feature.edges)
    if len(edges) < 2:
        codes = np.full(len(values), BIN_ABOVE, np.int64)
    else:
        codes = _count_edges(edges[1:-1], values) + N_SPECIAL
        codes[values < edges[0]] = BIN_BELOW
        codes[values > edges[-1]] = BIN_ABOVE
    codes[np.isnan(values)] = BIN_MISSING
    if invalid is not None:
        codes[invalid] = BIN_INVALID
    return codes


def _count_edges(edges: F64, values: F64) -> I64:
    """How many edges each value has reached: as ``searchsorted`` says, NaN apart, and sooner where edges are few."""
    if len(edges) > _FEW_EDGES:
        return np.searchsorted(edges, values, side="right").astype(np.int64)
    reached: npt.NDArray[np.uint8] = np.add.reduce(values >= edges[:, None], axis=0, dtype=np.uint8)
    return reached.astype(np.int64)


def bin_categories(feature: FeatureBins, codes: I32) -> I64:
    """Bin a categorical column by its codes.

    Returns
    -------
    int64 array, shape (n,)
    """
    bins = np.where(codes < feature.n_kept, codes + N_SPECIAL, BIN_OTHER).astype(np.int64)
    bins[codes == MISSING] = BIN_MISSING
    bins[codes == UNSEEN] = BIN_UNSEEN
    bins[codes == INVALID] = BIN_INVALID
    return bins


def slice_slots(spec: SliceColumn, predictions: Predictions) -> I64:
    """Slot of each prediction within one slice column: a value's index, then (other), then (missing)."""
    if spec.columns == (OF_SCORE,):
        return np.searchsorted(np.array(spec.edges), predictions.scores, side="right").astype(np.int64)
    if len(spec.columns) == 1:
        return _single_slots(spec.columns[0], spec.values, spec.edges, predictions)
    first, second = (_single_values(name, predictions) for name in spec.columns)
    crossed = {value: slot for slot, value in enumerate(spec.values)}
    (codes_a, names_a), (codes_b, names_b) = first, second
    table = np.full((len(names_a) + 1, len(names_b) + 1), len(spec.values), np.int64)
    for i, a in enumerate(names_a):
        for j, b in enumerate(names_b):
            table[i, j] = crossed.get(cross_value(a, b), len(spec.values))
    slots: I64 = table[np.where(codes_a < 0, -1, codes_a), np.where(codes_b < 0, -1, codes_b)]
    slots[(codes_a == MISSING) | (codes_b == MISSING)] = len(spec.values) + 1
    return slots


def _single_values(name: str, predictions: Predictions) -> tuple[I32, tuple[str, ...]]:
    for j, column in enumerate(predictions.schema.categorical):
        if column.name == name:
            return predictions.categorical[j], column.vocabulary
    raise FatalError(f"slice column {name!r} is not categorical: give it bins to slice by it")


def _single_slots(name: str, values: tuple[str, ...], edges: tuple[float, ...], predictions: Predictions) -> I64:
    other, missing = len(values), len(values) + 1
    for j, column in enumerate(predictions.schema.numeric):
        if column.name == name:
            numbers = predictions.numeric[j]
            slots = np.searchsorted(np.array(edges), numbers, side="right")
            return np.where(np.isnan(numbers), missing, slots).astype(np.int64)
    codes, vocabulary = _single_values(name, predictions)
    index = {value: slot for slot, value in enumerate(values)}
    table = np.array([index.get(value, other) for value in vocabulary] + [other], np.int64)
    coded: I64 = table[np.where(codes < 0, len(vocabulary), codes)]
    coded[codes == MISSING] = missing
    return coded
