"""What is read of features: times, declarations, other inputs, and how good they were alone; values by hand."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from sentinel.diagnosis.signatures import Signal, read_signals
from sentinel.evaluation.findings import Ages, Drift, FeatureFinding, Value
from tests.diagnosis.test_signals import evidence

PLAIN = evidence(12)
FIRST, *OTHERS = PLAIN.evaluation.features


def read(*features: FeatureFinding, **changes: Any) -> dict[str, Signal]:
    """Every signal of a stream with these features."""
    return read_signals(evidence(12, features=features, **changes))


def of(**changes: Any) -> FeatureFinding:
    """The first feature with some of its findings replaced."""
    return msgspec.structs.replace(FIRST, **changes)


def moved(excess_psi: float | None) -> Drift:
    """A drift of that size."""
    return Drift(
        excess_psi=excess_psi, jensen_shannon=None, wasserstein=None, kolmogorov_smirnov=None, p_value=None,
        log_evidence=None,
    )  # fmt: skip


def auc(value: float) -> Value:
    """A feature's AUC alone."""
    return Value(value=value, lower=value - 0.01, upper=value + 0.01, n=4_000)


def test_times_of_features_are_read() -> None:
    """A quarter written after the prediction counts .5, an age e-fold 1, and the share beyond max_age as it is."""
    ages = Ages(
        n=100, offline_n=100, after_prediction_ratio=0.0, offline_after_prediction_ratio=0.25,
        median_seconds=60.0 * math.e, offline_median_seconds=60.0, too_old_ratio=0.125,
    )  # fmt: skip
    found = read(of(ages=ages))
    assert found["offline_after_prediction"].value == pytest.approx(0.5)
    assert found["staleness"].value == pytest.approx(1.0)
    assert found["too_old"].value == pytest.approx(0.125)
    assert "25% of the offline rows" in (found["offline_after_prediction"].words or "")


def test_too_few_times_are_missing() -> None:
    """With 49 times on a side their share and their age are missing, as without any."""
    few = Ages(
        n=49, offline_n=49, after_prediction_ratio=0.0, offline_after_prediction_ratio=0.5, median_seconds=600.0,
        offline_median_seconds=60.0, too_old_ratio=None,
    )  # fmt: skip
    for found in (read(of(ages=few)), read(of(ages=None))):
        values = [found[name].value for name in ("offline_after_prediction", "staleness", "too_old")]
        assert values == [None, None, None]


@pytest.mark.parametrize(
    ("available", "values"),
    [
        ("after_prediction", (1.0, 0.0)),
        ("after_outcome", (0.0, 1.0)),
        ("at_prediction", (0.0, 0.0)),
        (None, (None,) * 2),
    ],
)
def test_declarations_are_read(available: str | None, values: tuple[float | None, ...]) -> None:
    """What is declared late speaks in full, what is declared in time is zero, and what is not declared is missing."""
    found = read(of(available=available))
    assert (found["declared_after_prediction"].value, found["declared_after_outcome"].value) == values


def test_other_inputs_are_read() -> None:
    """One of four features beyond .1 counts the root of a quarter; the score's drift by the log of one more."""
    features = [of(name=f"f{i}", drift=moved(index)) for i, index in enumerate((0.5, 0.05, 0.0, 0.0))]
    found = read(*features, of(name="unknown", drift=moved(None)), score_drift=moved(math.e - 1.0))
    assert found["drift_breadth"].value == pytest.approx(0.5)
    assert found["drift_breadth"].words == "1 of 4 features are distributed otherwise than offline"
    assert found["score_drift"].value == pytest.approx(1.0)
    unknown = read(of(drift=None), score_drift=None)
    assert (unknown["drift_breadth"].value, unknown["score_drift"].value) == (None, None)


def test_the_best_feature_is_read() -> None:
    """Its AUC as log-odds, and its lead over the next, of which .3 is the most; alone it leads over one half."""
    found = read(of(name="weak", offline_auc=auc(0.6)), of(name="best", offline_auc=auc(0.8)))
    assert found["strongest_feature"].value == pytest.approx(math.log(4.0))
    assert found["strongest_feature_lead"].value == pytest.approx(0.2)
    assert "feature 'best' alone had AUC 0.800 offline, 0.200 more" in (found["strongest_feature"].words or "")
    assert read(of(offline_auc=auc(0.9)))["strongest_feature_lead"].value == pytest.approx(0.3)
    assert read()["strongest_feature"].value is None
