"""Signatures: what each kind of evidence says for or against each cause, one kind a file."""

from __future__ import annotations

from sentinel.diagnosis.signatures import (
    covariate_mix,
    label_shift,
    lost_association,
    onset,
    served_values,
    split_protocol,
)
from sentinel.diagnosis.signatures.contribution import Contribution, Signature

SIGNATURES: tuple[Signature, ...] = (
    onset.weigh,
    lost_association.weigh,
    served_values.weigh,
    covariate_mix.weigh,
    label_shift.weigh,
    split_protocol.weigh,
)
"""Every signature, in the order in which their words are read."""

__all__ = ["SIGNATURES", "Contribution", "Signature"]
