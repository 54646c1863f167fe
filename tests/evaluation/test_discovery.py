"""Weak slices that nobody named: found where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.bin_names import bin_name
from sentinel.evaluation.candidates import Place, candidates_of, edge_texts, place_name
from sentinel.evaluation.discovery import MOST_STATEMENTS, discover
from sentinel.evaluation.evaluate import evaluate
from sentinel.stats.losses import log_losses
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import N_SPECIAL, FeatureBins, FeaturePair, SliceColumn
from sentinel.summaries.metrics import loss_design_effects
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import count, draw, offline, series, world_layout
from tests.support.layouts import NUMBERS, small_layout

PAIR = FeaturePair(features=(1, 2), groups=(((4, 8), (8, 14)), ((4, 9), (9, 14))))
LAYOUT = msgspec.structs.replace(world_layout(), pairs=(PAIR,))
ALERTS = Alerts()

Where = Callable[[Rows], npt.NDArray[np.bool_]]


def x1_is_middling(rows: Rows) -> npt.NDArray[np.bool_]:
    """The fourth and fifth bin of x1."""
    return np.asarray((rows["features"][:, 1] >= N_SPECIAL + 3) & (rows["features"][:, 1] < N_SPECIAL + 5))


def both_are_high(rows: Rows) -> npt.NDArray[np.bool_]:
    """The upper group of x1 and of x2."""
    return np.asarray((rows["features"][:, 1] >= 8) & (rows["features"][:, 2] >= 9))


def everywhere(rows: Rows) -> npt.NDArray[np.bool_]:
    """All rows."""
    return np.ones(len(rows), np.bool_)


def worsened(where: Where, share: float, seed: int = 2, n: int = 20_000) -> Rows:
    """Rows of which some turn out otherwise than they would have."""
    rng = np.random.default_rng(seed)
    rows = draw(LAYOUT, rng, n)
    turned = where(rows) & (rng.random(n) < share)
    rows["outcome"][turned] = 1.0 - rows["outcome"][turned]
    return rows


OFFLINE_ROWS = draw(LAYOUT, np.random.default_rng(1), 20_000)
OFFLINE = count(LAYOUT, OFFLINE_ROWS)


def test_a_weak_run_of_bins_is_named_with_its_losses() -> None:
    """Where a fifth of the outcomes is turned over, both bins are named, with the numbers of the rows."""
    live = worsened(x1_is_middling, 0.2)
    (finding,) = discover(OFFLINE, count(LAYOUT, live), ALERTS)
    assert (finding.metric, finding.slice) == ("log_loss", "x1=[0.3,0.5)")
    assert finding.discovered
    assert finding.alarm
    for side, rows in ((finding.offline, OFFLINE_ROWS), (finding.online, live)):
        inside = rows[x1_is_middling(rows)]
        losses = log_losses(inside["score"], inside["outcome"])
        assert side.n == len(inside)
        assert side.value == pytest.approx(losses.mean(), abs=1e-8)
        assert side.upper is not None
        effect = loss_design_effects(OFFLINE if rows is OFFLINE_ROWS else count(LAYOUT, live))["log_loss"]
        reach = 1.96 * losses.std(ddof=1) * np.sqrt(effect / len(losses))
        assert side.upper - losses.mean() == pytest.approx(reach, rel=1e-4)
    assert finding.gap is not None
    assert finding.lower is not None
    assert finding.upper is not None
    assert 0.0 < finding.lower < finding.gap < finding.upper


def test_a_weak_cell_of_two_features_is_named() -> None:
    """Turned over only where both are high, the cell says it better than either feature."""
    found = discover(OFFLINE, count(LAYOUT, worsened(both_are_high, 0.15)), ALERTS)
    assert found[0].slice == r"x1*x2=[0.4\,1],[0.5\,1]"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_is_worse(seed: int) -> None:
    """Live rows of the offline law show no weak slice."""
    assert discover(OFFLINE, count(LAYOUT, worsened(everywhere, 0.0, seed)), ALERTS) == ()


def test_what_is_worse_everywhere_is_no_slice() -> None:
    """A tenth of all outcomes turned over is a gap of all traffic, and no bin is worse than the rest."""
    assert discover(OFFLINE, count(LAYOUT, worsened(everywhere, 0.1)), ALERTS) == ()


def test_an_improvement_elsewhere_is_no_slice() -> None:
    """Where all but one place has become better, that place is worse than the rest, but not worse than it was."""
    before = worsened(lambda rows: ~x1_is_middling(rows), 0.1)
    assert discover(count(LAYOUT, before), OFFLINE, ALERTS) == ()


def test_entities_that_repeat_are_little_evidence() -> None:
    """What a few rows do not show is shown by ten entities' rows alike each, not by one entity's ten."""
    live = worsened(x1_is_middling, 0.07, n=4_000)
    live["bucket"] = np.arange(4_000) % LAYOUT.n_buckets
    together = np.repeat(live, 10)
    apart = together.copy()
    apart["bucket"] = np.arange(40_000) % LAYOUT.n_buckets
    found = [discover(OFFLINE, count(LAYOUT, rows), ALERTS) for rows in (live, together, apart)]
    assert [len(one) for one in found] == [0, 0, 1]


def test_few_outcomes_say_nothing() -> None:
    """Without outcomes, and with fewer than a hundred, there is no statement and no warning."""
    zero = Summary.zero(LAYOUT)
    assert discover(OFFLINE, zero, ALERTS) == discover(zero, OFFLINE, ALERTS) == discover(zero, zero, ALERTS) == ()
    assert discover(OFFLINE, count(LAYOUT, worsened(x1_is_middling, 1.0, n=99)), ALERTS) == ()


def test_statements_are_few_and_about_different_values() -> None:
    """With three weak features there is at most a handful, and no two are about the same bins of a feature."""

    def somewhere(rows: Rows) -> npt.NDArray[np.bool_]:
        return np.asarray((rows["features"] == N_SPECIAL + 4).any(axis=1))

    found = discover(OFFLINE, count(LAYOUT, worsened(somewhere, 0.25)), ALERTS)
    assert {f.slice for f in found} >= {f"x{j}=[0.4,0.5)" for j in range(3)}
    assert len(found) <= MOST_STATEMENTS
    places = {place_name(LAYOUT, place): place for place in candidates_of(LAYOUT).places}
    named = [places[f.slice] for f in found]
    assert not any(a.overlaps(b) for i, a in enumerate(named) for b in named[:i])


def test_order_and_grouping_of_the_counts_do_not_matter() -> None:
    """Four summaries merged in either order give the same statements, to the last bit."""
    live = worsened(x1_is_middling, 0.2)
    parts = [count(LAYOUT, live[start::4]) for start in range(4)]
    totals = []
    for order in (parts, parts[::-1]):
        total = Summary.zero(LAYOUT)
        for part in order:
            total.merge(part)
        totals.append(discover(OFFLINE, total, ALERTS))
    assert totals[0] == totals[1] == discover(OFFLINE, count(LAYOUT, live), ALERTS)


def test_every_bin_run_and_cell_is_a_candidate() -> None:
    """A number of ten bins has 14 bins and 9 + 8 + 7 runs of two, three and four; the pair has four cells."""
    assert len(candidates_of(LAYOUT).places) == 3 * (14 + 9 + 8 + 7) + 4


def test_configured_slices_are_no_candidates() -> None:
    """Neither a category that is a slice, nor bins that a slice is cut at: also where it is open to one side."""
    layout = small_layout(
        features=(
            FeatureBins(name="age", kind="numeric", edges=(18.0, 30.0, 45.0, 90.0)),
            FeatureBins(name="plan", kind="categorical", n_kept=2),
        ),
        slices=(
            SliceColumn(name="age", columns=("age",), values=("<30", ">=30"), edges=(30.0,)),
            SliceColumn(name="plan", columns=("plan",), values=("pro",)),
        ),
    )
    names = {place_name(layout, place) for place in candidates_of(layout).places}
    every = {"age=[30,45)", "age=[45,90]", "age=[18,45)", "age=[18,90]", "age=(invalid)", "age=(below)", "age=(above)"}
    assert names == every | {"plan=basic", "plan=(unseen)", "plan=(invalid)"}


def test_special_bins_and_categories_have_names() -> None:
    """What is no ordinary value is named in words, in brackets; a category without a name of its own is other."""
    layout = small_layout(slices=())
    names = [
        place_name(layout, Place((at,), ((bin_number, bin_number + 1),))) for at in (0, 2) for bin_number in range(5)
    ]
    assert names[:5] == ["age=(missing)", "age=(invalid)", "age=(below)", "age=(above)", "age=[18,30)"]
    assert names[5:] == ["plan=(missing)", "plan=(invalid)", "plan=(unseen)", "plan=(other)", "plan=pro"]


def test_edges_are_told_apart() -> None:
    """Neighbouring edges get as many digits as they need."""
    edges = (1.0, 1.0 + 1e-15, 1e300)
    assert len(set(edge_texts(edges))) == 3


def test_a_bin_of_one_value_is_named_by_it() -> None:
    """The next number after 18 and after 45 bound bins of their own: neither is ever written."""
    edges = (18.0, float(np.nextafter(18.0, 20.0)), 30.25, 45.0, float(np.nextafter(45.0, 50.0)))
    age = FeatureBins(name="age", kind="numeric", edges=edges)
    layout = small_layout(features=(age,), slices=(), pairs=())
    runs = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (2, 4), (0, 4))
    names = [place_name(layout, Place((0,), ((N_SPECIAL + start, N_SPECIAL + stop),))) for start, stop in runs]
    spans = ["18", "[18,30.2)", "(18,30.2)", "(18,45)", "[30.2,45)", "45", "[30.2,45]", "[18,45]"]
    assert names == [f"age={span}" for span in spans]
    assert [bin_name(age, (), N_SPECIAL + at) for at in range(4)] == ["18", "(18, 30.25)", "[30.25, 45)", "45"]


def test_other_tasks_have_none() -> None:
    """A regression counts no losses by bin, and nothing is looked for."""
    zero = Summary.zero(small_layout(task="regression", outcome_scale=NUMBERS))
    assert discover(zero, zero, ALERTS) == ()


def test_the_evaluation_holds_it() -> None:
    """It stands among the findings, once, marked as discovered; those of configured slices are not."""
    evaluation = evaluate(offline(LAYOUT, OFFLINE_ROWS), series(LAYOUT, worsened(x1_is_middling, 0.2)), ALERTS)
    assert [f.slice for f in evaluation.findings if f.discovered] == ["x1=[0.3,0.5)"]
