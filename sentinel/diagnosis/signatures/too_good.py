"""An offline estimate, or a single feature, that is better than honest work usually is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal, clipped

MEANINGS = (
    Meaning("offline_auc", {"leakage": "+"}, {"target_leakage": "+"}),
    Meaning("strongest_feature", {"leakage": "+"}, {"target_leakage": "+", "temporal_leakage": "any"}),
    Meaning("strongest_feature_lead", {"leakage": "+"}, {"target_leakage": "+", "temporal_leakage": "any"}),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the offline AUC of the model and of its two best features."""
    offline = evidence.headline.offline.value
    words = None if offline is None else f"offline the model had AUC {offline:.3f}"
    yield Signal("offline_auc", None if offline is None else _log_odds(offline), words)
    known = [(f.offline_auc.value, f.name) for f in evidence.evaluation.features if f.offline_auc.value is not None]
    ranked = sorted(known, reverse=True)[:2]
    if not ranked:
        yield Signal("strongest_feature", None)
        yield Signal("strongest_feature_lead", None)
        return
    (best, name), second = ranked[0], ranked[1][0] if len(ranked) > 1 else 0.5
    said = f"feature {name!r} alone had AUC {best:.3f} offline, {best - second:.3f} more than the next"
    yield Signal("strongest_feature", _log_odds(best), said)
    yield Signal("strongest_feature_lead", clipped(best - second, 0.0, 0.3), said)


def _log_odds(auc: float) -> float | None:
    return clipped(math.log(max(auc, 0.5) / max(1.0 - auc, 1e-3)), 0.0, 5.0)
