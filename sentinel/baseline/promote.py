"""Makes accepted live traffic the new reference: matured panes become a baseline, and say so."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from sentinel import __version__
from sentinel.baseline.artifact import Baseline, Check, Provenance
from sentinel.baseline.estimates import offline_estimates
from sentinel.baseline.evidence import StaticEvidence
from sentinel.config.times import rfc3339
from sentinel.errors import BaselineError
from sentinel.summaries.algebra import Summary
from sentinel.summaries.panes import PaneSeries

MINIMUM_OUTCOMES: Final = 1_000
"""Fewer make a reference that could not prove a gap of .1 AUC."""
MINIMUM_PER_CLASS: Final = 30


def promote(baseline: Baseline, mature: PaneSeries, *, note: str, now_us: int) -> Baseline:
    """Build a baseline from live panes under the layout of an older one.

    The layout stays, so live counts stay comparable; what the training rows held stays known. Split, candidates and
    other statements on the offline evaluation go, since the new reference is none.

    Parameters
    ----------
    baseline : Baseline
        The one that the panes were counted by.
    mature : PaneSeries
        Panes whose outcomes are settled.
    note : str
        Why this traffic is accepted; kept in the artifact.
    now_us : int, microseconds since the epoch

    Returns
    -------
    Baseline

    Raises
    ------
    BaselineError
        If the panes hold too few outcomes to be a reference, or no reason is given.
    """
    if not note.strip():
        raise BaselineError("say why this traffic becomes the reference (--note): it is kept with the baseline")
    total = mature.total()
    _enough(total, baseline.layout.task)
    since_us, until_us = mature.panes[0][0], mature.panes[-1][0] + mature.width_us
    provenance = Provenance(
        parent=baseline.digest,
        since_us=since_us,
        until_us=until_us,
        n_panes=len(mature.panes),
        n_outcomes=total.n_outcomes,
        note=note.strip(),
    )
    accepted = Check(
        name="promoted",
        severity="info",
        detail=f"live traffic from {rfc3339(since_us)} to {rfc3339(until_us)} became the reference: {note.strip()}",
    )
    meta = msgspec.structs.replace(
        baseline.meta,
        created_at=rfc3339(now_us),
        generated_by=f"sentinel {__version__}",
        n_rows=total.n_predictions,
        n_rejected={},
        validation_start=rfc3339(int(total["first_predicted_at"][0])),
        validation_end=rfc3339(int(total["last_predicted_at"][0])),
        manifest={},
        n_row_overlap=None,
        n_entity_overlap=None,
        estimates=offline_estimates(total),
        checks=(accepted,),
        provenance=provenance,
        static=StaticEvidence(),
        repairs=(),
        audit=None,
    )
    return Baseline(baseline.layout, total.freeze(), meta, baseline.train_rows, baseline.train_entities)


def _enough(total: Summary, task: str) -> None:
    if total.n_outcomes < MINIMUM_OUTCOMES:
        raise BaselineError(
            f"these panes hold {total.n_outcomes} settled outcomes; a reference takes {MINIMUM_OUTCOMES}: "
            "choose an earlier --since, or wait"
        )
    if task != "binary":
        return
    scarce = int(np.min(total["outcomes"].sum(axis=0)))
    if scarce < MINIMUM_PER_CLASS:
        raise BaselineError(
            f"one class has {scarce} outcomes in these panes; a reference takes {MINIMUM_PER_CLASS} of each"
        )
