"""Features made from outcomes: blamed where they lost what they knew, and told apart by when."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from sentinel.baseline.evidence import BY_PERIOD, EncodedOutcome, StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.proofs import find_proofs
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures import read_signals
from tests.diagnosis.test_mix import split
from tests.diagnosis.test_proofs import feature

ALIKE = {Cause.TARGET_LEAKAGE, Cause.TEMPORAL_LEAKAGE, Cause.PREPROCESSING_LEAKAGE}


def evidence(*encoded: EncodedOutcome, lost: bool = True, compared: bool = True) -> Evidence:
    """A stream whose feature ``balance`` has lost its association or kept it, ``income`` has kept it."""
    features = feature(lost=lost), msgspec.structs.replace(feature(lost=False), name="income")
    found = msgspec.structs.replace(split(0.0, 0.01), features=features)
    meta = SimpleNamespace(manifest={}, static=StaticEvidence(encoded=encoded if compared else None))
    return gather(found, meta, {"predictions": 5_000, "joined": 5_000}, Alerts())


def one(name: str = "balance", time_spread: float | None = 0.99) -> EncodedOutcome:
    """A feature that was found to be made from outcomes."""
    return EncodedOutcome(name=name, dispersion=0.02, p_value=1e-20, n_values=90, n=4_000, time_spread=time_spread)


def values(seen: Evidence) -> tuple[float | None, float | None]:
    """Both signals."""
    signals = read_signals(seen)
    return signals["encodes_outcome"].value, signals["encoded_by_period"].value


@pytest.mark.parametrize(("spread", "by_period"), [(0.75, 0.5), (0.0, 1.0), (1.2, 0.0), (None, None)])
def test_a_suspect_made_from_outcomes_speaks(spread: float | None, by_period: float | None) -> None:
    """It counts in full; how close together its rows lie by its root, and is missing without times."""
    assert values(evidence(one(time_spread=spread))) == (1.0, by_period)


def test_what_kept_what_it_knew_is_not_blamed() -> None:
    """A feature made from outcomes that has lost nothing is neither a signal nor a proof."""
    for seen in (evidence(one("income")), evidence(one(), lost=False), evidence()):
        assert values(seen) == (0.0, 0.0)
        assert find_proofs(seen) == ()


def test_what_was_not_compared_is_missing() -> None:
    """A baseline that was built without the comparison has neither signal, rather than zeros."""
    assert values(evidence(compared=False)) == (None, None)


@pytest.mark.parametrize(
    ("spread", "causes"),
    [(None, ALIKE), (0.99, ALIKE), (BY_PERIOD + 1e-9, ALIKE), (BY_PERIOD, {Cause.TEMPORAL_LEAKAGE})],
)
def test_a_collapsed_encoding_is_a_proof(spread: float | None, causes: set[Cause]) -> None:
    """Of the three causes alike; of temporal leakage alone where it was made period by period."""
    (proof,) = find_proofs(evidence(one(time_spread=spread), one("income")))
    assert set(proof.causes) == causes
    assert "'balance'" in proof.words
