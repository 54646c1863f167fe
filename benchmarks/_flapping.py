"""How often the alert of one gap fires at the daemon's own cadence: a look whenever outcomes have come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.false_alarms import AREA, OFFLINE_EVENTS, Looks, auc_looks, score_law
from sentinel.config import Alerts
from sentinel.diagnosis.alerts import QUIET
from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.bayes import log_bayes_factor

ALERTS: Final = Alerts()
GATE: Final = -math.log(ALERTS.alpha)
RELEASE: Final = -math.log(ALERTS.warn_alpha)
GAPS: Final = (0.04, 0.06, 0.10)
STREAMS, QUICK_STREAMS = 75, 25
LOOKS: Final = 2_500
EVENTS_PER_LOOK: Final = 2
RULES: Final = {"resolved at the gate": GATE, "resolved at the release": RELEASE}

Integers = npt.NDArray[np.int64]


def times_fired(evidence: Floats, release: float) -> Integers:
    """How often each stream's alert fires: at the gate at once, resolved after some looks in a row below the release.

    Parameters
    ----------
    evidence : float64 array, shape (n_streams, n_looks), nats
        Minus infinity where there is none yet.
    release : float, nats
        At most the gate.
    """
    return np.array([_fired(row >= GATE, row >= release) for row in evidence], np.int64)


def _fired(passes: Booleans, stays: Booleans) -> int:
    n, n_quiet, is_active = 0, 0, False
    for above, near in zip(passes.tolist(), stays.tolist(), strict=True):
        n_quiet = 0 if above or near else n_quiet + 1
        is_active = is_active and n_quiet < QUIET
        n += above and not is_active
        is_active = is_active or above
    return n


def gap_evidence(n_streams: int, gap: float, seed: int) -> Floats:
    """Evidence of a gap from launch, shape (n_streams, ``LOOKS``)."""
    random = np.random.default_rng(seed)
    chunks = auc_looks(
        random, n_streams, LOOKS, score_law(AREA), score_law(AREA - gap), events_per_look=EVENTS_PER_LOOK
    )
    return np.concatenate([_evidence(looks) for looks in chunks])


def _evidence(looks: Looks) -> Floats:
    variance = looks.live_variance + looks.offline_variance[:, None]
    found = log_bayes_factor(looks.gap, variance, ALERTS.tau, ALERTS.tolerance)
    return np.asarray(np.where(looks.usable, found, -math.inf), np.float64)


def report(n_streams: int, seed: int, gaps: Sequence[float] = GAPS) -> None:
    """Print how often the alert of a gap fires under either rule."""
    print(f"\nOne gap from launch, {OFFLINE_EVENTS:,} validation rows, {LOOKS:,} looks of {EVENTS_PER_LOOK} outcomes:")
    print(f"| gap in AUC | alerted | {' | '.join(RULES)} |")
    print("|---|---|---|---|")
    for gap in gaps:
        evidence = gap_evidence(n_streams, gap, seed)
        fired = [times_fired(evidence, release) for release in RULES.values()]
        cells = " | ".join(f"fires {_mean(times):.1f} times, {times.max()} at most" for times in fired)
        print(f"| {gap:.2f} | {int((fired[0] > 0).sum())} of {n_streams} | {cells} |")


def _mean(times: Integers) -> float:
    return float(times[times > 0].mean()) if times.any() else 0.0
