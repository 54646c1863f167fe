"""False alarms, power and delay of every detector of a change after launch, on simulated streams of panes."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtri

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.alerts import Alerts
from sentinel.config.times import parse_time_us
from sentinel.evaluation.change import HORIZON_PANES, LIKELY, weigh_change
from sentinel.evaluation.detectors import REFERENCE_PANES, anomalies, pane_statistics, watch
from sentinel.evaluation.findings import Change
from sentinel.stats.change import Prior, log_shiryaev_roberts
from sentinel.stats.intervals import wilson_interval
from sentinel.stats.losses import brier_losses, log_losses
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import BIN_MISSING, N_SPECIAL, FeatureBins, Layout
from sentinel.summaries.panes import PaneSeries

PANES: Final = 200
OUTCOMES_PER_PANE: Final = 60
OFFLINE_OUTCOMES: Final = 3_000
POSITIVE_RATE: Final = 0.25
AREA: Final = 0.80
WORSE: Final = 0.72
ONSET: Final = 100
"""Panes before a change."""
BURST: Final = 150
BURST_PANES: Final = 6
N_FEATURES: Final = 5
N_FEATURE_BINS: Final = 10
FEATURE_SHIFT: Final = 0.5
"""Standard deviations that one feature moves by."""
HOUR_US: Final = 3_600 * MICROSECONDS_PER_SECOND
ALERTS: Final = Alerts()
PRIOR: Final = Prior()
MORE: Final = 0.35
"""Rate of positives after it has changed."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
EDGES: Final = tuple(np.linspace(0.0, 1.0, 65)[1:-1].tolist())
LAYOUT: Final = Layout(
    model="benchmark",
    version="1",
    task="binary",
    columns=tuple((f"x{j}", "numeric", ()) for j in range(N_FEATURES)),
    features=tuple(
        FeatureBins(name=f"x{j}", kind="numeric", edges=tuple(range(N_FEATURE_BINS + 1))) for j in range(N_FEATURES)
    ),
    slices=(),
    score_edges=EDGES,
    slice_score_edges=(),
    threshold=0.5,
    n_buckets=8,
)


@dataclass(frozen=True, slots=True)
class World:
    """What a stream does: the area before and after the onset, the rate of positives and the inputs after it."""

    name: str
    before: float = AREA
    after: float = AREA
    rate: float = POSITIVE_RATE
    shifted: bool = False
    burst: bool = False


@dataclass(slots=True)
class Tally:
    """What one detector did on many streams."""

    raised: list[bool] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)

    def add(self, at: int | None) -> None:
        """Count a stream by the pane of its first alarm, if any."""
        self.raised.append(at is not None)
        if at is not None and at > ONSET:
            self.delays.append((at - ONSET) * OUTCOMES_PER_PANE)

    @property
    def share(self) -> str:
        """Share of streams with its 95 % interval."""
        lower, upper = wilson_interval(sum(self.raised), len(self.raised))
        return f"{np.mean(self.raised):.3f} ({lower:.3f}-{upper:.3f})"

    @property
    def text(self) -> str:
        """Share of streams and, where that is half of them or more, the median of outcomes from onset to alarm."""
        median = np.median([*self.delays, *[np.inf] * (len(self.raised) - len(self.delays))])
        return f"{self.share}, {median:,.0f} outcomes" if np.isfinite(median) else self.share


