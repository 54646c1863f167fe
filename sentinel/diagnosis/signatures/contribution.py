"""What a signature returns: log-odds for causes, and why in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.report import Cause


@dataclass(frozen=True, slots=True)
class Contribution:
    """Evidence of one kind.

    Attributes
    ----------
    log_odds : mapping of Cause to float, nats
        Added to each cause's score; causes that are not named get 0.
    words : str
        One sentence with the numbers, for the report.
    """

    log_odds: Mapping[Cause, float]
    words: str


Signature = Callable[[Evidence], Iterable[Contribution]]

LEAKAGE = tuple(cause for cause in Cause if cause.family == "leakage")
DRIFT = tuple(cause for cause in Cause if cause.family == "drift")
