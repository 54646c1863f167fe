"""The best of several models: its optimism against what simulations of the choice give."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.checks import selection
from sentinel.audit.files.candidates import candidates_of
from sentinel.stats.selection import optimism_of_many, winners_optimism
from tests.audit.frames import look, rows


def _best_of(k: int, n: int, seed: int) -> tuple[pd.DataFrame, list[float]]:
    """Rows scored by the best of k models that know nothing, and the AUC of each: all of the lead is chance."""
    rng = np.random.default_rng(seed)
    outcome = rng.integers(0, 2, n)
    scores = rng.random((k, n))
    areas = [float(roc_auc_score(outcome, score)) for score in scores]
    return pd.DataFrame({"outcome": outcome, "score": scores[int(np.argmax(areas))]}), areas


@pytest.mark.parametrize(("k", "severity"), [(2, "warning"), (10, "warning"), (200, "critical")])
def test_the_best_of_models_that_know_nothing(k: int, severity: str) -> None:
    """Their true AUC is .5: the de-biased estimate of the best is within its interval of that, at three strengths."""
    frame, areas = _best_of(k, 400, seed=11)
    for stated in (k, areas):
        result = look(selection, frame, manifest={"candidates": stated, "candidates_correlation": 0.0})
        (finding,) = result.findings
        assert finding.inflation is not None
        # The standard error of an AUC of .5 on 400 rows is .029: two of them.
        assert finding.inflation.repaired == pytest.approx(0.5, abs=0.058)
        assert finding.inflation.gain.lower <= finding.inflation.stated - 0.5 <= finding.inflation.gain.upper + 0.02
    assert finding.severity in (severity, "info") if k == 2 else finding.severity == severity


def test_an_optimism_that_is_small_is_good_to_know() -> None:
    """Five models on 20,000 rows: less than .005 AUC."""
    (finding,) = look(selection, rows(20_000, 3), manifest={"candidates": 5}).findings
    assert finding.severity == "info"


def test_scores_far_apart_leave_little_to_chance() -> None:
    """A model that is ahead by thirty standard errors has earned it; one that ties with the others has not."""
    frame = rows(2_000, 5)
    area = float(roc_auc_score(frame["outcome"], frame["score"]))
    ahead = look(selection, frame, manifest={"candidates": [area, area - 0.3, area - 0.1, area - 0.2, area - 0.15]})
    tied = look(
        selection, frame, manifest={"candidates": [area, area - 0.004, area - 0.002, area - 0.003, area - 0.005]}
    )
    gains = [result.findings[0].inflation.gain.value for result in (ahead, tied) if result.findings[0].inflation]
    # V is half of .011^2; the mean square above the median is (.05^2 + .15^2) / 3: V / S^2 of .15 is .0011.
    assert gains[0] == pytest.approx(0.0011, abs=3e-4)
    # All of what the tied ones spread is chance: the lead over their median.
    assert gains[1] == pytest.approx(0.003, abs=5e-4)


def test_scores_of_another_metric_are_not_used() -> None:
    """A log loss is no AUC of these rows: only the number of models counts, and the check says so."""
    frame = rows(2_000, 5)
    of_scores = look(selection, frame, manifest={"candidates": {"a": 0.31, "b": 0.36, "c": 0.4, "d": 0.35}})
    of_number = look(selection, frame, manifest={"candidates": 4})
    assert of_scores.findings[0].inflation == of_number.findings[0].inflation
    assert "are not of this metric of these rows" in of_scores.detail


def test_an_error_is_smaller_where_it_is_better() -> None:
    """Of a regression, the de-biased root mean square is larger than the stated one."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"outcome": rng.normal(size=900)}).assign(score=0.0)
    (finding,) = look(selection, frame, manifest={"candidates": 30}, task="regression").findings
    assert finding.inflation is not None
    assert finding.inflation.repaired > finding.inflation.stated
    assert finding.inflation.gain.value == pytest.approx(finding.inflation.repaired - finding.inflation.stated)


def test_one_model_chooses_nothing() -> None:
    """A single candidate is clear; without a statement, or without scores, it is not checked."""
    frame = rows(500, 1)
    assert look(selection, frame, manifest={"candidates": 1}).state == "clear"
    assert look(selection, frame).state == "not_checked"
    assert look(selection, frame.drop(columns="score"), manifest={"candidates": 9}).state == "not_checked"
    assert look(selection, frame.assign(outcome=1), manifest={"candidates": 9}).state == "not_checked"


def test_parts_in_any_size_say_the_same() -> None:
    """Batches of 13 rows give the findings of one batch."""
    frame = rows(300, 1)
    whole, parts = (look(selection, frame, manifest={"candidates": 40}, batch_rows=n) for n in (1 << 15, 13))
    assert msgspec.structs.replace(whole, seconds=0.0) == msgspec.structs.replace(parts, seconds=0.0)


def test_candidates_are_a_number_a_list_or_by_name() -> None:
    """However they are stated, their number is known; nothing stated is nothing."""
    for stated in (3, [0.1, 0.2, 0.3], {"a": 0.1, "b": 0.2, "c": 0.3}):
        found = candidates_of({"candidates": stated})
        assert found is not None
        assert found.n == 3
    assert candidates_of({}) is None


@pytest.mark.parametrize(("k", "spread"), [(10, 0.0), (100, 0.0), (10, 1.0), (100, 1.0), (100, 3.0)])
def test_the_winners_optimism_is_the_mean_of_what_it_owes_to_chance(k: int, spread: float) -> None:
    """Against 1,500 simulated choices with known truth: within a quarter of it, plus the error of the simulation."""
    rng = np.random.default_rng(k)
    truth = spread * rng.normal(size=(1_500, k))
    errors = rng.normal(size=(1_500, k))
    best = (truth + errors).argmax(axis=1)
    owed = errors[np.arange(1_500), best]
    reckoned = [winners_optimism((t + e).tolist(), 1.0, 0.0).value for t, e in zip(truth, errors, strict=True)]
    assert np.mean(reckoned) == pytest.approx(owed.mean(), rel=0.25, abs=4.0 * owed.std() / np.sqrt(1_500))


def test_the_range_of_optimism_holds_19_in_20_maxima() -> None:
    """Of 4,000 maxima of 25 normals, 95 % are inside, within four binomial errors of .014."""
    maxima = np.random.default_rng(8).normal(size=(4_000, 25)).max(axis=1)
    found = optimism_of_many(25, 1.0, 0.0)
    assert np.mean((maxima > found.lower) & (maxima < found.upper)) == pytest.approx(0.95, abs=0.014)
    assert found.value == pytest.approx(maxima.mean(), abs=0.03)
