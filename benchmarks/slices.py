"""False alarms and power of slices: configured and built-in ones, and weak ones that are discovered.

Run with `python -m benchmarks.slices [--quick]`. Ten numbers of twenty bins and two categories, five pairs of features;
the model is wrong in a tenth of its decisions, everywhere. Streams are judged at ten looks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.config.alerts import Alerts
from sentinel.evaluation.candidates import Place, candidates_of, place_name
from sentinel.evaluation.discovery import discover
from sentinel.evaluation.slices import compare_slices
from sentinel.stats.intervals import wilson_interval
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import N_SPECIAL, OF_SCORE, FeatureBins, FeaturePair, Layout, SliceColumn
from sentinel.summaries.metrics import measure_slices
from sentinel.summaries.rows import Rows, row_dtype

OFFLINE_ROWS: Final = 10_000
LIVE_ROWS: Final = 20_000
LOOKS: Final = 10
N_NUMBERS: Final = 10
N_BINS: Final = 20
N_PAIRS: Final = 5
DAYS_PER_BIN: Final = 15
"""Of tenure: two bins, a tenth of the rows, lie below 30 days."""
REGIONS: Final = ("EU", "US", "APAC", "LATAM")
ERROR_RATE: Final = 0.1
ALERTS: Final = Alerts()

Booleans = npt.NDArray[np.bool_]
_QUARTERS: Final = tuple((N_SPECIAL + 5 * k, N_SPECIAL + 5 * k + 5) for k in range(4))
_SINGLE: Final = tuple((N_SPECIAL + k, N_SPECIAL + k + 1) for k in range(4))
_EDGES: Final = tuple(float(edge) for edge in range(N_BINS + 1))


def _layout() -> Layout:
    numbers = ("tenure_days", *(f"x{j}" for j in range(1, N_NUMBERS)))
    tenure = tuple(float(DAYS_PER_BIN * edge) for edge in range(N_BINS + 1))
    score_edges = tuple(np.linspace(0.0, 1.0, 65)[1:-1].tolist())
    return Layout(
        model="benchmark",
        version="1",
        task="binary",
        columns=(
            *((name, "numeric", ()) for name in numbers),
            ("region", "categorical", REGIONS),
            ("plan", "categorical", ("a", "b", "c", "d")),
        ),
        features=(
            *(
                FeatureBins(name=name, kind="numeric", edges=tenure if name == "tenure_days" else _EDGES)
                for name in numbers
            ),
            FeatureBins(name="region", kind="categorical", n_kept=4),
            FeatureBins(name="plan", kind="categorical", n_kept=4),
        ),
        slices=(
            SliceColumn(name="plan", columns=("plan",), values=("a", "b", "c", "d")),
            SliceColumn(name="@predicted_class", columns=(OF_SCORE,), values=("negative", "positive"), edges=(0.5,)),
            SliceColumn(
                name="@score_band",
                columns=(OF_SCORE,),
                values=("1", "2", "3", "4", "5"),
                edges=(0.09, 0.13, 0.87, 0.91),
            ),
        ),
        score_edges=score_edges,
        slice_score_edges=score_edges[1::2],
        threshold=0.5,
        pairs=tuple(FeaturePair(features=(j, N_NUMBERS), groups=(_QUARTERS, _SINGLE)) for j in range(N_PAIRS)),
    )


LAYOUT: Final = _layout()
PLACES: Final = {place_name(LAYOUT, place): place for place in candidates_of(LAYOUT).places}


def _nowhere(rows: Rows) -> Booleans:
    return np.zeros(len(rows), np.bool_)


def _young(rows: Rows) -> Booleans:
    """Tenure below 30 days: a tenth of the rows."""
    return np.asarray(rows["features"][:, 0] < N_SPECIAL + 2)


def _cell(rows: Rows) -> Booleans:
    """The first quarter of x1 in the EU: a sixteenth of the rows."""
    return np.asarray((rows["features"][:, 1] < N_SPECIAL + 5) & (rows["features"][:, N_NUMBERS] == N_SPECIAL))


def _everywhere(rows: Rows) -> Booleans:
    return np.ones(len(rows), np.bool_)


@dataclass(frozen=True, slots=True)
class World:
    """Where live decisions are wrong how often, and the candidate that says so exactly."""

    name: str
    where: Callable[[Rows], Booleans]
    error_rate: float
    place: Place | None = None


WORLDS: Final = (
    World("nothing is worse", _nowhere, ERROR_RATE),
    World("tenure_days < 30: errors .1 to .2", _young, 0.2, Place((0,), ((N_SPECIAL, N_SPECIAL + 2),))),
    World(
        "x1 in its first quarter and EU: errors .1 to .2",
        _cell,
        0.2,
        Place((1, N_NUMBERS), ((N_SPECIAL, N_SPECIAL + 5), (N_SPECIAL, N_SPECIAL + 1))),
    ),
    World("everywhere: errors .1 to .15", _everywhere, 0.15),
)


def draw(rng: np.random.Generator, n: int, world: World) -> Rows:
    """Rows with outcomes: the model is 85 to 95 % sure either way, and right so often except where it is not."""
    rows = np.zeros(n, row_dtype(LAYOUT))
    rows["features"][:, :N_NUMBERS] = N_SPECIAL + rng.integers(0, N_BINS, (n, N_NUMBERS))
    rows["features"][:, N_NUMBERS:] = N_SPECIAL + rng.integers(0, 4, (n, 2))
    sure = rng.uniform(0.85, 0.95, n)
    decided = rng.random(n) < 0.3
    wrong = rng.random(n) < np.where(world.where(rows), world.error_rate, 1.0 - sure)
    rows["score"] = np.where(decided, sure, 1.0 - sure)
    rows["outcome"] = decided ^ wrong
    rows["score_bin"] = np.searchsorted(LAYOUT.edges_array, rows["score"], side="right")
    rows["bucket"] = rng.integers(0, LAYOUT.n_buckets, n)
    rows["slices"][:, 0] = rows["features"][:, N_NUMBERS + 1] - N_SPECIAL
    for j in (1, 2):
        edges = np.array(LAYOUT.slices[j].edges)
        rows["slices"][:, j] = LAYOUT.slice_offsets[j] + np.searchsorted(edges, rows["score"], side="right")
    return rows


def counted(rows: Rows) -> Summary:
    """All rows with their outcomes."""
    summary = Summary.zero(LAYOUT)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return summary


@dataclass(slots=True)
class Tally:
    """What one world's streams showed."""

    n_streams: int = 0
    any_false: int = 0
    any_named_false: int = 0
    found: int = 0
    exact: int = 0
    false_shares: list[float] = field(default_factory=list)
    """Share of false ones among the statements of the last look; 0 without any."""
    delays: list[int] = field(default_factory=list)