def draw_panes(random: np.random.Generator, areas: Floats, rates: Floats, per_pane: int) -> dict[str, Integers]:
    """Counts of many panes at once; scores are calibrated for `AREA` and `POSITIVE_RATE`, whatever is true."""
    n_panes = len(areas)
    distance = math.sqrt(2.0) * np.repeat(ndtri(areas), per_pane)
    promised = math.sqrt(2.0) * float(ndtri(AREA))
    outcome = (random.random(n_panes * per_pane) < np.repeat(rates, per_pane)).astype(np.int64)
    place = random.normal(size=outcome.size) + distance * outcome + (promised - distance) / 2.0
    score = expit(math.log(POSITIVE_RATE / (1.0 - POSITIVE_RATE)) + promised * (place - promised / 2.0))
    pane, bins = np.repeat(np.arange(n_panes), per_pane), np.searchsorted(EDGES, score, side="right")
    bucket = random.integers(0, LAYOUT.n_buckets, outcome.size)
    cells = ((pane * LAYOUT.n_buckets + bucket) * 64 + bins) * 2 + outcome
    buckets = np.bincount(cells, minlength=n_panes * LAYOUT.n_buckets * 128)
    losses = np.zeros((n_panes, 2, 2, 2), np.int64)
    for k, values in enumerate((log_losses(score, outcome), brier_losses(score, outcome))):
        np.add.at(losses[:, :, k, 0], (pane, outcome), fixed_point.encode(values))
        np.add.at(losses[:, :, k, 1], (pane, outcome), fixed_point.encode(values**2, fixed_point.SQUARE_SCALE_BITS))
    delays = np.zeros((n_panes, 26, 2), np.int64)
    np.add.at(delays, (pane, np.clip(random.normal(13, 2, outcome.size).astype(np.int64), 0, 25), outcome), 1)
    return {"buckets": buckets.reshape(n_panes, LAYOUT.n_buckets, 64, 2), "losses": losses, "delays": delays}


def draw_features(random: np.random.Generator, world: World, n_panes: int) -> Integers:
    """Feature counts by pane, shape (n_panes, n_feature_bins)."""
    values = random.normal(size=(n_panes, OUTCOMES_PER_PANE, N_FEATURES))
    if world.shifted:
        values[ONSET:, :, 0] += FEATURE_SHIFT
    bins = N_SPECIAL + np.clip((values + 2.5) * 2.0, 0, N_FEATURE_BINS - 1).astype(np.int64)
    if world.burst:
        burst = bins[BURST : BURST + BURST_PANES]
        burst[random.random(burst.shape) < 0.1] = BIN_MISSING
    codes = bins + LAYOUT.feature_offsets[:-1] + LAYOUT.n_feature_bins * np.arange(n_panes)[:, None, None]
    counts = np.bincount(codes.ravel(), minlength=n_panes * LAYOUT.n_feature_bins)
    return counts.reshape(n_panes, -1)


def to_summary(counts: dict[str, Integers], i: int, start: int) -> Summary:
    """One pane's counts."""
    summary = Summary.zero(LAYOUT)
    for name in ("buckets", "delays"):
        summary.arrays[name][...] = counts[name][i]
    summary.arrays["outcomes"][...] = counts["buckets"][i].sum(axis=0)
    summary.arrays["scores"][...] = summary["outcomes"].sum(axis=1)
    summary.arrays["losses"][0] = counts["losses"][i]
    if "features" in counts:
        summary.arrays["features"][...] = counts["features"][i]
    summary.arrays["first_predicted_at"][...] = start
    summary.arrays["last_predicted_at"][...] = start + HOUR_US - 1
    return summary


def draw_stream(random: np.random.Generator, world: World) -> tuple[PaneSeries, Summary]:
    """Live panes (one more than are closed) and the offline side."""
    areas = np.where(np.arange(PANES + 1) < ONSET, world.before, world.after)
    rates = np.where(np.arange(PANES + 1) < ONSET, POSITIVE_RATE, world.rate)
    live = draw_panes(random, areas, rates, OUTCOMES_PER_PANE)
    live["features"] = draw_features(random, world, PANES + 1)
    offline = to_summary(draw_panes(random, np.array([AREA]), np.array([POSITIVE_RATE]), OFFLINE_OUTCOMES), 0, 0)
    panes = tuple((i * HOUR_US, to_summary(live, i, i * HOUR_US)) for i in range(PANES + 1))
    return PaneSeries(LAYOUT, HOUR_US, panes), offline


def looks(live: PaneSeries, offline: Summary, every: int) -> Iterator[tuple[int, Change]]:
    """The change as it is judged every few panes."""
    for closed in range(every, PANES + 1, every):
        part = PaneSeries(live.layout, live.width_us, live.panes[:closed])
        yield closed, weigh_change(part, offline, ALERTS)


def first(changes: list[tuple[int, Change]], raised: Callable[[Change], bool]) -> int | None:
    """Closed panes at the first look that alarms."""
    return next((closed for closed, change in changes if raised(change)), None)


