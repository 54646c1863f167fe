"""Alarms on long streams of worlds in which nothing is wrong: 100,000 outcomes each, watched by the whole product.

Every benign variant of the simulation, in all generators, once in a world that stands still (no shocks by the day, no
season, no weekly swing, no drift of harmless features) and once in one that moves as the trials' do. The gate and the
launch window are judged at every look; evaluation, verdict and alerts as a whole at some of them, and wherever the gate
is near. An alarm counts if it was ever raised.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from sentinel.app.judge import model_counts
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config
from sentinel.config.alerts import Alerts
from sentinel.config.model import Model, Panes
from sentinel.diagnosis.conditions import conditions
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.change import HORIZON_PANES
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.gap import log_evidence
from sentinel.evaluation.launch import combined, judge_launch
from sentinel.evaluation.maturity import find_ages
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan, plan_model
from sentinel.pipeline.progress import outcomes_through
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.simulation.causes import VARIANTS
from sentinel.simulation.files import write_files
from sentinel.simulation.trials import GENERATORS, SEVERITIES, TrialPlan, plan_trial, play
from sentinel.simulation.worlds import NEGATIVE_BY_ABSENCE
from sentinel.stats.intervals import wilson_interval
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import row_dtype
from sentinel.summaries.trained import TrainedOn

STREAMS: Final = 300
OUTCOMES: Final = 100_000
QUICK_STREAMS: Final = 20
QUICK_OUTCOMES: Final = 10_000
BATCHES: Final = 200
"""Slices of the predictions; every one of the first is looked at, later every second."""
FIRST_BATCHES: Final = 20
FULL_LOOKS: Final = 24
NEAR: Final = 1.0
"""Nats below the gate from which on every look is a full one, up to as many again."""
MOST_FEATURES: Final = 12
"""More cost time and no outcomes."""
WORTH_KNOWING: Final = 0.1
"""AUC. Where no gap of this size could ever be proven, a gate that stays shut says little."""
ALERTS: Final = Alerts()
MOST_PANES: Final = Panes().max_panes
STILL, MOVING = "still", "moving"
HONEST: Final = ("clean", "new_entities", "harmless_overlap", "delay_shift", "scaler_on_all")
"""In a still world these leave outcomes, given the scores, as they were offline."""
CLOCKED: Final = frozenset({"conversions", "series"})
"""Generators with features of the hour, or of the weekday and the weather: their rates follow these, still or not."""

GATE, WINDOW, CHANGE, LOSS = "gap (gate)", "launch window", "change (ranking)", "change (loss)"
NOMINAL: Final = {
    GATE: f"{ALERTS.alpha}",
    WINDOW: f"{ALERTS.warn_alpha}",
    CHANGE: f"{ALERTS.alpha}",
    LOSS: f"{ALERTS.alpha * MOST_PANES / HORIZON_PANES}",
    "SentinelOfflineOnlineGap": f"{ALERTS.alpha}, the gate",
    "SentinelLeakageSuspected critical": f"{ALERTS.alpha}, behind the gate",
    "SentinelLeakageSuspected warning": f"{ALERTS.alpha}, behind the gate or a proof",
    "SentinelPerformanceChanged warning": f"{ALERTS.alpha}, change (ranking)",
    "SentinelPerformanceChanged info": "change (loss)",
    "SentinelSliceGap warning": f"{ALERTS.slice_fdr}",
    "SentinelSliceGap info": f"{ALERTS.slice_fdr}",
}
"""Largest share of streams without a gap in which the alarm may ever be raised; alerts not listed promise none."""
PROMISED: Final = (GATE, CHANGE, "SentinelOfflineOnlineGap", "SentinelLeakageSuspected critical")
"""What must hold its level where nothing changes."""
STORIES: Final = frozenset(
    {GATE, WINDOW, CHANGE, LOSS, *(name for name in NOMINAL if name.startswith("SentinelLeakage"))}
)
"""Alarms of which every stream is told."""


@dataclass(frozen=True, slots=True)
class Task:
    """One stream to watch."""

    plan: TrialPlan
    world: str
    n_outcomes: int


@dataclass(slots=True)
class Seen:
    """What was seen of one stream."""

    task: Task
    offline_auc: float
    online_auc: float
    detectable: float | None = None
    n_outcomes: int = 0
    n_looks: int = 0
    n_full_looks: int = 0
    most: float = -math.inf
    """Largest log evidence of a gap."""
    told_auc: float | None = None
    """Live, of the outcomes that were told."""
    at: dict[str, int] = field(default_factory=dict)
    """Outcomes known when each alarm was first raised."""
    cpu_seconds: float = 0.0

    def raise_alarm(self, name: str) -> None:
        """Note an alarm, if it is the first of its name."""
        self.at.setdefault(name, self.n_outcomes)

    @property
    def telling(self) -> bool:
        """Whether a gap worth knowing could have been proven."""
        return self.detectable is not None and self.detectable <= WORTH_KNOWING


def tasks(n: int, n_outcomes: int, seed: int) -> list[Task]:
    """Streams of all variants and generators, in turn; every third is clean in a still world, where alpha must hold."""
    variants = VARIANTS["none"]
    others = [(v, w) for w in (MOVING, STILL) for v in variants if (v, w) != ("clean", STILL)]
    round_robin = itertools.cycle(itertools.chain.from_iterable((("clean", STILL), *others[i : i + 2])
                                  for i in range(0, len(others), 2)))  # fmt: skip
    generators = list(GENERATORS)
    found = []
    for i, (variant, world) in enumerate(itertools.islice(round_robin, n)):
        # Neither the number of variants nor that of severities may go in step with the generators.
        generator = generators[(i + i // 20) % len(generators)]
        plan = plan_trial(
            generator, "none", variant=variant, severity=SEVERITIES[(i // 7) % 3], seed=seed * 1_000_003 + i
        )
        found.append(Task(_long(plan, world, n_outcomes), world, n_outcomes))
    return found


def _long(plan: TrialPlan, world: str, n_outcomes: int) -> TrialPlan:
    """The trial with so many outcomes in its days: more of them a day, not more days."""
    nuisances = plan.nuisances
    n = 1.03 * n_outcomes
    if plan.variant == "selective_outcomes":
        n *= 1.6
    if plan.generator in NEGATIVE_BY_ABSENCE and nuisances.absence_is_negative:
        # A negative is one when its horizon has passed, which must not be as long as the stream.
        nuisances = replace(nuisances, stream_days=45.0, delay_hours=min(nuisances.delay_hours, 8.0))
        if nuisances.delay == "heavy":
            nuisances = replace(nuisances, delay="exponential")
        n *= 1.3
    if world == STILL:
        nuisances = replace(nuisances, season=0.0, day_sd=0.0, wobble=0.0, harmless_drift=0.0)
    return replace(
        plan,
        nuisances=replace(
            nuisances,
            n_stream=round(n),
            n_features=min(nuisances.n_features, MOST_FEATURES),
            has_feature_times=False,
            has_backfills=False,
        ),
    )


def watch(task: Task) -> Seen:
    """Play one stream and watch it from its first prediction to its last outcome."""
    started = time.process_time()
    simulated = play(task.plan)
    seen = Seen(task, simulated.truth.offline_auc, simulated.truth.online_auc)
    with TemporaryDirectory() as folder:
        files = write_files(simulated, Path(folder))
        model = load_config(files.config).models[0]
        baseline = build_baseline(model, files.validation, files.train, files.manifest, now_us=0)
        batch = math.ceil(len(simulated.stream) / BATCHES)
        codec = ArrowCodec(baseline.layout.schema, model.columns)
        source = ReplaySource(files.stream, files.stream, codec, model.columns, rows_per_batch=batch)
        Watcher(seen, baseline, model).follow(source)
    seen.cpu_seconds = time.process_time() - started
    return seen


class Watcher:
    """One stream's pipeline, and what every look at it adds to what was seen."""

    def __init__(self, seen: Seen, baseline: Baseline, model: Model) -> None:
        self._seen = seen
        self._baseline = baseline
        self._model = model
        trained_on = TrainedOn(baseline.train_rows, baseline.train_entities)
        self._plan: ModelPlan = plan_model(model, baseline.layout, baseline.meta.horizon_seconds, trained_on)
        row_bytes = -(-row_dtype(baseline.layout).itemsize // 32) * 32
        self._pipeline = PartitionPipeline(0, MemoryJoinStore(row_bytes), [self._plan])
        self._n_near = 0

    def follow(self, source: ReplaySource) -> None:
        """Count everything, looking on the way."""
        source.start_at(0, {})
        waiting = np.linspace(0.0, 1.0, FULL_LOOKS + 1)[1:].tolist()
        for turn in itertools.count(1):
            for batch in source.poll(0.0):
                self._pipeline.process(batch)
            ended = source.exhausted()
            due = ended or source.fraction() >= waiting[0] - 1e-9
            if due or turn <= FIRST_BATCHES or turn % 2 == 0:
                self.look(in_full=due or turn in (2, 5))
            while due and waiting[1:] and source.fraction() >= waiting[0] - 1e-9:
                waiting.pop(0)
            if ended:
                break
        source.close(0.0)

    def look(self, *, in_full: bool) -> None:
        """The gate and the launch window; the rest where it is due or the gate is near."""
        seen, plan, baseline = self._seen, self._plan, self._baseline
        live = self._live()
        through_us = outcomes_through([self._pipeline], plan)
        seen.n_looks += 1
        seen.n_outcomes = sum(pane.n_outcomes for _, pane in live.panes)
        ages = find_ages(baseline.summary, live, through_us, plan.absence, plan.settled_us)
        evidence = combined([log_evidence("auc", age.reference, age.auc(), self._model.alerts) for age in ages])
        if judge_launch(ages, self._model.alerts).window.alarm:
            seen.raise_alarm(WINDOW)
        gate = -math.log(self._model.alerts.alpha)
        if evidence is not None:
            seen.most = max(seen.most, evidence)
            if evidence >= gate:
                seen.raise_alarm(GATE)
        is_near = evidence is not None and evidence >= gate - NEAR and self._n_near < FULL_LOOKS
        if in_full or is_near:
            self._n_near += not in_full
            self._judge(live, through_us)

    def _judge(self, live: PaneSeries, through_us: int) -> None:
        seen, plan, model = self._seen, self._plan, self._model
        seen.n_full_looks += 1
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
        headline, change = evaluation.headline("auc"), evaluation.change
        if headline is not None:
            seen.detectable, seen.told_auc = headline.minimum_detectable_gap, headline.online.value
        if change is not None and change.alarm:
            seen.raise_alarm(CHANGE)
        if change is not None and change.loss_alarm:
            seen.raise_alarm(LOSS)
        verdict = diagnose(evaluation, self._baseline, counts, model.alerts)
        for condition in conditions(evaluation, verdict, counts):
            name = condition.name
            if name in ("SentinelLeakageSuspected", "SentinelPerformanceChanged", "SentinelSliceGap"):
                name = f"{name} {condition.severity}"
            seen.raise_alarm(name)

    def _live(self) -> PaneSeries:
        found = self._pipeline.publish().get(self._plan.key)
        return PaneSeries(self._baseline.layout, 1, ()) if found is None else found


def watch_all(wanted: Sequence[Task], processes: int) -> Iterator[Seen]:
    """Watch all streams, in no particular order."""
    if processes == 1:
        yield from map(watch, wanted)
        return
    # Spawned, not forked: the libraries below keep threads of their own.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(watch, wanted)


def share(streams: Sequence[Seen], name: str) -> str:
    """In how many streams an alarm was ever raised, with the 95 % interval."""
    raised = sum(name in one.at for one in streams)
    lower, upper = wilson_interval(raised, len(streams))
    return f"{raised} of {len(streams)} ({lower:.3f}-{upper:.3f})"


def report(seen: Sequence[Seen]) -> None:
    """Print both tables, and every stream with an alarm of a test."""
    worlds = {world: [one for one in seen if one.task.world == world] for world in (STILL, MOVING)}
    print("| variant | world | streams | gap worth knowing provable | gate | launch window | change (ranking) |")
    print("|---|---|---|---|---|---|---|")
    for variant in VARIANTS["none"]:
        for world, streams in worlds.items():
            mine = [one for one in streams if one.task.plan.variant == variant]
            if mine:
                _row(variant, world, mine)
    steady = [one for one in worlds[STILL] if one.task.plan.variant in HONEST]
    for title, world, mine in (
        ("all that change nothing", STILL, steady),
        ("the same", MOVING, [one for one in worlds[MOVING] if one.task.plan.variant in HONEST]),
        ("all", "both", list(seen)),
    ):
        if mine:
            _row(f"**{title}**", world, mine)
    names = (
        GATE,
        WINDOW,
        CHANGE,
        LOSS,
        *sorted({name for one in seen for name in one.at} - {GATE, WINDOW, CHANGE, LOSS}),
    )
    groups = [
        [one for one in steady if one.task.plan.generator not in CLOCKED],
        [one for one in steady if one.task.plan.generator in CLOCKED],
        [one for one in seen if one not in steady],
    ]
    print(
        "\n| alarm or alert, at any look | nominal | changes nothing, no clock | the same, with a clock | all others |"
    )
    print("|---|---|---|---|---|")
    for name in names:
        cells = " | ".join(share(streams, name) if streams else "-" for streams in groups)
        print(f"| {name} | {NOMINAL.get(name, 'none promised')} | {cells} |")
    print(f"\n{_extent(seen)}")
    for one in sorted(seen, key=lambda one: (one.task.world, one.task.plan.variant)):
        if one.at.keys() & STORIES:
            print(_story(one))


def _row(variant: str, world: str, streams: Sequence[Seen]) -> None:
    telling = sum(one.telling for one in streams)
    cells = " | ".join(share(streams, name) for name in (GATE, WINDOW, CHANGE))
    print(f"| {variant} | {world} | {len(streams)} | {telling} | {cells} |")


def _extent(seen: Sequence[Seen]) -> str:
    outcomes = sorted(one.n_outcomes for one in seen)
    looks = min(one.n_looks for one in seen)
    full = np.median([one.n_full_looks for one in seen])
    cost = np.mean([one.cpu_seconds for one in seen])
    return (
        f"Outcomes in a stream: {outcomes[len(outcomes) // 2]:,} in the median, {outcomes[0]:,} at least; {looks} "
        f"looks or more, {full:.0f} of them in full; {cost:.1f} s of CPU a stream."
    )


def _story(one: Seen) -> str:
    plan = one.task.plan
    told = "-" if one.told_auc is None else f"{one.told_auc:.3f}"
    names = ", ".join(f"{name} at {at:,}" for name, at in sorted(one.at.items(), key=lambda item: item[1]))
    return (
        f"{one.task.world} {plan.variant} {plan.severity}, {plan.generator}, seed {plan.seed}: offline AUC "
        f"{one.offline_auc:.3f}, live {one.online_auc:.3f}, of the outcomes told {told}; {names}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the tables.

    Returns
    -------
    int
        1 if an alarm of ``PROMISED`` is surely above alpha where nothing changes, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_STREAMS} streams of {QUICK_OUTCOMES:,} outcomes, for every commit"
    )
    parser.add_argument("--streams", type=int, help=f"streams ({STREAMS})")
    parser.add_argument("--outcomes", type=int, help=f"outcomes in each ({OUTCOMES:,})")
    parser.add_argument("--seed", type=int, default=20_263, help="of the worlds")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    n_streams = options.streams or (QUICK_STREAMS if options.quick else STREAMS)
    n_outcomes = options.outcomes or (QUICK_OUTCOMES if options.quick else OUTCOMES)
    started = time.perf_counter()
    print(f"{n_streams} streams of about {n_outcomes:,} outcomes in which nothing is wrong; alpha {ALERTS.alpha}\n")
    seen = list(_told(watch_all(tasks(n_streams, n_outcomes, options.seed), options.processes), n_streams))
    report(seen)
    steady = [one for one in seen if one.task.world == STILL and one.task.plan.variant in HONEST]
    raised = Counter(name for one in steady for name in one.at)
    exceeded = [name for name in PROMISED if wilson_interval(raised[name], len(steady))[0] > ALERTS.alpha]
    verdict = f"above alpha: {', '.join(exceeded)}" if exceeded else f"within alpha: {', '.join(PROMISED)}"
    print(f"\n{time.perf_counter() - started:.0f} s; where nothing changes {verdict}")
    return int(bool(exceeded))


def _told(seen: Iterable[Seen], n: int) -> Iterator[Seen]:
    for i, one in enumerate(seen, 1):
        alarms = ", ".join(sorted(one.at)) or "quiet"
        print(f"{i}/{n} {one.task.world} {one.task.plan.variant} {one.cpu_seconds:.1f} s: {alarms}", file=sys.stderr)
        yield one


if __name__ == "__main__":
    sys.exit(main())
