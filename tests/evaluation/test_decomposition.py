"""The parts of every gap sum to it, name the step that moved, and are refused where scores do not overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sentinel.evaluation.cells import exogenous_slicing, mean_scores, reading_of
from sentinel.evaluation.decomposition import decompose
from sentinel.evaluation.findings import Parts
from sentinel.evaluation.gap import signed_gap
from sentinel.stats.estimate import Estimate
from sentinel.stats.histograms import HISTOGRAM_METRICS, histogram_metrics
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout, SliceColumn
from sentinel.summaries.metrics import METRICS, measure
from sentinel.summaries.rows import Rows, row_dtype
from tests.evaluation.worlds import count, draw, world_layout

LAYOUT = world_layout()
DIRECTED = [name for name in HISTOGRAM_METRICS if METRICS[name].higher_is_better is not None]


def counted(rows: Rows, known: int | None = None) -> Summary:
    """Counts of all rows, the first ``known`` of them with their outcome."""
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows[:known])
    return summary


def parts_of(before: Summary, after: Summary, *, shapley: bool = False) -> dict[str, Parts]:
    """Decomposition of two sides."""
    return decompose(before, after, measure(before), measure(after), shapley=shapley)


def total(parts: Parts) -> float:
    """Sum of the parts that were told."""
    told = (parts.slice_mix, parts.score_mix, parts.outcome, parts.label_selection)
    return sum(part for part in told if part is not None)


def sure(parts: Parts, name: str) -> bool:
    """Whether the interval of a part leaves out 0."""
    lower, upper = parts.intervals[name]
    return lower > 0 or upper < 0


@given(
    st.integers(0, 1_000),
    st.sampled_from([60, 1_500]),
    st.sampled_from([0.6, 0.8, 0.95]),
    st.sampled_from([0.2, 0.5]),
    st.sampled_from([0.4, 1.0]),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_parts_sum_to_the_gap(seed: int, size: int, auc: float, base_rate: float, share: float, shapley: bool) -> None:
    """For every metric with a gap the parts sum to offline against online, live worse above 0, and all is finite."""
    rng = np.random.default_rng(seed)
    before = count(LAYOUT, draw(LAYOUT, rng, size))
    after = counted(draw(LAYOUT, rng, size, auc=auc, base_rate=base_rate), round(share * size))
    first, second = measure(before), measure(after)
    for name, parts in parts_of(before, after, shapley=shapley).items():
        if parts.reason is not None:
            continue
        one, other = first[name], second[name]
        assert isinstance(one, Estimate)
        assert isinstance(other, Estimate)
        gap = float(signed_gap(METRICS[name], one.value, other.value))
        assert total(parts) == pytest.approx(gap, abs=1e-9), name
        assert all(math.isfinite(end) for ends in parts.intervals.values() for end in ends)


def test_every_directed_metric_is_split() -> None:
    """With enough events all eight metrics that a histogram gives have parts with intervals, and the slicing's name."""
    rng = np.random.default_rng(2)
    found = parts_of(count(LAYOUT, draw(LAYOUT, rng, 2_000)), count(LAYOUT, draw(LAYOUT, rng, 2_000)))
    assert sorted(found) == sorted(DIRECTED)
    for parts in found.values():
        assert set(parts.intervals) == {"slice_mix", "score_mix", "outcome", "label_selection"}
        assert parts.slicing == "region"


def test_a_side_reads_its_own_metrics() -> None:
    """Read with its own bins' worth, a side's histogram has exactly the metrics that were measured from its sums."""
    summary = count(LAYOUT, draw(LAYOUT, np.random.default_rng(3), 900))
    found = histogram_metrics(summary["outcomes"], reading_of(summary, mean_scores(summary)))
    measured = measure(summary)
    for name in HISTOGRAM_METRICS:
        estimate = measured[name]
        assert isinstance(estimate, Estimate)
        assert float(found[name].values) == pytest.approx(estimate.value, abs=1e-9), name


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.307, 0.001, 0.999, 1.5])
def test_decisions_are_exact_wherever_the_threshold_lies(threshold: float) -> None:
    """On an edge, within a bin, in the first or the last bin, or above all scores: accuracy is that of the table."""
    layout = replace(LAYOUT, threshold=threshold)
    rows = draw(layout, np.random.default_rng(4), 700)
    summary = count(layout, rows)
    found = histogram_metrics(summary["outcomes"], reading_of(summary, mean_scores(summary)))["accuracy"]
    right = ((rows["score"] >= threshold) == (rows["outcome"] > 0)).mean()
    assert float(found.values) == pytest.approx(float(right), abs=1e-9)


def test_outcomes_that_ignore_the_score_are_outcome() -> None:
    """If half of the live outcomes are drawn anew at equal scores, that part is the gap and the others are not sure."""
    rng = np.random.default_rng(5)
    live = draw(LAYOUT, rng, 6_000, auc=0.85)
    live["outcome"][:3_000] = rng.permutation(live["outcome"][:3_000])
    found = parts_of(count(LAYOUT, draw(LAYOUT, rng, 6_000, auc=0.85)), count(LAYOUT, rng.permutation(live)))
    for name in ("auc", "log_loss", "normalized_entropy", "brier", "accuracy"):
        parts = found[name]
        assert parts.outcome is not None
        assert parts.intervals["outcome"][0] > 0
        assert parts.outcome == pytest.approx(total(parts), rel=0.2)
        assert not sure(parts, "slice_mix")


