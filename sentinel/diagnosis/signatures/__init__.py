"""Signatures: which numbers of the evidence bear on the cause, one kind a file. A new one speaks by being here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Final, Protocol, cast

from sentinel.diagnosis.evidence import Evidence
from sentinel.diagnosis.signatures.signal import Meaning, Signal

_TRAINED: Final = (
    "onset", "association", "served_values", "repairs", "overlap", "feature_times", "backfill", "declared", "parts",
    "calibration", "drifted", "split_protocol", "too_good", "outcome_delay", "gap", "scores", "encoded",
)  # fmt: skip
"""The order of the columns that the shipped scorecard was trained on: in another its last digits would be others. A new
signature needs no place here, it comes after these."""
_VALUE = "signal"
"""The one module here that is no signature: what signatures are made of."""


class Signature(Protocol):
    """A module of this package.

    Attributes
    ----------
    MEANINGS : tuple of Meaning
        Its signals, and for which families and causes each may speak.
    """

    MEANINGS: tuple[Meaning, ...]

    def read(self, evidence: Evidence) -> Iterator[Signal]:
        """Each of its signals once; without a value where the evidence for it is missing."""


def all_signatures() -> Mapping[str, Signature]:
    """Every signature by the name of its module, in the order in which their words are read."""
    there = {found.name for found in pkgutil.iter_modules(__path__)} - {_VALUE}
    names = [*(name for name in _TRAINED if name in there), *sorted(there - set(_TRAINED))]
    return {name: cast(Signature, importlib.import_module(f"{__name__}.{name}")) for name in names}


_SIGNATURES: Final = all_signatures()

MEANINGS: Mapping[str, Meaning] = {meaning.name: meaning for kind in _SIGNATURES.values() for meaning in kind.MEANINGS}
"""Every signal by its name, in the order in which their words are read."""


def read_signals(evidence: Evidence) -> dict[str, Signal]:
    """Every signal of this evidence, by its name; one whose evidence is missing has no value."""
    found = {signal.name: signal for kind in _SIGNATURES.values() for signal in kind.read(evidence)}
    return {name: found[name] for name in MEANINGS}


__all__ = ["MEANINGS", "Meaning", "Signal", "Signature", "all_signatures", "read_signals"]
