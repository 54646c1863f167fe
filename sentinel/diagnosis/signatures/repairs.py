"""The offline estimate with one leak taken out, and whether it predicts what is seen live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import TRAINING_ROWS, Direction, Meaning, Signal, clipped, compressed
from sentinel.evaluation.findings import Counterfactual

_REPAIRS: Final[dict[str, tuple[dict[str, Direction], str | None]]] = {
    "duplicates": (
        {"duplicate_leakage": "+", "group_leakage": "any"},
        TRAINING_ROWS,
    ),
    "groups": (
        {"group_leakage": "+", "duplicate_leakage": "any"},
        TRAINING_ROWS,
    ),
    "time_overlap": (
        {"temporal_leakage": "+"},
        TRAINING_ROWS,
    ),
    "selection": (
        {"selection_optimism": "+"},
        "how many models were compared on the validation rows (manifest, candidates)",
    ),
    "feature": (
        {"target_leakage": "+", "temporal_leakage": "any", "train_serve_skew": "any"},
        "the model as a callable, to judge it offline with a feature at the value that is served: "
        "`baseline build --score-with`",
    ),
}
"""Each repair, the causes it may speak for, and what it takes."""
_SAME: Final = {"copies": "duplicates"}
"""Repairs that speak as another does: copies are told by inputs and time, duplicates by inputs and live traffic."""

MEANINGS = (
    Meaning("best_repair", {"leakage": "+", "drift": "-", "pipeline": "-", "none": "-"}),
    *(Meaning(f"repair_{name}", causes=causes, wanted=wanted) for name, (causes, wanted) in _REPAIRS.items()),
    *(Meaning(f"explained_by_{name}", causes=causes, wanted=wanted) for name, (causes, wanted) in _REPAIRS.items()),
)


def read(evidence: Evidence) -> Iterator[Signal]:
    """Read every counterfactual."""
    found: dict[str, Counterfactual] = {}
    for one in evidence.evaluation.counterfactuals:
        name = one.name.partition(":")[0]
        name = _SAME.get(name, name)
        if name not in found or (one.log_evidence or 0.0) > (found[name].log_evidence or 0.0):
            found[name] = one
    best = max(found.values(), key=lambda one: one.log_evidence or 0.0, default=None)
    value = None if best is None else compressed(max(best.log_evidence or 0.0, 0.0))
    yield Signal("best_repair", value, None if best is None else describe(best))
    for name in _REPAIRS:
        repair = found.get(name)
        evident = repair is not None and (repair.log_evidence or 0.0) > 0
        words = describe(repair) if repair is not None and evident else None
        yield Signal(f"repair_{name}", None if repair is None else compressed(repair.log_evidence), words)
        explained = None if repair is None else clipped(repair.explained, -0.5, 1.5)
        yield Signal(f"explained_by_{name}", explained, words)


def describe(one: Counterfactual) -> str:
    """What the repair predicts, in words."""
    name = one.name.partition(":")[2]
    what = {
        "duplicates": "without the validation rows that training holds too",
        "copies": "without the validation rows that repeat the inputs and the time of a training row",
        "groups": "without the entities that training holds too",
        "time_overlap": "on the rows after the last training row alone",
        "selection": "less what choosing the best of the candidates gives by chance",
    }.get(one.name, f"with feature {name!r} at the value that is served")
    if one.corrected.value is None or one.explained is None:
        return f"{what}, no offline estimate is left"
    reach = "" if one.lower is None or one.upper is None else f" ({one.lower:.0%} to {one.upper:.0%})"
    return f"{what}, the offline estimate is {one.corrected.value:.3f}: {one.explained:.0%} of the gap{reach}"