def pane_of(stamp: str) -> int:
    """Pane that begins at a time."""
    return round(parse_time_us(stamp) / HOUR_US)


RULES: Final[dict[str, Callable[[Change], bool]]] = {
    "e-SR on the loss": lambda change: change.loss_alarm,
    "split-point Bayes factor": lambda change: change.alarm,
    "posterior: launch": lambda change: change.launch >= LIKELY,
    "posterior: later": lambda change: change.later >= LIKELY,
}
NOMINAL: Final = {
    "e-SR on the loss": ALERTS.alpha * PANES / HORIZON_PANES,
    "split-point Bayes factor": ALERTS.alpha,
    "posterior: launch": PRIOR.launch / PRIOR.none,
    "posterior: later": PRIOR.later / PRIOR.none,
}
"""Largest share of streams without a gap that may ever be raised. To be believed by half, a gap takes evidence of its
prior odds at least, and evidence ever exceeds x with probability 1 / x."""
STEADY: Final = World("no gap")
LAUNCHED: Final = World(f"gap of {AREA - WORSE:.2f} from launch", before=WORSE, after=WORSE)
CHANGED: Final = World(f"gap of {AREA - WORSE:.2f} from pane {ONSET}", after=WORSE)
RISEN: Final = World(f"{MORE:.0%} positive from pane {ONSET}", rate=MORE)
WORLDS: Final = (STEADY, LAUNCHED, CHANGED, RISEN)


