"""A declared range proves a unit only where live values break it and offline ones do not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.proofs import find_proofs
from sentinel.diagnosis.signatures import read_signals
from sentinel.evaluation.evaluate import evaluate
from tests.evaluation.worlds import draw, offline, series, world_layout

LAYOUT = world_layout()


def evidence(before: float | None, live: float) -> Evidence:
    """A harmless stream whose first feature lies outside its range in these shares."""
    rng = np.random.default_rng(1)
    side = offline(LAYOUT, draw(LAYOUT, rng, 2_000))
    found = evaluate(side, series(LAYOUT, draw(LAYOUT, rng, 2_000)), Alerts())
    first, *others = found.features
    first = msgspec.structs.replace(first, outside_range_ratio=live, offline_outside_range_ratio=before)
    changed = msgspec.structs.replace(found, features=(first, *others))
    return gather(changed, side.meta, {"predictions": 2_000, "joined": 2_000}, Alerts())


@pytest.mark.parametrize(
    ("before", "live", "words"),
    [
        (0.8, 0.8, []),  # the range is wrong, not the stream
        (0.8, 1.0, []),
        (0.0, 0.4, []),
        (0.1, 0.9, ["feature {!r} lies outside its declared range in 90% live, 10% offline"]),
        (None, 0.9, ["feature {!r} lies outside its declared range in 90% live"]),
    ],
)
def test_only_a_clear_rise_is_a_proof(before: float | None, live: float, words: list[str]) -> None:
    """Half of the live values beyond what offline rows show; a range that both miss alike proves nothing."""
    found = evidence(before, live)
    name = found.evaluation.features[0].name
    assert [proof.words for proof in find_proofs(found)] == [said.format(name) for said in words]


def test_the_signal_is_the_rise() -> None:
    """Four live values in five, and four offline: the signal is zero and has no words."""
    same, more = (read_signals(evidence(before, 0.8))["outside_declared_range"] for before in (0.8, 0.3))
    assert (same.value, same.words) == (0.0, None)
    assert more.value == pytest.approx(0.5)
    assert more.words is not None
