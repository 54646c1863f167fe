"""A change is split exactly, each cause lands in its own part, and the intervals cover."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.decomposition import PARTS, Sides, Split, expected_metrics, overlap_mass, split_change
from sentinel.stats.histograms import HISTOGRAM_METRICS, Reading, histogram_metrics
from sentinel.stats.tilts import Slicing

N_SLICES, N_BINS = 3, 12
MIDDLES = (np.arange(N_BINS) + 0.5) / N_BINS
METRICS = partial(histogram_metrics, reading=Reading.of_scores(MIDDLES))
OFFLINE_SLICES, LIVE_SLICES = np.array([0.6, 0.3, 0.1]), np.array([0.0, 0.3, 0.7])


def sides_of(offline: Counts, online: Counts, predictions: Counts, width: int = 3) -> tuple[Sides, Slicing]:
    """Fine counts, and sliced ones by coarse bins of ``width``, from cells by slice, bin and outcome."""

    def coarse(cells: Counts) -> Counts:
        return np.add.reduceat(cells, np.arange(0, N_BINS, width), axis=1)

    slicing = Slicing(coarse(offline), coarse(online), coarse(predictions), np.arange(N_BINS) // width)
    return Sides(offline.sum(axis=0), online.sum(axis=0), predictions.sum(axis=0)), slicing


def split(offline: Counts, online: Counts, predictions: Counts, *, shapley: bool = False) -> dict[str, Split]:
    """Split the change of every metric."""
    return split_change(*sides_of(offline, online, predictions), METRICS, METRICS, shapley=shapley)


def law(shares: Floats, *, shift: float = 0.0, slope: float = 1.0, level: float = 0.0) -> Floats:
    """Chances of each slice, bin and outcome: slices have other scores, and other outcomes at equal scores."""
    odds = np.log(MIDDLES / (1.0 - MIDDLES))
    centres = np.array([-1.0, 0.0, 1.0])[:, None] + shift
    scores = np.exp(-0.5 * (odds - centres) ** 2)
    scores /= scores.sum(axis=1, keepdims=True)
    rates = expit(slope * odds + level + np.array([-0.4, 0.0, 0.4])[:, None])
    return np.asarray(shares[:, None, None] * scores[..., None] * np.stack([1.0 - rates, rates], axis=-1))


def known(cells: Floats, n: float = 1e7) -> tuple[Floats, Floats]:
    """As many events as make sampling irrelevant, all with a known outcome, and the predictions."""
    return cells * n, cells.sum(axis=2) * n


def cells() -> st.SearchStrategy[Counts]:
    """Counts by slice, bin and outcome, empty cells, slices, bins and classes included."""
    seeds = st.tuples(st.integers(0, 10_000), st.sampled_from([0.05, 1.0, 40.0]), st.sampled_from([0.0, 0.5, 1.0]))

    def fill(drawn: tuple[int, float, float]) -> Counts:
        seed, size, absent = drawn
        rng = np.random.default_rng(seed)
        counts = rng.poisson(size, (N_SLICES, N_BINS, 2))
        counts[rng.random(N_SLICES) < 0.3 * absent] = 0
        counts[:, rng.random(N_BINS) < 0.5 * absent] = 0
        counts[0, 0, 0] += 1  # at least one event with a known outcome
        return counts

    return seeds.map(fill)


@given(cells(), cells(), cells(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_parts_add_up(offline: Counts, online: Counts, unknown: Counts, shapley: bool) -> None:
    """Whatever the counts, the parts of each metric sum to its difference, and all is finite."""
    for name, found in split(offline, online, (online + unknown).sum(axis=2), shapley=shapley).items():
        assert set(found.parts) == set(found.errors) == set(PARTS)
        assert sum(found.parts.values()) == pytest.approx(found.difference, abs=1e-12), name
        assert all(math.isfinite(error) and error >= 0 for error in found.errors.values())


@given(cells())
@settings(max_examples=30, deadline=None)
def test_equal_sides_have_no_parts(counts: Counts) -> None:
    """A side against itself has nothing in any part, not even smoothing."""
    for found in split(counts, counts, counts.sum(axis=2)).values():
        assert list(found.parts.values()) == pytest.approx([0.0] * 4, abs=1e-12)


def test_known_outcomes_of_all_predictions_leave_nothing_to_selection() -> None:
    """Where every prediction has its outcome, that part is 0 for counts of any size."""
    rng = np.random.default_rng(3)
    offline, online = rng.poisson(3.0, (2, N_SLICES, N_BINS, 2))
    for found in split(offline, online, online.sum(axis=2)).values():
        assert found.parts["label_selection"] == pytest.approx(0.0, abs=1e-12)
        assert found.errors["label_selection"] == pytest.approx(0.0, abs=1e-12)


def test_result_is_a_function_of_the_counts() -> None:
    """Twice the same counts give the same parts and the same errors, bit for bit."""
    rng = np.random.default_rng(4)
    offline, online = rng.poisson(9.0, (2, N_SLICES, N_BINS, 2))
    assert split(offline, online, online.sum(axis=2)) == split(offline, online, online.sum(axis=2))


@pytest.mark.parametrize(
    ("part", "live"),
    [
        ("slice_mix", law(LIVE_SLICES)),
        ("score_mix", law(OFFLINE_SLICES, shift=0.8)),
        ("outcome", law(OFFLINE_SLICES, slope=0.3, level=0.3)),
    ],
)
def test_each_cause_lands_in_its_part(part: str, live: Floats) -> None:
    """Where one step of the way has changed, its part is the whole difference of every metric."""
    fine, coarse = (
        split_change(*sides_of(known(law(OFFLINE_SLICES))[0], *known(live), width), METRICS, METRICS)
        for width in (1, 2)
    )
    for name in ("recall", "precision", "base_rate"):
        assert abs(fine[name].difference) > 0.01
        assert fine[name].parts[part] == pytest.approx(fine[name].difference, abs=1e-5)  # what kappa shrinks
        assert coarse[name].parts[part] == pytest.approx(coarse[name].difference, rel=0.1)


def test_selective_outcomes_land_in_their_part() -> None:
    """If outcomes become known by score and slice alone, nothing of the difference is blamed on the outcomes."""
    cells_, predictions = known(law(OFFLINE_SLICES))
    chance = np.linspace(0.05, 0.9, N_BINS)[None, :] * np.array([1.0, 0.7, 0.4])[:, None]
    found = split(cells_, cells_ * chance[..., None], predictions)["log_loss"]
    assert abs(found.difference) > 0.02
    assert found.parts["label_selection"] == pytest.approx(found.difference, abs=1e-3)


def test_slices_unseen_offline_are_taken_as_average() -> None:
    """A slice that offline never saw, with the scores and outcomes of the rest, changes nothing."""
    offline = np.repeat(law(np.array([0.0, 1.0, 0.0]))[1:2], 3, axis=0) * np.array([0.5, 0.5, 0.0])[:, None, None]
    live = np.repeat(law(np.array([0.0, 1.0, 0.0]))[1:2], 3, axis=0) * np.array([0.4, 0.2, 0.4])[:, None, None]
    found = split(known(offline)[0], *known(live))["auc"]
    assert list(found.parts.values()) == pytest.approx([0.0] * 4, abs=1e-6)


def test_one_slice_is_no_slicing() -> None:
    """With a single slice the parts are those without a slicing, and slice_mix is 0."""
    rng = np.random.default_rng(5)
    offline, online = rng.poisson(20.0, (2, 1, N_BINS, 2))
    sides, slicing = sides_of(offline, online, online.sum(axis=2))
    alone, sliced = (split_change(sides, given, METRICS, METRICS)["auc"] for given in (None, slicing))
    assert alone.parts["slice_mix"] == 0.0
    assert list(sliced.parts.values()) == pytest.approx(list(alone.parts.values()), abs=1e-12)


def test_shapley_is_the_mean_of_both_orders() -> None:
    """With one slice, scores first from offline to live and from live to offline are the two orders."""
    rng = np.random.default_rng(6)
    first, second = rng.poisson(40.0, (2, N_BINS, 2))
    there = split_change(Sides(first, second, second.sum(axis=1)), None, METRICS, METRICS)["brier"].parts
    back = split_change(Sides(second, first, first.sum(axis=1)), None, METRICS, METRICS)["brier"].parts
    both = split_change(Sides(first, second, second.sum(axis=1)), None, METRICS, METRICS, shapley=True)["brier"].parts
    # on the way back the outcomes come last, so there they are taken from live scores: both are signed back
    assert both["score_mix"] == pytest.approx(0.5 * (there["score_mix"] - back["score_mix"]), abs=1e-12)
    assert both["outcome"] == pytest.approx(0.5 * (there["outcome"] - back["outcome"]), abs=1e-12)


def test_intervals_cover() -> None:
    """Of 60 samples of 3,000 offline rows and 6,000 predictions, at least 50 intervals hold each part of the law."""
    offline_law, live_law = law(OFFLINE_SLICES), law(LIVE_SLICES, shift=0.3, slope=0.8, level=0.2)
    chance = np.linspace(0.2, 0.8, N_BINS)[None, :, None] * np.ones((N_SLICES, 1, 1))
    truth = split(offline_law * 1e8, live_law * chance * 1e8, live_law.sum(axis=2) * 1e8)
    held = {(name, part): 0 for name in ("auc", "log_loss", "f1") for part in PARTS}
    for seed in range(60):
        rng = np.random.default_rng(700 + seed)
        offline = rng.multinomial(3_000, offline_law.ravel()).reshape(offline_law.shape)
        live = rng.multinomial(6_000, live_law.ravel()).reshape(live_law.shape)
        found = split(offline, rng.binomial(live, chance), live.sum(axis=2))
        for name, part in held:
            reach = 1.96 * found[name].errors[part]
            held[name, part] += abs(found[name].parts[part] - truth[name].parts[part]) <= reach
    assert min(held.values()) >= 50  # P(Binomial(60, .95) < 50) = .0004, for each of twelve


def test_expected_is_the_third_step() -> None:
    """Before outcomes arrive, what live scores promise is offline less slice mix less score mix."""
    rng = np.random.default_rng(8)
    offline, live = rng.poisson(30.0, (2, N_SLICES, N_BINS, 2))
    sides, slicing = sides_of(offline, live, live.sum(axis=2))
    promised = expected_metrics(sides.offline, sides.predictions, slicing, METRICS)
    stated = METRICS(sides.offline)
    for name, found in split_change(sides, slicing, METRICS, METRICS).items():
        third = float(stated[name].values) - found.parts["slice_mix"] - found.parts["score_mix"]
        assert promised[name][0] == pytest.approx(third, abs=1e-12)
    assert set(promised) == set(HISTOGRAM_METRICS)


def test_expected_error_counts_both_sides() -> None:
    """Four times the offline rows, or four times the live scores, each make the error smaller."""
    offline, live = law(OFFLINE_SLICES), law(LIVE_SLICES)

    def error(n: float, n_live: float) -> float:
        sides, slicing = sides_of(offline * n, live * n_live, live.sum(axis=2) * n_live)
        return expected_metrics(sides.offline, sides.predictions, slicing, METRICS)["base_rate"][1]

    assert error(4_000, 1_000) < 0.95 * error(1_000, 1_000)
    assert error(1_000, 4_000) < 0.95 * error(1_000, 1_000)


def test_overlap_mass() -> None:
    """Equal laws share all, disjoint ones nothing, an empty side nothing."""
    left, right = np.array([300, 100, 0, 0]), np.array([0, 0, 500, 500])
    assert overlap_mass(left, left * 7) == pytest.approx(1.0, abs=1e-12)
    assert overlap_mass(left, right) == 0.0
    assert overlap_mass(left, np.zeros(4, np.int64)) == overlap_mass(np.zeros(4, np.int64), left) == 0.0


def test_overlap_of_few_events_is_not_made_of_noise() -> None:
    """Two samples of 60 from one law over 128 bins share most of their mass in each of 50 draws."""
    rng = np.random.default_rng(9)
    samples = rng.multinomial(60, np.full(128, 1 / 128), (50, 2))
    assert min(overlap_mass(first, second) for first, second in samples) > 0.7