def looks(rng: np.random.Generator, world: World) -> Iterator[tuple[int, Summary]]:
    """Live counts at each look, cumulated."""
    live = Summary.zero(LAYOUT)
    step = LIVE_ROWS // LOOKS
    for look in range(1, LOOKS + 1):
        live.merge(counted(draw(rng, step, world)))
        yield look * step, live


def run(rng: np.random.Generator, world: World, tally: Tally) -> None:
    """One stream."""
    offline = counted(draw(rng, OFFLINE_ROWS, WORLDS[0]))
    before = measure_slices(offline)
    names: tuple[str, ...] = ()
    some_false = named_false = False
    delay = None
    for n, live in looks(rng, world):
        names = tuple(finding.slice for finding in discover(offline, live, ALERTS))
        some_false |= any(not _is_about(world, name) for name in names)
        named = compare_slices(LAYOUT.slice_names, before, measure_slices(live), ALERTS, LAYOUT.is_of_score)
        named_false |= any(finding.alarm for finding in named)
        if delay is None and any(_is_about(world, name) for name in names):
            delay = n
    tally.n_streams += 1
    tally.any_false += some_false
    tally.any_named_false += named_false
    tally.false_shares.append(sum(not _is_about(world, name) for name in names) / max(len(names), 1))
    tally.found += any(_is_about(world, name) for name in names)
    tally.exact += world.place is not None and place_name(LAYOUT, world.place) in names
    if delay is not None:
        tally.delays.append(delay)


def _is_about(world: World, name: str) -> bool:
    """Whether a statement is about rows that were made worse: it meets the place in every feature that both name."""
    if world.place is None:
        return False
    said, place = PLACES[name], world.place
    worse = dict(zip(place.features, place.spans, strict=True))
    shared = [(span, worse[at]) for at, span in zip(said.features, said.spans, strict=True) if at in worse]
    return bool(shared) and all(a[0] < b[1] and b[0] < a[1] for a, b in shared)


def rate(hits: int, n: int) -> str:
    """A share with its 95 % interval."""
    interval = wilson_interval(hits, n)
    return f"{hits / n:.3f} ({interval.lower:.3f}-{interval.upper:.3f})"


def main() -> None:
    """Print the table, and what one look costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 streams a world instead of 200")
    n_streams = 20 if parser.parse_args().quick else 200
    n_candidates = len(candidates_of(LAYOUT).places)
    print(f"{OFFLINE_ROWS:,} offline rows, {LIVE_ROWS:,} live, {LOOKS} looks; {n_candidates:,} candidates")
    print(f"{n_streams} streams a world")
    print(
        "| live | any false weak slice, ten looks | share of false ones, last look | found | exactly | median delay |"
    )
    print("|---|---|---|---|---|---|")
    named = []
    for number, world in enumerate(WORLDS):
        tally = Tally()
        rng = np.random.default_rng([7, number])
        for _ in range(n_streams):
            run(rng, world, tally)
        delay = f"{np.median(tally.delays):,.0f}" if len(tally.delays) * 2 >= n_streams else "-"
        found = [rate(hits, n_streams) if world.place else "-" for hits in (tally.found, tally.exact)]
        false = rate(tally.any_false, n_streams)
        print(f"| {world.name} | {false} | {np.mean(tally.false_shares):.4f} | {' | '.join(found)} | {delay} |")
        named.append(f"| {world.name} | {rate(tally.any_named_false, n_streams)} |")
        sys.stdout.flush()
    print("\n| live | any configured or built-in slice raised, ten looks, any metric |\n|---|---|")
    print("\n".join(named))
    rng = np.random.default_rng(1)
    offline, live = counted(draw(rng, OFFLINE_ROWS, WORLDS[0])), counted(draw(rng, LIVE_ROWS, WORLDS[1]))
    started = time.process_time()
    for _ in range(20):
        discover(offline, live, ALERTS)
    print(f"\none discovery: {(time.process_time() - started) / 20 * 1e3:.1f} ms of CPU")


if __name__ == "__main__":
    main()
