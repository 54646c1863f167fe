"""Parts of the change of an error metric: they sum to it, say what has changed, and know their own error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sentinel.stats import regression
from sentinel.stats.arrays import Floats
from sentinel.stats.error_parts import ErrorSide, ErrorSplit, split_errors
from sentinel.stats.regression import N_FIRST, POWERS, of_sums, power_terms

FORMULAS = {
    "mae": regression.mean_absolute_errors,
    "rmse": regression.root_mean_squared_errors,
    "r2": regression.r_squared,
    "explained_variance": regression.explained_variances,
}
EDGES = np.linspace(-3.0, 3.0, 25)


def value(name: str, predicted: Floats, outcomes: Floats) -> float:
    """The metric of these rows, by its own formula."""
    measured = of_sums(FORMULAS[name], power_terms(predicted, outcomes).sum(axis=0), minimum=2)
    return float(measured.value)  # type: ignore[union-attr]


def side(predicted: Floats, outcomes: Floats) -> ErrorSide:
    """Rows counted by bin of the prediction."""
    terms, cells = power_terms(predicted, outcomes), np.zeros((len(EDGES) + 1, N_FIRST))
    np.add.at(cells, np.searchsorted(EDGES, predicted, side="right"), terms[:, :N_FIRST])
    return ErrorSide(cells, float(terms[:, POWERS.index("e4")].sum()))


def binned(predicted: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Predictions by bin."""
    return np.bincount(np.searchsorted(EDGES, predicted, side="right"), minlength=len(EDGES) + 1)


def world(rng: np.random.Generator, n: int, *, mean: float = 0.0, noise: float = 0.6) -> tuple[Floats, Floats]:
    """Predictions, normal, and outcomes around them, noisier where predictions are high."""
    predicted = rng.normal(mean, 1.0, n)
    return predicted, predicted + rng.normal(0.0, 1.0, n) * noise * np.exp(0.3 * predicted)


def split(offline: tuple[Floats, Floats], online: tuple[Floats, Floats]) -> dict[str, ErrorSplit]:
    """All live predictions have an outcome."""
    return split_errors(side(*offline), side(*online), binned(online[0]))


@given(
    hnp.arrays(np.float64, (2, 2, 40), elements=st.integers(-4_000, 4_000).map(lambda k: k / 1_000)),
    st.integers(0, 39),
)
def test_parts_sum_to_the_change(rows: Floats, n_known: int) -> None:
    """Whatever the rows, and whichever of the live ones have an outcome: live less offline, finite, errors too."""
    (before, after), known = rows, slice(0, n_known + 1)
    found = split_errors(side(*before), side(after[0, known], after[1, known]), binned(after[0]))
    assert {"mae", "rmse"} <= set(found)
    for name, one in found.items():
        assert np.isfinite(one.parts).all()
        assert np.isfinite(one.errors).all()
        assert (one.errors >= 0.0).all()
        if n_known:
            expected = value(name, after[0, known], after[1, known]) - value(name, before[0], before[1])
            assert one.parts.sum() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_other_predictions_alone_are_score_mix() -> None:
    """Same outcomes at the same predictions, another mix of them: nothing is left for the outcomes, of R2 neither."""
    rng = np.random.default_rng(1)
    found = split(world(rng, 40_000), world(rng, 40_000, mean=0.8))
    for name, one in found.items():
        assert abs(one.parts[1]) < 4.0 * one.errors[1], name
        assert abs(one.parts[0]) > 6.0 * one.errors[0] or name in ("r2", "explained_variance")
        assert one.parts[2] == pytest.approx(0.0, abs=1e-12)


def test_other_outcomes_alone_are_outcome() -> None:
    """Twice the noise at the same predictions."""
    rng = np.random.default_rng(2)
    found = split(world(rng, 40_000), world(rng, 40_000, noise=1.2))
    for name, one in found.items():
        assert abs(one.parts[0]) < 4.0 * one.errors[0], name
        assert abs(one.parts[1]) > 20.0 * one.errors[1], name


def test_outcomes_known_at_some_predictions_only_are_label_selection() -> None:
    """All live rows are as offline, but outcomes come where predictions are low, which are the easy ones."""
    rng = np.random.default_rng(3)
    offline, (predicted, outcomes) = world(rng, 40_000), world(rng, 40_000)
    low = predicted < 0.5
    found = split_errors(side(*offline), side(predicted[low], outcomes[low]), binned(predicted))
    for name in ("mae", "rmse"):
        one = found[name]
        assert one.parts[2] < -20.0 * one.errors[2], name
        assert abs(one.parts[0]) < 4.0 * one.errors[0], name


def test_outcomes_that_are_all_the_same_have_no_share_to_explain() -> None:
    """R2 is not defined without a variance: it is left out, the errors are not."""
    predicted = np.linspace(-1.0, 1.0, 50)
    same = predicted, np.zeros(50)
    assert set(split(same, same)) == {"mae", "rmse"}


@pytest.mark.parametrize("name", FORMULAS)
def test_standard_errors_are_those_of_fresh_samples(name: str) -> None:
    """Of both large parts, within a quarter of the spread over 150 fresh pairs of samples."""
    rng = np.random.default_rng(4)
    drawn = [split(world(rng, 1_500), world(rng, 1_500, mean=0.4, noise=0.8))[name] for _ in range(150)]
    spread = np.std([one.parts for one in drawn], axis=0, ddof=1)[:2]
    told = np.mean([one.errors for one in drawn], axis=0)[:2]
    assert told == pytest.approx(spread, rel=0.25)


def test_one_event_in_one_bin_has_nothing_to_vary() -> None:
    """A draw without any event has the one bin's share as well, so that no part has an error."""
    terms = power_terms(np.array([3.0]), np.array([1.0]))
    side = ErrorSide(terms[:, :N_FIRST], float(terms[0, POWERS.index("e4")]))
    found = split_errors(side, side, np.array([1]))["mae"]
    assert found.parts.tolist() == found.errors.tolist() == [0.0, 0.0, 0.0]


def test_a_bin_that_one_side_never_saw_has_the_means_of_the_other() -> None:
    """Offline errors of 1 in one bin; live half of the events lie in another, with errors of 3: the mix alone.

    Turned round, the same half is gone: the mean error falls from 2 to 1, by the mix again.
    """
    near, far = (power_terms(np.full(20, error), np.zeros(20)).sum(axis=0) for error in (1.0, 3.0))
    one, both = np.stack([2.0 * near, 0.0 * far]), np.stack([near, far])
    sides = [ErrorSide(cells[:, :N_FIRST], float(cells[:, POWERS.index("e4")].sum())) for cells in (one, both)]
    n = [side.cells[:, 0].astype(np.int64) for side in sides]
    assert split_errors(sides[0], sides[1], n[1])["mae"].parts.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert split_errors(sides[1], sides[0], n[0])["mae"].parts.tolist() == pytest.approx([-1.0, 0.0, 0.0])
