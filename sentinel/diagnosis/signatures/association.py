"""One feature that knew the outcome offline and no longer does, or many that know less, or none."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sentinel.diagnosis.evidence import SMALLEST_GAP, Evidence, Suspect
from sentinel.diagnosis.signatures.signal import Direction, Meaning, Signal, clipped, compressed

_ONE_FEATURE: dict[str, Direction] = {
    "target_leakage": "+",
    "temporal_leakage": "any",
    "duplicate_leakage": "-",
    "group_leakage": "-",
    "selection_optimism": "-",
    "preprocessing_leakage": "any",
    "train_serve_skew": "+",
    "data_quality_fault": "any",
    "concept_drift": "any",
    "covariate_drift": "-",
}
_CONCENTRATED: dict[str, Direction] = {
    "target_leakage": "+",
    "temporal_leakage": "any",
    "preprocessing_leakage": "-",
    "concept_drift": "any",
}

MEANINGS = (
    Meaning("collapse", {"leakage": "any", "pipeline": "+", "drift": "any", "none": "-"}, _ONE_FEATURE),
    Meaning("collapse_share", {"leakage": "any", "pipeline": "+", "drift": "any", "none": "-"}, _ONE_FEATURE),
    # Two to four features move on honest real streams, too: no leak may be named by their number.
    Meaning("collapse_breadth", {"pipeline": "-", "drift": "+"}, {"target_leakage": "-", "concept_drift": "+"}),
    Meaning("collapse_concentration", {"pipeline": "any", "drift": "-"}, _CONCENTRATED),
    Meaning("collapsed_was_best", {"leakage": "+"}, {"target_leakage": "+", "temporal_leakage": "any"}),
    Meaning("collapsed_is_useless", {"drift": "-"}, {"target_leakage": "+", "temporal_leakage": "-"}),
    Meaning("collapsed_was_strong", {"leakage": "+"}, {"target_leakage": "+"}),
)  # fmt: skip


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read the feature that lost most of its association, and how alone it is in that."""
    features = [f for f in evidence.evaluation.features if f.collapse is not None]
    if not features:
        for meaning in MEANINGS:
            yield Signal(meaning.name, None)
        return
    collapsed = [suspect for suspect in evidence.suspects if suspect.collapsed]
    worst = collapsed[0] if collapsed else None
    score = max((feature.collapse or 0.0 for feature in features), default=0.0)
    words = _nothing(score) if worst is None else _words(worst)
    yield Signal("collapse", compressed(max(score, 0.0)), words)
    lost = 0.0 if worst is None else worst.lost / max(evidence.gap, SMALLEST_GAP)
    yield Signal("collapse_share", clipped(lost, 0.0, 3.0), words)
    names = ", ".join(repr(suspect.finding.name) for suspect in collapsed[:3])
    broad = f"{len(collapsed)} features lost their association with the outcome ({names})"
    yield Signal("collapse_breadth", math.log1p(max(len(collapsed) - 1, 0)), broad if len(collapsed) > 1 else None)
    total = sum(suspect.lost for suspect in collapsed)
    yield Signal("collapse_concentration", worst.lost / total if worst is not None and total > 0 else 0.0, words)
    yield Signal("collapsed_was_best", float(worst is not None and worst.top_offline), words)
    yield Signal("collapsed_is_useless", float(worst is not None and worst.useless_live), words)
    known = 0.0 if worst is None else 2.0 * ((worst.finding.offline_auc.value or 0.5) - 0.5)
    yield Signal("collapsed_was_strong", clipped(known, 0.0, 1.0), words)


def _words(worst: Suspect) -> str:
    feature = worst.finding
    top = ", where it was the best of all features" if worst.top_offline else ""
    return (
        f"feature {feature.name!r} alone had AUC {feature.offline_auc.value:.3f} offline{top}, and has "
        f"{feature.online_auc.value:.3f} live ({worst.score:.1f} standard errors)"
    )


def _nothing(score: float) -> str:
    return (
        "no single feature has surely lost its association with the outcome "
        f"(at most {max(score, 0.0):.1f} standard errors): the model as a whole has"
    )
