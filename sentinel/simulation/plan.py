"""What is decided about a trial before it is played."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.simulation.nuisances import Nuisances
from sentinel.simulation.strength import Severity


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One trial, before it is played.

    Parameters
    ----------
    generator : str
        Of ``GENERATORS``.
    cause, variant : str
        Of ``VARIANTS``; ``none`` is a benign look-alike.
    severity : {"small", "medium", "large"}
        Aims at a gap of .02, .05 or .15 AUC.
    onset_ratio : float in [0, 1)
        Share of the stream before the cause acts; 0 is the launch.
    second_cause : str or None
    seed : int, >= 0
    nuisances : Nuisances
    """

    generator: str
    cause: str
    variant: str
    severity: Severity
    onset_ratio: float
    second_cause: str | None
    seed: int
    nuisances: Nuisances