def test_other_scores_are_score_mix() -> None:
    """If live meets more of the scores that are hard to tell apart, outcomes at equal scores unchanged, that is it."""
    rng = np.random.default_rng(6)
    pool = draw(LAYOUT, rng, 60_000, auc=0.85)
    hard = rng.random(len(pool)) < np.where(np.abs(pool["score"] - 0.3) < 0.2, 0.5, 0.1)
    found = parts_of(count(LAYOUT, draw(LAYOUT, rng, 6_000, auc=0.85)), count(LAYOUT, pool[hard]))["auc"]
    assert found.score_mix is not None
    assert found.score_mix == pytest.approx(total(found), rel=0.25)
    assert sure(found, "score_mix")
    assert not sure(found, "outcome")


def test_outcomes_known_for_some_scores_are_label_selection() -> None:
    """If outcomes come for low scores only, the AUC's change is laid to that and not to the outcomes."""
    rng = np.random.default_rng(7)
    live = draw(LAYOUT, rng, 8_000, auc=0.85)
    known = rng.random(len(live)) < np.where(live["score"] < 0.3, 0.9, 0.2)
    live = np.concatenate([live[known], live[~known]])
    found = parts_of(count(LAYOUT, draw(LAYOUT, rng, 8_000, auc=0.85)), counted(live, int(known.sum())))["log_loss"]
    assert found.label_selection is not None
    assert sure(found, "label_selection")
    assert not sure(found, "outcome")
    assert found.label_selection == pytest.approx(total(found), rel=0.3)


def region_rows(rng: np.random.Generator, shares: list[float]) -> Rows:
    """Rows of four regions; the later ones are told apart less well."""
    sizes = [round(8_000 * share) for share in shares]
    rows = [draw(LAYOUT, rng, n, auc=0.92 - 0.12 * i) for i, n in enumerate(sizes) if n]
    joined = np.concatenate(rows)
    joined["slices"] = np.repeat(np.arange(4), sizes)[:, None]
    return joined


def test_other_slices_are_slice_mix() -> None:
    """If live meets more of the regions that the model knows less of, slice mix is most of the gap."""
    rng = np.random.default_rng(8)
    before, after = (count(LAYOUT, region_rows(rng, s)) for s in ([0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.3, 0.5]))
    found = parts_of(before, after)["auc"]
    assert found.slice_mix is not None
    assert sure(found, "slice_mix")
    assert found.slice_mix == pytest.approx(total(found), rel=0.3)
    assert not sure(found, "outcome")


def two_columns() -> Layout:
    """A region, and bands of the score itself."""
    bands = SliceColumn(name="score band", columns=("score",), values=("low", "high"))
    device = SliceColumn(name="device", columns=("device",), values=("a", "b"))
    columns = (*LAYOUT.columns, ("device", "categorical", ()))
    return replace(LAYOUT, columns=columns, slices=(bands, *LAYOUT.slices, device))


def test_slicing_is_the_column_that_moved_and_is_not_the_score() -> None:
    """Of three columns that moved, bands of the score most, then the device, the device is taken."""
    layout, rng = two_columns(), np.random.default_rng(9)

    def side(device: float, auc: float) -> Summary:
        rows = draw(LAYOUT, rng, 2_000, auc=auc).astype(row_dtype(layout))
        slots = np.stack(
            [rows["score"] >= 0.3, 4 + rng.integers(0, 4, len(rows)), 10 + (rng.random(len(rows)) < device)], axis=1
        )
        rows["slices"] = slots
        return count(layout, rows)

    found = exogenous_slicing(side(0.2, 0.95), side(0.5, 0.6))
    assert found is not None
    assert found.name == "device"
    assert found.slicing.offline.shape[0] == 2


def test_without_slices_there_is_no_slice_mix() -> None:
    """A layout that cuts nothing gives three parts, which sum to the gap."""
    layout = replace(LAYOUT, slices=())
    rng = np.random.default_rng(10)
    before, after = (draw(LAYOUT, rng, 1_000, auc=auc) for auc in (0.85, 0.75))
    sides = [count(layout, without_slices(rows, layout)) for rows in (before, after)]
    parts = parts_of(sides[0], sides[1])["auc"]
    assert parts.slice_mix is None
    assert parts.slicing is None
    first, second = (measure(side)["auc"] for side in sides)
    assert isinstance(first, Estimate)
    assert isinstance(second, Estimate)
    assert total(parts) == pytest.approx(first.value - second.value, abs=1e-12)


def without_slices(rows: Rows, layout: Layout) -> Rows:
    """The same rows for a layout without slices."""
    cut = np.zeros(len(rows), row_dtype(layout))
    for name in ("score", "outcome", "score_bin", "bucket", "predicted_at", "outcome_at", "features"):
        cut[name] = rows[name]
    return cut


def test_scores_that_hardly_overlap_are_not_attributed() -> None:
    """Where live scores lie elsewhere, every metric with a gap says why there are no parts."""
    rng = np.random.default_rng(11)
    before, live = draw(LAYOUT, rng, 2_000), draw(LAYOUT, rng, 2_000)
    live["score"] = 0.8 + 0.2 * live["score"]
    live["score_bin"] = np.searchsorted(LAYOUT.edges_array, live["score"], side="right")
    found = parts_of(count(LAYOUT, before), count(LAYOUT, live))
    assert sorted(found) == sorted(DIRECTED)
    for parts in found.values():
        assert parts.reason is not None
        assert parts.reason.endswith("50% needed to attribute")
        assert (parts.score_mix, parts.outcome, parts.intervals) == (None, None, {})


def test_no_gap_no_parts() -> None:
    """Before outcomes arrive there is nothing to split."""
    rng = np.random.default_rng(12)
    assert parts_of(count(LAYOUT, draw(LAYOUT, rng, 500)), counted(draw(LAYOUT, rng, 500), 0)) == {}