def performance(random: np.random.Generator, n_streams: int, every: int) -> bool:
    """Print what the tests of performance do; return whether one alarms too often."""
    print(f"| detector | nominal | {' | '.join(world.name for world in WORLDS)} |")
    print("|---|---|---|---|---|---|")
    tallies = {(rule, world.name): Tally() for rule in RULES for world in WORLDS}
    errors, covered, right = [], [], dict.fromkeys(("launch", "later"), 0)
    for world in WORLDS:
        for _ in range(n_streams if world in (STEADY, LAUNCHED) else n_streams // 2):
            changes = list(looks(*draw_stream(random, world), every))
            for rule, raised in RULES.items():
                tallies[rule, world.name].add(first(changes, raised))
            last = changes[-1][1]
            right["launch"] += world is LAUNCHED and last.launch >= LIKELY
            right["later"] += world is CHANGED and last.later >= LIKELY
            if world is CHANGED and last.onset and last.onset_lower and last.onset_upper:
                errors.append(abs(pane_of(last.onset) - ONSET))
                covered.append(pane_of(last.onset_lower) <= ONSET <= pane_of(last.onset_upper))
    exceeded = False
    for rule, nominal in NOMINAL.items():
        cells = [tallies[rule, world.name] for world in WORLDS]
        print(f"| {rule} | {nominal:.4f} | {' | '.join(cell.text for cell in cells)} |")
        nulls = cells[:1] if rule.startswith("posterior") else cells[:2]
        exceeded |= any(wilson_interval(sum(cell.raised), len(cell.raised))[0] > nominal for cell in nulls)
    print(f"\nAt the end launch is believed in {right['launch'] / n_streams:.1%} of the gaps from launch, ", end="")
    print(f"later in {right['later'] / (n_streams // 2):.1%} of the later ones.")
    print(
        f"The onset is off by {np.median(errors):.0f} panes in the median, {np.quantile(errors, 0.9):.0f} at the ",
        end="",
    )
    print(f"90th percentile; its 95 % interval holds it in {np.mean(covered):.1%} of {len(covered)} streams.")
    return exceeded


def bounds(random: np.random.Generator, n_streams: int) -> None:
    """Print what the squares of the losses are worth to the e-SR, the accepted loss known exactly."""
    steady, worse = (_brier_sums(random, area, n_streams * ONSET) for area in (AREA, WORSE))
    accepted = steady[1].sum() / steady[0].sum()
    variance = float(steady[2].sum() / steady[0].sum() - accepted**2)
    print(f"\n| e-SR, true loss accepted, {WORSE:.2f} AUC for {ONSET} panes | raised | median delay, panes |")
    print("|---|---|---|")
    for name, squares in (("from sums of losses", None), ("and of their squares", worse[2])):
        first_panes = []
        for i in range(n_streams):
            part = slice(i * ONSET, (i + 1) * ONSET)
            extra = None if squares is None else squares[part]
            evidence = log_shiryaev_roberts(
                worse[0][part], worse[1][part], accepted, squares=extra, variance=None if extra is None else variance
            )
            raised = evidence >= math.log(HORIZON_PANES / ALERTS.alpha)
            first_panes.append(int(raised.argmax()) + 1 if raised.any() else math.inf)
        print(f"| {name} | {np.isfinite(first_panes).mean():.3f} | {np.median(first_panes):.0f} |")


def _brier_sums(random: np.random.Generator, area: float, n_panes: int) -> tuple[Floats, Floats, Floats]:
    """Outcomes of each pane, the sums of their Brier losses and of the squares."""
    counts = draw_panes(random, np.full(n_panes, area), np.full(n_panes, POSITIVE_RATE), OUTCOMES_PER_PANE)
    sums = counts["losses"][:, :, 1].sum(axis=1)
    squares = fixed_point.decode(sums[:, 1], fixed_point.SQUARE_SCALE_BITS)
    return np.full(n_panes, float(OUTCOMES_PER_PANE)), fixed_point.decode(sums[:, 0]), squares


def detectors(random: np.random.Generator, n_streams: int) -> bool:
    """Print what the detectors over panes do; return whether one alarms too often."""
    worlds = (
        STEADY,
        LAUNCHED,
        CHANGED,
        World(f"one feature moves by {FEATURE_SHIFT} sd", shifted=True),
        World(f"{BURST_PANES} panes with 10 % missing values", burst=True),
    )
    print("\n| stream | ADWIN: streams raised | half-space trees: panes named | change or burst named |")
    print("|---|---|---|---|")
    exceeded = False
    for world in worlds:
        adwin, hit, named = Tally(), Tally(), 0
        for _ in range(n_streams):
            live, _ = draw_stream(random, world)
            seen = watch(live, live)
            adwin.add(None if seen.changed_at is None else pane_of(seen.changed_at))
            panes = live.panes[:PANES]
            flagged = anomalies(pane_statistics(LAYOUT, panes, settled_through=panes[-1][0]))
            named += len(flagged)
            at = BURST if world.burst else ONSET
            inside = [i for i in flagged if at <= i < at + BURST_PANES]
            hit.add(inside[0] if inside else None)
        scored = n_streams * (PANES - 2 * REFERENCE_PANES)
        print(f"| {world.name} | {adwin.share} | {named / scored:.4f} of {scored:,} | {hit.share} |")
        if world in (STEADY, LAUNCHED):
            exceeded |= wilson_interval(sum(adwin.raised), n_streams)[0] > 0.02 * (1 + N_FEATURES)
            exceeded |= named / scored > 0.005
    return exceeded


def main(arguments: list[str] | None = None) -> int:
    """Run all tables.

    Returns
    -------
    int
        1 if a detector's false-alarm rate is surely above nominal, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 streams judged every 20 panes, for every commit")
    parser.add_argument("--seed", type=int, default=20_262, help="of the random numbers")
    options = parser.parse_args(arguments)
    n_streams, every = (12, 20) if options.quick else (400, 4)
    random = np.random.default_rng(options.seed)
    started = time.perf_counter()
    print(f"{n_streams} streams of {PANES} panes of {OUTCOMES_PER_PANE} outcomes, ", end="")
    print(f"{POSITIVE_RATE:.0%} positive; offline {OFFLINE_OUTCOMES:,}; ", end="")
    print(f"judged every {every} panes; alpha {ALERTS.alpha}\n")
    exceeded = [performance(random, n_streams, every), detectors(random, n_streams)]
    bounds(np.random.default_rng(options.seed + 1), n_streams)
    verdict = "above" if any(exceeded) else "within"
    print(f"\n{time.perf_counter() - started:.0f} s; false alarms {verdict} nominal")
    return int(any(exceeded))


if __name__ == "__main__":
    sys.exit(main())
