"""Validation rows that are copies of training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from sentinel.simulation.rows import F64, Field, Rows, join

CopyKind = Literal["exact", "near", "augmented", "oversampled"]

_NEAR_SD, _AUGMENTED_SD = 0.002, 0.05
"""Jitter of near copies and of augmented ones, in standard deviations of the feature."""


def copy_rows(
    kind: CopyKind, ratio: float, train: Rows, validation: Rows, fields: tuple[Field, ...], rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Make a share of the validation rows copies of training rows.

    Parameters
    ----------
    kind : {"exact", "near", "augmented", "oversampled"}
        As they are; rounded or jittered, under another entity; jittered copies made before the split, so that
        the training rows have some too; positives repeated before the split, on both sides.
    ratio : float in (0, 1)
    train, validation : Rows
    fields : tuple of Field
    rng : Generator

    Returns
    -------
    (Rows, Rows)
        Training and validation rows. Copies take the times of the rows that they replace.
    """
    n_copies = max(1, round(ratio * len(validation)))
    sources = np.flatnonzero(train.outcome) if kind == "oversampled" else np.arange(len(train))
    chosen = train.take(sources[rng.integers(0, len(sources), n_copies)])
    place = rng.choice(len(validation), n_copies, replace=False)
    if kind == "near":
        chosen = replace(chosen, entity=validation.entity[place], x=_jitter(chosen.x, train.x, fields, _NEAR_SD, rng))
    if kind == "augmented":
        chosen = replace(chosen, x=_jitter(chosen.x, train.x, fields, _AUGMENTED_SD, rng))
    if kind in ("augmented", "oversampled"):
        n_more = round(ratio * len(train))
        more = train.take(sources[rng.integers(0, len(sources), n_more)])
        if kind == "augmented":
            more = replace(more, x=_jitter(more.x, train.x, fields, _AUGMENTED_SD, rng))
        train = join(train, more).sorted()
    keep = np.ones(len(validation), np.bool_)
    keep[place] = False
    copied = replace(chosen, at=validation.at[place])
    return train, join(validation.take(np.flatnonzero(keep)), copied).sorted()


def _jitter(x: F64, reference: F64, fields: tuple[Field, ...], sd: float, rng: np.random.Generator) -> F64:
    """Move every number a little; categories stay."""
    noisy = x.copy()
    for i, field in enumerate(fields):
        if not field.categories:
            spread = float(np.nanstd(reference[:, i])) if np.isfinite(reference[:, i]).any() else 0.0
            noisy[:, i] += sd * spread * rng.standard_normal(len(x))
    return noisy
