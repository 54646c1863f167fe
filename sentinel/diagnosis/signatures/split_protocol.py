"""How the offline rows were parted, and what was fitted or chosen on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import SMALLEST_GAP, Evidence
from sentinel.diagnosis.signatures.signal import TRAINING_ROWS, Meaning, Signal, clipped

SPLIT: Final = "the split: how rows were parted into training and validation (manifest, split.protocol)"
FITTED: Final = (
    "the statistics that the preprocessing was fitted to (manifest, fit_statistics), to compare them with the rows"
)
_CANDIDATES = "how many models were compared on the validation rows (manifest, candidates)"

MEANINGS = (
    Meaning("split_by_time", causes={"temporal_leakage": "-"}, wanted=SPLIT),
    Meaning("split_by_group", causes={"group_leakage": "-"}, wanted=SPLIT),
    Meaning("time_overlap", causes={"temporal_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("duplicate_excess", causes={"duplicate_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("oversampled", causes={"duplicate_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("entity_knows_outcome", causes={"group_leakage": "+"}, wanted=TRAINING_ROWS),
    Meaning("fitted_on_validation", causes={"preprocessing_leakage": "+"}, wanted=FITTED),
    Meaning("candidates", causes={"selection_optimism": "+"}, wanted=_CANDIDATES),
    Meaning("optimism_share", causes={"selection_optimism": "+"}, wanted=_CANDIDATES),
)  # fmt: skip


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read what is stated of the offline evaluation, and what its rows show."""
    static = evidence.static
    stated = f"rows are stated to be split by {static.split_protocol}"
    for protocol in ("time", "group"):
        value = None if static.split_protocol is None else float(static.split_protocol == protocol)
        yield Signal(f"split_by_{protocol}", value, stated if value else None)
    share = static.time_overlap_ratio
    words = f"{share:.0%} of the validation rows are not later than the training rows" if share else None
    yield Signal("time_overlap", share, words)
    yield from _of_rows(evidence)
    yield _fit(evidence)
    n = static.candidates
    chosen = f"the best of {n} models was judged on the rows that chose it" if n is not None and n > 1 else None
    yield Signal("candidates", None if n is None else clipped(math.log10(max(n, 1)), 0.0, 4.0), chosen)
    yield _optimism(evidence, chosen)


def _of_rows(evidence: Evidence) -> Iterator[Signal]:
    static = evidence.static
    excess, often = static.duplicate_excess_ratio, static.oversampled_ratio
    beyond = "beyond those that inputs alone bring about"
    words = None
    if excess is not None and excess > 0:
        words = f"{excess:.0%} of the validation rows have a twin in training, {beyond}"
    yield Signal("duplicate_excess", clipped(excess, 0.0, 1.0), words)
    words = None
    if often is not None and often > 0:
        words = f"training rows of one class have a twin {often:.0%} more often than the other's"
    yield Signal("oversampled", clipped(often, 0.0, 1.0), words)
    auc = static.entity_signal_auc
    words = None if auc is None else f"its entity's mean training outcome ranks a validation row with AUC {auc:.2f}"
    yield Signal("entity_knows_outcome", None if auc is None else clipped(2 * (auc - 0.5), 0.0, 1.0), words)


def _fit(evidence: Evidence) -> Signal:
    fit, encoder = evidence.static.fit_proof, evidence.static.encoder_proof
    if fit is None and encoder is None:
        return Signal("fitted_on_validation", None)
    proof = (*(fit or ()), *(encoder or ()))
    words = f"the preprocessing was fitted on validation rows too ({', '.join(proof[:3])})" if proof else None
    return Signal("fitted_on_validation", float(bool(proof)), words)


def _optimism(evidence: Evidence, chosen: str | None) -> Signal:
    expected = evidence.static.expected_optimism
    if expected is None or evidence.headline.gap is None:
        return Signal("optimism_share", None)
    share = expected / max(evidence.gap, SMALLEST_GAP)
    words = f"{chosen}: chance alone gives {expected:.3f} AUC" if chosen else None
    return Signal("optimism_share", clipped(share, 0.0, 2.0), words)
