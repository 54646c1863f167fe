"""Pages and tickets of a year with the shipped defaults: where nothing is wrong, where the world drifts, and on leaks.

Every benign variant of the simulation lives through a year (`_ordinary_years`), every real stream that is at hand
is replayed whole, and what an operator would have been sent is counted (`_pager`): a page is a notification of an alert
that is critical, after the inhibitions of the example of Alertmanager; one that ends and comes back is a second page.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from scipy import stats

from benchmarks import _flapping
from benchmarks._ordinary_years import Year, benign_years, drift_years, leak_years, play_year
from benchmarks._pager import PAGE, TICKET, Notice, Pager, inhibitions
from sentinel.app.judge import model_counts
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config import load_config
from sentinel.config.model import Model
from sentinel.config.times import parse_time_us
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.gap import log_evidence
from sentinel.evaluation.launch import combined
from sentinel.evaluation.maturity import find_ages
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.ingest.replay_schedules import ScheduledBackfills
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import plan_model
from sentinel.pipeline.progress import outcomes_through
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.simulation.files import Files, write_files
from sentinel.simulation.scenario import SimulatedStream
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import row_dtype
from sentinel.summaries.trained import TrainedOn

MOST_PER_YEAR: Final = 1.0
"""False pages of one model in a year."""
CONFIDENCE: Final = 0.95
YEARS: Final = {"benign": 27, "drift": 8, "leak": 6}
QUICK_YEARS: Final = {"benign": 3, "drift": 0, "leak": 0}
STEP_DAYS: Final = 1.0
"""What is read at once, unless that makes more than ``MOST_STEPS``."""
MOST_STEPS: Final = 400
GROWTH: Final = 1.08
"""Of the time since launch from one full look to the next, once a day would be less."""
NEAR: Final = 1.0
"""Nats from the gate within which every step is looked at in full."""
FAR: Final = 4.0
"""Nats below the gate from which on, after the first month, only the planned looks are taken."""
MONTH_DAYS: Final = 30.0
FOLLOWED: Final = 10
"""Steps that are looked at in full after the pages that stand have changed."""
MOST_CLOSE: Final = 80
"""Full looks beyond the planned ones, which bounds the time of a stream that stays at the gate."""
DAY_US: Final = 86_400 * MICROSECONDS_PER_SECOND
YEAR_US: Final = 365.25 * DAY_US
WORTH_KNOWING: Final = 0.1
"""AUC. Where no gap of this size could ever be proven, silence says little."""
LEAKS_ONLY: Final = frozenset({"SentinelLeakageSuspected", "SentinelFutureFeature"})
"""Pages that claim a leak; a gap may well be real where the world drifts."""
_DATA = "SENTINEL_TEST_DATA"
_BESIDE: Final = Path(__file__).parents[2] / "shared" / "data"
REAL: Final = (
    ("bank_duration", "honest", "benign"),
    ("flights_posthoc", "honest", "benign"),
    ("diabetes_group", "honest", "benign"),
    ("diabetes_group", "leaky", "benign"),
    ("diabetes_futurecount", "honest", "benign"),
    ("bank_duration", "leaky", "leak"),
    ("bank_duration", "leaky_median", "leak"),
    ("flights_posthoc", "leaky_missingness", "leak"),
    ("flights_posthoc", "leaky_taxi_out", "leak"),
    ("flights_posthoc", "leaky_depdelay", "leak"),
    ("diabetes_targetenc", "leaky", "leak"),
    ("diabetes_futurecount", "leaky", "leak"),
)
"""Case, variant and kind. The overlap of `diabetes_group` costs nothing, so it must not page."""


@dataclass(slots=True)
class Told:
    """What one stream brought."""

    source: str
    kind: str
    world: str
    about: str
    years: float = 0.0
    first_us: int = 0
    n_outcomes: int = 0
    n_looks: int = 0
    most: float = -math.inf
    """Largest log evidence of a gap."""
    detectable: float | None = None
    """The smallest gap in AUC that could be proven on its validation rows."""
    notices: list[Notice] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def of(self, severity: str) -> list[Notice]:
        """Its pages, or its tickets."""
        return [notice for notice in self.notices if notice.severity == severity]

    @property
    def false_pages(self) -> list[Notice]:
        """All pages where nothing is wrong; where the world drifts, those that claim a leak."""
        pages = [] if self.kind == "leak" else self.of(PAGE)
        return [page for page in pages if self.kind == "benign" or page.name in LEAKS_ONLY]

    def days(self, notice: Notice) -> float:
        """From the first prediction to the notice."""
        return (notice.at_us - self.first_us) / DAY_US


class Watcher:
    """One stream's pipeline, the looks at it, and who is told."""

    def __init__(self, told: Told, baseline: Baseline, model: Model) -> None:
        self._told, self._baseline, self._model = told, baseline, model
        trained_on = TrainedOn(baseline.train_rows, baseline.train_entities)
        self._plan = plan_model(model, baseline.layout, baseline.meta.horizon_seconds, trained_on)
        row_bytes = -(-row_dtype(baseline.layout).itemsize // 32) * 32
        self._pipeline = PartitionPipeline(0, MemoryJoinStore(row_bytes), [self._plan])
        self._pager = Pager(inhibitions())
        self._gate = -math.log(model.alerts.alpha)
        self._evidence = -math.inf
        self._close = self._n_close = 0

    def follow(self, source: ReplaySource) -> None:
        """Count everything, looking on the way."""
        source.start_at(0, {})
        first = last = None
        next_day = 1.0
        while not source.exhausted():
            for batch in source.poll(0.0):
                self._pipeline.process(batch)
            last = self._pipeline.watermark
            first = last if first is None else first
            day = (last - first) / DAY_US
            if day >= next_day or source.exhausted():
                next_day = max(day + 1.0, day * GROWTH)
                self._look(self._live(), last)
            elif day < MONTH_DAYS or self._close or self._evidence > self._gate - FAR:
                self._look_if_close(last)
        source.close(0.0)
        if first is not None and last is not None:
            self._told.first_us, self._told.years = first, (last - first) / YEAR_US
            self._tell_stale(first, last)
        self._told.notices = self._pager.notices

    def _tell_stale(self, first: int, last: int) -> None:
        """The one alert of a model that Prometheus decides: it stands from then on."""
        end = self._baseline.meta.validation_end
        if end is None:
            return
        stale_at = max(parse_time_us(end) + round(self._model.alerts.baseline_max_age * MICROSECONDS_PER_SECOND), first)
        if last > stale_at:
            self._pager.notices.append(Notice("SentinelBaselineStale", TICKET, stale_at, 0, "the baseline is old"))

    def _live(self) -> PaneSeries:
        found = self._pipeline.publish().get(self._plan.key)
        return PaneSeries(self._baseline.layout, 1, ()) if found is None else found

    def _look_if_close(self, at_us: int) -> None:
        """Look where a page may come or go, at the gate or just after one has."""
        if self._n_close >= MOST_CLOSE:
            return
        live, plan = self._live(), self._plan
        if not self._close:
            through_us = outcomes_through([self._pipeline], plan)
            ages = find_ages(self._baseline.summary, live, through_us, plan.absence, plan.settled_us)
            evidence = combined([log_evidence("auc", age.reference, age.auc(), self._model.alerts) for age in ages])
            self._note(evidence)
            if abs(self._evidence - self._gate) >= NEAR:
                return
        self._close = max(self._close - 1, 0)
        self._n_close += 1
        self._look(live, at_us)

    def _note(self, evidence: float | None) -> None:
        self._evidence = -math.inf if evidence is None else evidence
        self._told.most = max(self._told.most, self._evidence)

    def _look(self, live: PaneSeries, at_us: int) -> None:
        plan, model, told = self._plan, self._model, self._told
        through_us = outcomes_through([self._pipeline], plan)
        evaluation = evaluate(
            self._baseline,
            live,
            model.alerts,
            through_us,
            absence=plan.absence,
            settled_us=plan.settled_us,
            declared=model.features,
        )
        counts = model_counts(live, self._pipeline.tally, plan.key)
        verdict = diagnose(evaluation, self._baseline, counts, model.alerts)
        headline = evaluation.headline("auc")
        self._note(None if headline is None else headline.log_evidence)
        told.detectable = None if headline is None else headline.minimum_detectable_gap
        before = self._pager.pages
        self._pager.look(evaluation, verdict, counts, at_us)
        if self._pager.pages != before:
            self._close = FOLLOWED
        told.n_outcomes = counts["joined"]
        told.n_looks += 1


def watch_year(year: Year) -> Told:
    """Play a simulated year and watch it."""
    plan = year.plan
    about = f"{plan.generator}, {plan.variant}, {plan.severity}, {year.life.name}, seed {plan.seed}"
    return watch(play_year(year), Told("simulated", year.kind, year.world, about))


def watch(simulated: SimulatedStream, told: Told) -> Told:
    """Watch a simulated stream with the smallest configuration there is."""
    started = time.process_time()
    truth = simulated.truth
    told.about += f", AUC {truth.offline_auc:.3f} offline, {truth.online_auc:.3f} live"
    with TemporaryDirectory() as folder:
        _watch_files(told, write_files(simulated, Path(folder)))
    told.cpu_seconds = time.process_time() - started
    return told


def watch_real(folder: Path, kind: str) -> Told:
    """Replay a real stream, whole, with the smallest configuration that names its slices."""
    started = time.process_time()
    case, variant = folder.parts[-2:]
    told = Told("real", kind, f"{case} {variant}", "replayed whole")
    stream = folder / "stream.parquet"
    slices = ", ".join(name for name in pq.read_schema(stream).names if name.startswith("s_"))
    with TemporaryDirectory() as scratch:
        config, manifest = Path(scratch) / "sentinel.yaml", Path(scratch) / "manifest.yaml"
        config.write_text(f"apiVersion: sentinel/v1\nmodels:\n  - {{name: {case}, version: '1', slices: [{slices}]}}\n")
        manifest.write_text("{}\n")
        files = Files(folder / "train.parquet", folder / "validation.parquet", stream, manifest, config)
        _watch_files(told, files)
    told.cpu_seconds = time.process_time() - started
    return told


def _watch_files(told: Told, files: Files) -> None:
    model = load_config(files.config).models[0]
    baseline = build_baseline(model, files.validation, files.train, files.manifest, now_us=0)
    codec = ArrowCodec(baseline.layout.schema, model.columns)
    at = pq.read_table(files.stream, columns=["predicted_at"])["predicted_at"].to_numpy().astype("datetime64[us]")
    days = float((at.max() - at.min()) / np.timedelta64(1, "D"))
    backfills = None if files.backfills is None else ScheduledBackfills(files.backfills, codec)
    rows = max(math.ceil(len(at) * STEP_DAYS / days), math.ceil(len(at) / MOST_STEPS))
    source = ReplaySource(files.stream, files.stream, codec, model.columns, rows_per_batch=rows, backfills=backfills)
    Watcher(told, baseline, model).follow(source)


def upper_bound(n: int, years: float) -> float:
    """Rate that a Poisson law of so few events in so many years does not exceed, with a confidence of 95 %.

    Examples
    --------
    >>> round(upper_bound(0, 3.0), 2)
    1.0
    """
    return math.inf if years <= 0.0 else float(stats.chi2.ppf(CONFIDENCE, 2 * (n + 1))) / 2.0 / years


def rate(streams: Sequence[Told]) -> tuple[int, float, float]:
    """False pages, model-years, and the upper bound of their ratio."""
    n, years = sum(len(one.false_pages) for one in streams), sum(one.years for one in streams)
    return n, years, upper_bound(n, years)


def report(seen: Sequence[Told]) -> None:
    """Print the table, and the story of every stream with a page."""
    print("| world | streams | model-years | false pages | other pages | tickets |")
    print("|---|---|---|---|---|---|")
    for world in dict.fromkeys((one.source, one.kind, one.world) for one in seen):
        mine = [one for one in seen if (one.source, one.kind, one.world) == world]
        _row(f"{world[2]} ({world[0]}, {world[1]})", mine)
    for source, kind in dict.fromkeys((one.source, one.kind) for one in seen):
        mine = [one for one in seen if (one.source, one.kind) == (source, kind)]
        _row(f"**all: {source}, {kind}**", mine)
    print()
    for one in seen:
        if one.of(PAGE) or one.kind == "leak":
            print(_story(one))
    telling = sum(one.detectable is not None and one.detectable <= WORTH_KNOWING for one in seen)
    print(f"\nA gap of {WORTH_KNOWING} could have been proven in {telling} of {len(seen)} streams.")
    leaks = [one for one in seen if one.kind == "leak"]
    if leaks:
        delays = sorted(one.days(one.of(PAGE)[0]) for one in leaks if one.of(PAGE))
        median = f", the first after {np.median(delays):.0f} days in the median" if delays else ""
        print(f"Leaks paged: {len(delays)} of {len(leaks)}{median}.")


def _row(name: str, streams: Sequence[Told]) -> None:
    false = [page for one in streams for page in one.false_pages]
    other = [page for one in streams for page in one.of(PAGE) if page not in one.false_pages]
    tickets = [ticket for one in streams for ticket in one.of(TICKET)]
    years = sum(one.years for one in streams)
    cells = " | ".join(_counted(notices) for notices in (false, other, tickets))
    print(f"| {name} | {len(streams)} | {years:.1f} | {cells} |")


def _counted(notices: Sequence[Notice]) -> str:
    counts = Counter(notice.name.removeprefix("Sentinel") for notice in notices)
    return ", ".join(f"{n} {name}" for name, n in counts.most_common()) or "0"


def _story(one: Told) -> str:
    pages = "; ".join(f"{page.name} on day {one.days(page):.1f} at {page.n_outcomes:,}" for page in one.of(PAGE))
    return f"{one.source} {one.world}: {one.about}; most evidence {one.most:.1f}; {pages or 'no page'}"


def real_folders() -> list[tuple[Path, str]]:
    """The real streams at hand: where ``SENTINEL_TEST_DATA`` says, or beside the repository."""
    root = Path(os.environ.get(_DATA, _BESIDE))
    found = [(root / case / variant, kind) for case, variant, kind in REAL]
    return [(folder, kind) for folder, kind in found if (folder / "validation.parquet").is_file()]


def main(arguments: list[str] | None = None) -> int:
    """Print the tables.

    Returns
    -------
    int
        1 if more false pages came than ``MOST_PER_YEAR`` where nothing is wrong, in any source, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_YEARS['benign']} years, for every commit")
    parser.add_argument("--benign", type=int, help=f"years in which nothing is wrong ({YEARS['benign']})")
    parser.add_argument("--drift", type=int, help=f"years with a drift or a fault ({YEARS['drift']})")
    parser.add_argument("--leak", type=int, help=f"years with a leak ({YEARS['leak']})")
    parser.add_argument("--no-real", action="store_true", help="leave the real streams out")
    parser.add_argument("--seed", type=int, default=20_267, help="of the worlds")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    sizes = QUICK_YEARS if options.quick else YEARS
    n_benign, n_drift, n_leak = (
        sizes[kind] if getattr(options, kind) is None else getattr(options, kind) for kind in sizes
    )
    wanted = [partial(watch_year, year) for year in benign_years(n_benign, options.seed)]
    if not (options.quick or options.no_real):
        wanted += [partial(watch_real, folder, kind) for folder, kind in real_folders()]
    moving = [*drift_years(n_drift, options.seed), *leak_years(n_leak, options.seed)]
    wanted += [partial(watch_year, year) for year in moving]
    started = time.perf_counter()
    seen = []
    for i, one in enumerate(_watched(wanted, options.processes), 1):
        seen.append(one)
        told = ", ".join(sorted({notice.name for notice in one.notices})) or "nothing"
        print(
            f"{i}/{len(wanted)} {one.cpu_seconds:.0f} s, {one.n_looks} looks, {_story(one)} ({told})", file=sys.stderr
        )
    order = {"benign": 0, "drift": 1, "leak": 2}
    report(sorted(seen, key=lambda one: (one.source == "real", order[one.kind], one.world)))
    _flapping.report(_flapping.QUICK_STREAMS if options.quick else _flapping.STREAMS, options.seed)
    exceeded = False
    print()
    for source in dict.fromkeys(one.source for one in seen):
        n, span, bound = rate([one for one in seen if one.source == source and one.kind == "benign"])
        print(f"Where nothing is wrong, {source}: {n} false pages in {span:.1f} model-years, "
              f"{n / span if span else 0.0:.2f} a year, at most {bound:.2f} (Poisson, 95 %)")  # fmt: skip
        exceeded |= n > MOST_PER_YEAR * span
    cpu = sum(one.cpu_seconds for one in seen)
    print(f"{time.perf_counter() - started:.0f} s, {cpu:.0f} s of CPU, {np.mean([one.n_looks for one in seen]):.0f} "
          f"full looks a stream; {'above' if exceeded else 'within'} {MOST_PER_YEAR:g} a model-year")  # fmt: skip
    return int(exceeded)


def _watched(wanted: Sequence[partial[Told]], processes: int) -> Iterator[Told]:
    if processes == 1:
        yield from (watch_one() for watch_one in wanted)
        return
    # Spawned, not forked: the libraries below keep threads of their own.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_call, wanted)


def _call(watch_one: partial[Told]) -> Told:
    return watch_one()


if __name__ == "__main__":
    sys.exit(main())
