"""What a signature yields: named numbers read from the evidence, and for which causes each may speak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Direction = Literal["+", "-", "any"]

TRAINING_ROWS: Final = "the training rows, with their times and entities: `baseline build --train`"
"""What most evidence of an offline evaluation takes: one wish, however many signals lack it."""
WRITTEN_WHEN: Final = (
    "feature times or a backfill: a feature that did not exist yet and one that is served "
    "wrongly look alike in outcomes; the times at which its values were written, or its values recomputed for the "
    "moment of prediction, tell them apart"
)
"""What most evidence of a single feature takes."""
REACH: Final = 6.0
"""Largest magnitude of a compressed number: ln(1 + 400). More evidence of one kind is no better evidence."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One number of the evidence.

    Attributes
    ----------
    name : str
        Of a `Meaning`.
    value : float or None, finite
        None where the evidence is missing, which is not zero.
    words : str or None
        One clause with the numbers, for the report; None where it is not worth a word.
    """

    name: str
    value: float | None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """For what a signal may speak; what is not listed gets no weight, whatever the training data say.

    Attributes
    ----------
    name : str
    families, causes : mapping of name to {"+", "-", "any"}
        Whether more of it speaks for or against; ``any`` leaves the sign to the training data.
    wanted : str or None
        What would have to be supplied for the signal to exist, in words; None where nobody can.
    """

    name: str
    families: Mapping[str, Direction] = field(default_factory=dict)
    causes: Mapping[str, Direction] = field(default_factory=dict)
    wanted: str | None = None


def compressed(value: float | None) -> float | None:
    """Signed logarithm of a number of standard errors or nats, within ``REACH``.

    Examples
    --------
    >>> compressed(0.0), round(compressed(-math.e + 1), 6), compressed(math.inf), compressed(None)
    (0.0, -1.0, 6.0, None)
    """
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return math.copysign(REACH, value)
    return clipped(math.copysign(math.log1p(abs(value)), value), -REACH, REACH)


def clipped(value: float | None, lowest: float, highest: float) -> float | None:
    """The number within its bounds; None stays None, and what is no number becomes it.

    Examples
    --------
    >>> clipped(2.0, -1.0, 1.0), clipped(math.nan, -1.0, 1.0)
    (1.0, None)
    """
    if value is None or math.isnan(value):
        return None
    return min(max(value, lowest), highest)
